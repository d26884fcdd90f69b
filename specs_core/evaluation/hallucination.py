"""How well word and caption scores find hallucinations, on captions whose false words are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from specs_core.attribution import EPSILON
from specs_core.datasets.hallucinations import LabelledCaption, LeftOut
from specs_core.encoder import Encoder
from specs_core.errors import DataError, ImageError
from specs_core.evaluation.detection import Figure
from specs_core.evaluation.hallucination_figures import (
    EvidenceTable,
    Gathered,
    GroupFigures,
    Protocol,
)
from specs_core.evaluation.word_evidence import SIGNALS, ref_clip_score, word_evidence
from specs_core.evaluation.word_fusion import Fusion, read_fusion
from specs_core.images import read_image
from specs_core.segmentation import segment_many
from specs_core.specificity import RESAMPLES
from specs_core.text_features import FloatArray as Features


@dataclass(frozen=True, eq=False)
class HallucinationTest:
    """How well hallucinations are found on a data set.

    Attributes:
        protocol: The test's.
        images: Images.
        whole: Figures over all captions.
        groups: Group -> figures over its captions, where the data set has groups.
        best_single: The signal, fusion apart, with the highest average precision over words.
        gain: What the fusion's lies above that.
        left_out: Rows that have no part in the figures.
        cut_captions: Captions that are longer than the model reads.
        unread_words: Their words past the context, which are never flagged.
        unattributed_words: Words without an attribution: the template takes room too.
        fusion: The rule.
    """

    protocol: Protocol
    images: int
    whole: GroupFigures
    groups: dict[str, GroupFigures]
    best_single: str
    gain: Figure
    left_out: tuple[LeftOut, ...]
    cut_captions: int
    unread_words: int
    unattributed_words: int
    fusion: Fusion


def gather_evidence(
    encoder: Encoder,
    captions: Sequence[LabelledCaption],
    *,
    segmenter: str = "dependency",
    on_item: Callable[[int], None] | None = None,
) -> Gathered:
    """Hold every caption against its image; an image is encoded once.

    Args:
        encoder: The model.
        captions: Of a data set.
        segmenter: Cuts the captions into units.
        on_item: Called with the number of captions done.

    Returns:
        The evidence, and the captions that have none: image missing or unreadable, or no words.

    Raises:
        DataError: There are no captions, or none can be measured.
        ConfigError: No such segmenter.
    """
    images: dict[str, Features | LeftOut] = {}
    kept, evidence, nearest, left_out = [], [], [], []
    cut = segment_many([caption.caption for caption in captions], segmenter=segmenter)
    for done, (caption, units) in enumerate(zip(captions, cut, strict=True), start=1):
        key = str(caption.image)
        if key not in images:
            images[key] = _image_features(encoder, caption)
        image = images[key]
        if isinstance(image, LeftOut):
            left_out.append(replace(image, id=caption.id))
        elif not caption.words():
            left_out.append(LeftOut(caption.id, caption.image.name, "no words", repr(caption.caption)))
        else:
            found = word_evidence(encoder, image, caption.caption, units)
            kept.append(caption)
            evidence.append(found)
            nearest.append(ref_clip_score(encoder, found, caption.caption, caption.references))
        if on_item is not None:
            on_item(done)
    if not kept:
        why = f": {left_out[0].reason}, {left_out[0].detail}" if left_out else ""
        raise DataError(f"None of the {len(captions)} captions can be measured{why}.")
    return Gathered(tuple(kept), tuple(evidence), np.array(nearest), tuple(left_out))


def evaluate_hallucination(
    gathered: Gathered,
    protocol: Protocol,
    *,
    left_out: Sequence[LeftOut] = (),
    fusion: Fusion | None = None,
    epsilon: float = EPSILON,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> HallucinationTest:
    """Measure how well every word signal and caption score finds what is hallucinated.

    Args:
        gathered: From `gather_evidence`.
        protocol: Some of `PROTOCOLS`.
        left_out: Rows that the reader left out, to be told with the others.
        fusion: The rule; None for the one in the package.
        epsilon: An attribution below this flags a word.
        resamples: Bootstrap resamples, of images with all their captions.
        seed: Of the bootstrap.

    Source: Shekhar et al. 2017; Petryk et al. 2024; CLIP4DM (Nam et al. 2025); docs/hallucination.md.
    """
    rule = fusion or read_fusion()
    table = EvidenceTable(gathered, protocol, rule, epsilon)
    options = {"resamples": resamples, "seed": seed}
    every = np.ones(len(gathered.captions), dtype=np.bool_)
    whole = table.figures(every, **options)
    names = sorted({caption.group for caption in gathered.captions} - {""})
    group_of = np.array([caption.group for caption in gathered.captions])
    best = max(SIGNALS, key=lambda name: _or_zero(whole.by_word[name].average_precision.value))
    return HallucinationTest(
        protocol=protocol,
        images=int(table.image.max()) + 1,
        whole=whole,
        groups={name: table.figures(group_of == name, **options) for name in names},
        best_single=best,
        gain=table.gain(best, **options),
        left_out=(*left_out, *gathered.left_out),
        cut_captions=sum(each.read < each.words for each in gathered.evidence),
        unread_words=sum(each.words - each.read for each in gathered.evidence),
        unattributed_words=sum(each.words - each.attributed for each in gathered.evidence),
        fusion=rule,
    )


def _image_features(encoder: Encoder, caption: LabelledCaption) -> Features | LeftOut:
    path = caption.image
    if not path.is_file():
        return LeftOut(caption.id, path.name, "image missing", f"there is no file {path}")
    try:
        features: Features = encoder.image_features([read_image(path)])[0]
    except ImageError as error:
        return LeftOut(caption.id, path.name, "image unreadable", f"{path}: {error}")
    return features


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
