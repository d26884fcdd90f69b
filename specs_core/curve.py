"""The cumulative score curve of a caption over its detail units (numpy only)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from specs_core.errors import CaptionError
from specs_core.scoring import FloatArray, cosine, specs_score
from specs_core.text_features import TextTree, TreeFeatures

if TYPE_CHECKING:
    from PIL import Image

    from specs_core.encoder import Encoder
    from specs_core.segmentation.units import DetailUnit
    from specs_core.text_memory import TextMemory

DEFAULT_SEGMENTER = "dependency"
# Below this many tokens the paper recommends plain CLIP.
SHORT_CAPTION_TOKENS = 60


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    """Similarity of the image with every growing prefix of a caption (U units).

    Attributes:
        units: The caption's detail units; joined they are the caption.
        similarity: (U,) float64 cosine of image and prefix 0..u; NaN for a prefix beyond the model's context.
        tokens: (U,) int64, the tokens that each unit adds.
        total_tokens: Tokens of the whole caption, start- and end-of-text included.
        context_length: The most tokens that the model reads, start- and end-of-text included.
        segmenter: Name of the segmenter that cut the caption, or "given".
        segmenter_version: Its version, "" for given units.
    """

    units: tuple[DetailUnit, ...]
    similarity: FloatArray
    tokens: npt.NDArray[np.int64]
    total_tokens: int
    context_length: int
    segmenter: str = "given"
    segmenter_version: str = ""

    def __post_init__(self) -> None:
        if not self.units:
            raise CaptionError("a curve needs at least one unit, got 0")
        for name in ("similarity", "tokens"):
            shape = getattr(self, name).shape
            if shape != (len(self.units),):
                raise ValueError(f"{name} has shape {shape} for {len(self.units)} units")

    @property
    def caption(self) -> str:
        """The whole caption."""
        return "".join(unit.text for unit in self.units)

    @property
    def score(self) -> FloatArray:
        """(U,) SPECS of every prefix, in [0, 1]; NaN beyond the context."""
        return specs_score(self.similarity)

    @property
    def delta(self) -> FloatArray:
        """(U,) similarity of this prefix minus the one before; NaN for unit 0 and beyond the context."""
        return np.diff(self.similarity, prepend=np.nan)

    @property
    def beyond_context(self) -> npt.NDArray[np.bool_]:
        """(U,) true where the prefix is longer than the model reads, so that the unit has no score."""
        return np.isnan(self.similarity)

    @property
    def final_similarity(self) -> float:
        """Cosine of the longest prefix within the context; NaN where not even the first unit fits."""
        inside = self.similarity[~self.beyond_context]
        return float(inside[-1]) if inside.size else math.nan

    @property
    def final_score(self) -> float:
        """SPECS of the longest prefix within the context; NaN where not even the first unit fits."""
        return float(specs_score(self.final_similarity))

    @property
    def is_short(self) -> bool:
        """Whether the caption is so short that the paper recommends plain CLIP over SPECS."""
        return self.total_tokens < SHORT_CAPTION_TOKENS

    def dips(self, threshold: float = 0.0) -> npt.NDArray[np.bool_]:
        """Tell which units lower the similarity by more than a threshold.

        Args:
            threshold: A cosine difference, 0 or more; 0 is the paper's definition.

        Returns:
            (U,) bool; false for unit 0 and for units beyond the context.

        Raises:
            ValueError: The threshold is negative or not a number.

        Source: Chen et al. 2025, SPECS: a wrong detail should lower the similarity.
        """
        if not threshold >= 0:
            raise ValueError(f"the dip threshold has to be 0 or more, got {threshold}")
        return self.delta < -threshold


def score_curve(
    encoder: Encoder, image: Image.Image, caption: str, *, segmenter: str = DEFAULT_SEGMENTER
) -> ScoreCurve:
    """Cut a caption into detail units and score every prefix against an image, in one text pass.

    Args:
        encoder: A loaded model.
        image: An RGB image, as `specs_core.images.read_image` returns it.
        caption: The caption; its units joined are the caption, exactly.
        segmenter: One of `specs_core.segmentation.SEGMENTERS`.

    Returns:
        The curve; units beyond the model's context carry NaN.

    Raises:
        CaptionError: The caption is empty or white space.
        ConfigError: No such segmenter.

    Source: Chen et al. 2025, SPECS; ours: docs/metrics.md, "The whole curve in one text pass".
    """
    from specs_core.segmentation import segment, segmenter_version

    units = segment(caption, segmenter=segmenter)
    return curve_of_units(
        encoder,
        encoder.image_features([image])[0],
        units,
        segmenter=segmenter,
        segmenter_version=segmenter_version(segmenter),
    )


def curve_of_units(
    encoder: Encoder,
    image_features: npt.NDArray[np.float32],
    units: Sequence[DetailUnit],
    *,
    segmenter: str = "given",
    segmenter_version: str = "",
    memory: TextMemory | None = None,
) -> ScoreCurve:
    """Score every prefix of given units against an image that is already encoded.

    Args:
        encoder: A loaded model.
        image_features: (D,) of one image, from the same model.
        units: At least one; joined they are the caption.
        segmenter: What cut the units, for the record.
        segmenter_version: Its version.
        memory: Of this model; what it knows of the caption's beginning is not encoded again.

    Returns:
        The curve; units beyond the model's context carry NaN.

    Raises:
        CaptionError: There are no units.
    """
    prefixes = encoder.prefix_features(units, memory=memory)
    return ScoreCurve(
        units=tuple(units),
        similarity=cosine(image_features, prefixes.features),
        tokens=prefixes.tokens,
        total_tokens=prefixes.total_tokens,
        context_length=encoder.context_length,
        segmenter=segmenter,
        segmenter_version=segmenter_version,
    )


def curves_of_units(
    encoder: Encoder,
    image_features: npt.NDArray[np.float32],
    cuts: Sequence[Sequence[DetailUnit]],
    *,
    segmenter: str = "given",
    segmenter_version: str = "",
    encoded: Sequence[TreeFeatures] | None = None,
) -> list[ScoreCurve]:
    """Score every prefix of several cut captions, each against its own image, in shared text passes.

    The curves are those of `curve_of_units`, up to the rounding of a batch.

    Args:
        encoder: A loaded model.
        image_features: (N, D), the image of each caption, from the same model.
        cuts: The units of N captions, at least one each; joined they are the caption.
        segmenter: What cut the units, for the record.
        segmenter_version: Its version.
        encoded: The text features of the cuts, from `encoder.tree_features`, where they are known already.

    Returns:
        N curves; units beyond the model's context carry NaN.

    Raises:
        CaptionError: A caption has no units, or they are blank.
        CheckpointError: The model gives numbers that are not finite.
    """
    if encoded is None:
        encoded = encoder.tree_features([TextTree(units) for units in cuts])
    added = encoder.texts.positions(())  # start- and end-of-text, which count once and for no unit
    curves = []
    for image, units, tree in zip(image_features, cuts, encoded, strict=True):
        inside = tree.readable(encoder.context_length)
        similarity = cosine(image, tree.prefixes)
        similarity[inside:] = np.nan
        beyond = [len(encoder.texts.tokens(unit.text)) for unit in units[inside:]]
        own = np.diff(tree.prefix_tokens[:inside] - added, prepend=0)
        curves.append(
            ScoreCurve(
                units=tuple(units),
                similarity=similarity,
                tokens=np.array([*own, *beyond], dtype=np.int64),
                total_tokens=int(tree.prefix_tokens[-1]),
                context_length=encoder.context_length,
                segmenter=segmenter,
                segmenter_version=segmenter_version,
            )
        )
    return curves


def curve_record(curve: ScoreCurve, encoder: Encoder, *, threshold: float = 0.0) -> dict[str, Any]:
    """Return a curve as the JSON object that `specs curve --json` prints.

    Numbers that do not exist (the first unit's delta, anything beyond the context) are None.

    Args:
        curve: From `score_curve` with this encoder.
        encoder: The model that scored it, for the provenance.
        threshold: Dip threshold, a cosine difference of 0 or more.

    Returns:
        Keys model, provenance, score, similarity, tokens and units (text, start, end, tokens, similarity,
        score, delta, dip). score and similarity are those of the longest prefix within the context.
    """
    columns = zip(
        curve.units,
        curve.tokens,
        curve.similarity,
        curve.score,
        curve.delta,
        curve.dips(threshold),
        strict=True,
    )
    return {
        "model": encoder.checkpoint.label,
        "provenance": {
            **encoder.provenance(),
            "segmenter": curve.segmenter,
            "segmenter_version": curve.segmenter_version,
            "dip_threshold": threshold,
            "units_beyond_context": int(curve.beyond_context.sum()),
        },
        "score": number_or_none(curve.final_score),
        "similarity": number_or_none(curve.final_similarity),
        "tokens": curve.total_tokens,
        "units": [
            {
                "text": unit.text,
                "start": unit.start,
                "end": unit.end,
                "tokens": int(tokens),
                "similarity": number_or_none(similarity),
                "score": number_or_none(score),
                "delta": number_or_none(delta),
                "dip": bool(dip),
            }
            for unit, tokens, similarity, score, delta, dip in columns
        ],
    }


def number_or_none(value: float) -> float | None:
    """Return a float, or None for NaN, which JSON does not have."""
    return None if math.isnan(value) else float(value)
