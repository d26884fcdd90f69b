"""The figures of a test of hallucination detection, and what each published test counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from specs_core.datasets.hallucinations import LabelledCaption, LeftOut
from specs_core.evaluation.detection import (
    BoolArray,
    Figure,
    Flags,
    average_precision,
    flags,
    hit_rate,
    interval_of,
    resampled_average_precision,
)
from specs_core.evaluation.word_evidence import SIGNALS, WordEvidence, f_clip_score, lowest
from specs_core.evaluation.word_fusion import Fusion
from specs_core.scoring import FloatArray
from specs_core.specificity import IntArray, Interval

FUSION = "fusion"
WORD_SIGNALS = (*SIGNALS, FUSION)
CAPTION_SCORES = (
    "clip_score",
    "ref_clip_score",
    "f_clip_score",
    "lowest_delta",
    "lowest_leave_one_out",
    "lowest_word_delta",
    "lowest_word_leave_one_out",
    FUSION,
)

Rule = Literal["lowest", "run", "any"]


@dataclass(frozen=True)
class Protocol:
    """What a published test calls a hit and a positive.

    Attributes:
        rule: What has to be hallucinated for a hit: "lowest", the worst word; "run", all words of the worst
            run of flagged words; "any", at least one flagged word.
        positive: Which captions average precision is to find, "true" or "false".
    """

    rule: Rule
    positive: Literal["true", "false"]


PROTOCOLS = {
    "foil": Protocol("lowest", "true"),
    "nocaps-foil": Protocol("lowest", "true"),
    "hat": Protocol("run", "false"),
    "richhf": Protocol("any", "false"),
    "seetrue": Protocol("any", "false"),
    "words": Protocol("lowest", "false"),
}


@dataclass(frozen=True, eq=False)
class Gathered:
    """Captions with their evidence (N captions).

    Attributes:
        captions: Those that could be measured.
        evidence: Of each.
        ref_clip_score: (N,) NaN for a caption without references.
        left_out: Those that could not.
    """

    captions: tuple[LabelledCaption, ...]
    evidence: tuple[WordEvidence, ...]
    ref_clip_score: FloatArray
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class SignalFigures:
    """How well one signal finds hallucinated words: docs/hallucination.md, "Figures"."""

    localisation: Figure
    average_precision: Figure
    flags: Flags


@dataclass(frozen=True)
class GroupFigures:
    """Figures over the captions of one group.

    Attributes:
        captions, false_captions, words, false_words: How many there are.
        by_word: Signal of `WORD_SIGNALS` -> its figures.
        by_caption: Score of `CAPTION_SCORES` -> average precision of finding captions; NaN where all captions
            are true, or all false, or none has the score.
        unscored: Score of `CAPTION_SCORES` -> captions that have none, against which nothing is said.
    """

    captions: int
    false_captions: int
    words: int
    false_words: int
    by_word: dict[str, SignalFigures]
    by_caption: dict[str, Figure]
    unscored: dict[str, int]


class EvidenceTable:
    """All words and all captions of a test as arrays (N captions, W words in all)."""

    def __init__(self, gathered: Gathered, protocol: Protocol, fusion: Fusion, epsilon: float) -> None:
        self.protocol = protocol
        numbers = {path: n for n, path in enumerate(dict.fromkeys(c.image for c in gathered.captions))}
        self.image: IntArray = np.array([numbers[c.image] for c in gathered.captions])  # (N,)
        self.false: BoolArray = np.array([c.is_false for c in gathered.captions])  # (N,)
        marks = [np.array([mark for _, _, mark in c.words()]) for c in gathered.captions]
        self.label: BoolArray = np.concatenate(marks)  # (W,)
        self.owner: IntArray = np.repeat(np.arange(len(marks)), [len(row) for row in marks])  # (W,)
        self.threshold = {**dict.fromkeys(SIGNALS, 0.0), "attribution": -epsilon, FUSION: fusion.threshold}
        rows = [{**each.suspicion, FUSION: fusion.suspicion(each)} for each in gathered.evidence]
        self.suspicion = {name: np.concatenate([row[name] for row in rows]) for name in WORD_SIGNALS}
        self.hit = {
            name: np.array(
                [
                    hit(row[name], mark, protocol.rule, self.threshold[name])
                    for row, mark in zip(rows, marks, strict=True)
                ]
            )
            for name in WORD_SIGNALS
        }
        self.score = {
            "clip_score": np.array([each.clip_score for each in gathered.evidence]),
            "ref_clip_score": gathered.ref_clip_score,
            "f_clip_score": np.array(
                [
                    f_clip_score(each, misaligned(-each.suspicion["attribution"], protocol.rule, epsilon))
                    for each in gathered.evidence
                ]
            ),
            "lowest_delta": np.array([each.lowest_delta for each in gathered.evidence]),
            "lowest_leave_one_out": np.array([each.lowest_leave_one_out for each in gathered.evidence]),
            "lowest_word_delta": np.array([lowest(-row["word_delta"]) for row in rows]),
            "lowest_word_leave_one_out": np.array([lowest(-row["word_leave_one_out"]) for row in rows]),
            FUSION: np.array([lowest(-row[FUSION]) for row in rows]),
        }

    def figures(self, chosen: BoolArray, *, resamples: int, seed: int) -> GroupFigures:
        """Return the figures over some captions, (N,) bool."""
        options = {"resamples": resamples, "seed": seed}
        words = chosen[self.owner]
        label, image = self.label[words], self.image[self.owner[words]]
        false = chosen & self.false
        by_word = {}
        for name in WORD_SIGNALS:
            suspicion = self.suspicion[name][words]
            by_word[name] = SignalFigures(
                localisation=hit_rate(self.hit[name][false], self.image[false], **options),
                average_precision=_area(suspicion, label, image, **options),
                flags=flags(suspicion, label, image, self.threshold[name], **options),
            )
        by_caption = {}
        wanted = self.false[chosen] if self.protocol.positive == "false" else ~self.false[chosen]
        for name in CAPTION_SCORES:
            score = self.score[name][chosen]
            nothing = np.isnan(score).all() or wanted.all()  # no score, or nothing to tell apart
            # A caption without the score is one against which nothing is said.
            score = np.where(np.isnan(score), np.inf, score)
            sign = -1 if self.protocol.positive == "false" else 1
            by_caption[name] = _area(sign * score, wanted & ~nothing, self.image[chosen], **options)
        return GroupFigures(
            captions=int(chosen.sum()),
            false_captions=int(false.sum()),
            words=int(words.sum()),
            false_words=int(label.sum()),
            by_word=by_word,
            by_caption=by_caption,
            unscored={name: int(np.isnan(self.score[name][chosen]).sum()) for name in CAPTION_SCORES},
        )

    def gain(self, single: str, *, resamples: int, seed: int) -> Figure:
        """Return how far the fusion's average precision over words lies above another signal's."""
        image = self.image[self.owner]
        values = [
            (
                average_precision(self.suspicion[name], self.label),
                resampled_average_precision(
                    self.suspicion[name], self.label, image, resamples=resamples, seed=seed
                ),
            )
            for name in (FUSION, single)
        ]
        (fused, drawn), (alone, others) = values
        return Figure(fused - alone, interval_of(drawn - others, clusters=len(np.unique(image))))


def hit(suspicion: FloatArray, label: BoolArray, rule: Rule, threshold: float) -> float:
    """Tell whether a signal points at a caption's hallucinated words.

    Args:
        suspicion: (W,) of the caption's words; NaN where there is none.
        label: (W,) bool, which of them are hallucinated.
        rule: As in `Protocol`.
        threshold: Suspicion above which a word is flagged, for the rules "run" and "any".

    Returns:
        1 or 0; for "lowest", where several words are equally the worst, the share of them that is
        hallucinated.

    Source: docs/hallucination.md, "Figures".
    """
    known = np.nan_to_num(suspicion, nan=-np.inf)
    if rule == "lowest":
        worst = (known == known.max()) & np.isfinite(known)
        return float(label[worst].mean()) if worst.any() else 0.0
    flagged = known > threshold
    if rule == "any":
        return float(bool((flagged & label).any()))
    runs = _runs(flagged)
    if not runs:
        return 0.0
    start, end = max(runs, key=lambda run: float(known[run[0] : run[1]].mean()))
    return float(bool(label[start:end].all()))


def misaligned(attribution: FloatArray, rule: Rule, epsilon: float) -> float:
    """Return what a test takes of a caption's attributions into F-CLIPScore.

    Args:
        attribution: (W,); NaN where there is none.
        rule: "lowest" takes the lowest one, "run" the mean of the lowest run of words below epsilon, "any"
            the sum of those below epsilon.
        epsilon: See there.

    Returns:
        At most 0 but for "lowest"; 0 where no word is below epsilon, NaN where no word has an attribution.
    """
    known = attribution[~np.isnan(attribution)]
    if not known.size:
        return math.nan
    if rule == "lowest":
        return float(known.min())
    below = np.nan_to_num(attribution, nan=np.inf) < epsilon
    if rule == "any":
        return float(attribution[below].sum())
    return min((float(attribution[start:end].mean()) for start, end in _runs(below)), default=0.0)


def _runs(flagged: BoolArray) -> list[tuple[int, int]]:
    """Return [start, end) of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flagged, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _area(suspicion: FloatArray, label: BoolArray, image: IntArray, *, resamples: int, seed: int) -> Figure:
    if not label.any():
        return Figure(math.nan, Interval(math.nan, math.nan))
    drawn = resampled_average_precision(suspicion, label, image, resamples=resamples, seed=seed)
    return Figure(average_precision(suspicion, label), interval_of(drawn, clusters=len(np.unique(image))))
