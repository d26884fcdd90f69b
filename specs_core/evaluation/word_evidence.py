"""What speaks for and against every word of a caption: the signals of hallucination detection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from specs_core.attribution import EPSILON, TEMPLATE, attribute
from specs_core.datasets.hallucinations import word_spans
from specs_core.encoder import Encoder
from specs_core.errors import AttributionError
from specs_core.scoring import FloatArray, clip_score, cosine
from specs_core.scoring import ref_clip_score as harmonic_mean
from specs_core.segmentation.units import DetailUnit
from specs_core.specificity import IntArray
from specs_core.text_branches import features_beside
from specs_core.text_features import FloatArray as Features

#: The signals of a word as the model gives them; the fusion is made of these.
SIGNALS = ("attribution", "unit_delta", "unit_leave_one_out", "word_delta", "word_leave_one_out")


@dataclass(frozen=True, eq=False)
class WordEvidence:
    """The words of a caption (W words, U units) held against an image.

    Attributes:
        suspicion: Signal of `SIGNALS` -> (W,) float64, higher where the image rather speaks against the word;
            NaN where there is none.
        unit: (W,) int64, the unit that each word begins in.
        cosine: Similarity of image and caption behind the template; NaN where the two do not fit the context.
        lowest_delta: Lowest delta of a unit; NaN without one.
        lowest_leave_one_out: Lowest gain of a unit; NaN without one.
        attributed: Words that have an attribution.
        read: Words within the context.
    """

    suspicion: dict[str, FloatArray]
    unit: IntArray
    cosine: float
    lowest_delta: float
    lowest_leave_one_out: float
    attributed: int
    read: int

    @property
    def words(self) -> int:
        """W."""
        return len(self.unit)

    @property
    def clip_score(self) -> float:
        """CLIPScore, in [0, 2.5]."""
        return float(clip_score(self.cosine))


def word_evidence(
    encoder: Encoder, image_features: Features, caption: str, units: Sequence[DetailUnit]
) -> WordEvidence:
    """Hold every word and every unit of a caption against an image.

    One pass encodes the prefixes that end with each word and each unit, one the caption without each word and
    without each unit, and one attributes the words.

    Args:
        encoder: The model.
        image_features: (D,) of the image.
        caption: The caption, not blank.
        units: U units; joined they are the caption.

    Returns:
        The evidence. Beyond the context nothing is known of a word; a text tower that is not causal gives no
        attribution.

    Raises:
        CaptionError: The caption is blank.
        CheckpointError: The model gives numbers that are not finite.

    Source: ours: docs/hallucination.md, "Signals".
    """
    words = word_spans(caption)
    starts = [start for start, _ in words]
    # A word reaches to the next one: a stop and the space behind it belong to the word before.
    ends = [*starts[1:], len(caption)][: len(words)]
    heads = [0, *ends[:-1]][: len(words)]
    cuts = sorted({*ends, *(unit.end for unit in units), len(caption)})
    known = _prefix_similarity(encoder, image_features, caption, cuts)

    def step(start: int, end: int) -> float:
        return known[end] - known[start]  # NaN for the first, which has nothing before it

    unit_delta = np.array([step(unit.start, unit.end) for unit in units])
    word_delta = np.array([step(start, end) for start, end in zip(heads, ends, strict=True)])
    pieces = [(unit.start, unit.end) for unit in units] + list(zip(heads, ends, strict=True))
    gains = _gains(encoder, image_features, caption, pieces, known)
    unit_gain, word_gain = gains[: len(units)], gains[len(units) :]
    unit = np.searchsorted([unit.end for unit in units], starts, side="right")
    attribution, whole = _attributions(encoder, image_features, caption, ends)
    inside = np.array([not math.isnan(known[end]) for end in ends], dtype=np.bool_)
    return WordEvidence(
        suspicion={
            "attribution": -attribution,
            "unit_delta": -unit_delta[unit],
            "unit_leave_one_out": -unit_gain[unit],
            "word_delta": -word_delta,
            "word_leave_one_out": -word_gain,
        },
        unit=unit.astype(np.int64),
        cosine=whole,
        lowest_delta=lowest(unit_delta),
        lowest_leave_one_out=lowest(unit_gain),
        attributed=int((~np.isnan(attribution)).sum()),
        read=int(inside.sum()),
    )


def lowest(values: FloatArray) -> float:
    """Return the lowest value that is a number; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.min()) if known.size else math.nan


def f_clip_score(evidence: WordEvidence, misaligned: float) -> float:
    """Return F-CLIPScore, at most 0 where `misaligned` is; higher is better.

    Args:
        evidence: Of the caption.
        misaligned: What the attributions of the misaligned words come to.

    Source: CLIP4DM: (1 - cos) times that, a cosine below 0 counting as 0.
    """
    return (1 - max(0.0, evidence.cosine)) * misaligned


def ref_clip_score(
    encoder: Encoder, evidence: WordEvidence, caption: str, references: Sequence[str]
) -> float:
    """Return RefCLIPScore: the harmonic mean of CLIPScore and the similarity to the nearest reference.

    Args:
        encoder: The model.
        evidence: Of the caption.
        caption: The caption.
        references: True captions of the image; those that the model cannot read whole are passed over.

    Returns:
        In [0, 1.43]; NaN without a reference, or where caption or all references do not fit the context.

    Source: Hessel et al. 2021, CLIPScore, section 3; over all references.
    """
    texts = [TEMPLATE + text for text in (caption, *references) if text.strip()]
    fit = [encoder.texts.fits(encoder.texts.tokens(text)) for text in texts]
    if not fit[0] or not any(fit[1:]):
        return math.nan
    features = encoder.text_features([text for text, whole in zip(texts, fit, strict=True) if whole])
    nearest = cosine(features[0], features[1:]).max()
    return float(harmonic_mean(evidence.clip_score, nearest))


def _prefix_similarity(
    encoder: Encoder, image: Features, caption: str, cuts: Sequence[int]
) -> dict[int, float]:
    """Return the cosine of the caption up to each cut; NaN for none of it and for more than is read."""
    pieces = [
        DetailUnit(caption[start:end], start, end) for start, end in zip((0, *cuts), cuts, strict=False)
    ]
    features = encoder.prefix_features(pieces).features
    values = cosine(image, features).tolist()
    return {0: math.nan, **dict(zip(cuts, values, strict=True))}


def _gains(
    encoder: Encoder,
    image: Features,
    caption: str,
    pieces: Sequence[tuple[int, int]],
    known: dict[int, float],
) -> FloatArray:
    """Return what each piece adds to the cosine of as much of the caption as is read."""
    read = max((end for end, value in known.items() if not math.isnan(value)), default=0)
    text = caption[:read]
    gains = np.full(len(pieces), np.nan)
    # A unit that is a word is left out once.
    without = {
        (start, end): text[:start] + text[end:]
        for start, end in pieces
        if end <= read and (text[:start] + text[end:]).strip()
    }
    # A text from which the middle is cut can have more tokens where two words meet without a space.
    without = {
        piece: other for piece, other in without.items() if encoder.texts.fits(encoder.texts.tokens(other))
    }
    if without:
        features = features_beside(encoder, text, list(without.values()))
        gain = dict(zip(without, known[read] - cosine(image, features), strict=True))
        gains[:] = [gain.get(piece, math.nan) for piece in pieces]
    return gains


def _attributions(
    encoder: Encoder, image: Features, caption: str, ends: Sequence[int]
) -> tuple[FloatArray, float]:
    """Return (W,) attributions, NaN past the context, and the cosine of the whole caption, NaN likewise."""
    values = np.full(len(ends), np.nan)
    whole = encoder.texts.fits(encoder.texts.tokens(TEMPLATE + caption))
    similarity = math.nan
    fit = len(ends)
    text = caption
    while fit and not encoder.texts.fits(encoder.texts.tokens(TEMPLATE + text)):
        fit -= 1
        text = caption[: ends[fit - 1]] if fit else ""
    if not text.strip() or not len(ends):
        return values, similarity
    try:
        found = attribute(encoder, image, text, epsilon=EPSILON)
    except AttributionError:
        if encoder.one_pass:
            raise
        # Such a model still has a CLIPScore.
        if whole:
            similarity = float(cosine(image, encoder.text_features([TEMPLATE + caption])[0]))
        return values, similarity
    values[:fit] = [word.attribution for word in found.words]
    return values, found.cosine if whole else similarity
