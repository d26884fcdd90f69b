"""One suspicion of a word from all its signals: a rule with weights that were fitted on drawn scenes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from specs_core.errors import DataError
from specs_core.evaluation.word_evidence import SIGNALS, WordEvidence
from specs_core.scoring import FloatArray
from specs_core.specificity import IntArray

BUNDLED = Path(__file__).with_name("word_fusion.json")
#: What the log odds are a weighted sum of.
TERMS = (*SIGNALS, "word_leave_one_out_below_worst", "word_leave_one_out_beside")
_WORD_SIGNAL = "word_leave_one_out"
_RIDGE = 1e-3
_STEPS = 50


@dataclass(frozen=True)
class Fusion:
    """Weights of the rule.

    Attributes:
        bias: Log odds where all terms are 0.
        weights: Term of `TERMS` -> its weight.
        threshold: Log odds above which a word is flagged: those with the highest F1 where it was fitted.
        provenance: What it was fitted on.
    """

    bias: float
    weights: dict[str, float]
    threshold: float
    provenance: dict[str, Any]

    def suspicion(self, evidence: WordEvidence) -> FloatArray:
        """Return (W,) log odds that a word is hallucinated; NaN for a word that the model does not read."""
        terms = fusion_terms(evidence)
        odds = self.bias + terms @ np.array([self.weights[name] for name in TERMS])
        unread = np.isnan(evidence.suspicion["word_delta"]) & np.isnan(evidence.suspicion[_WORD_SIGNAL])
        odds[unread] = np.nan
        fused: FloatArray = odds
        return fused


def fusion_terms(evidence: WordEvidence) -> FloatArray:
    """Return the terms of every word.

    Each signal is divided by its root mean square over the caption's words, so that models with other scales
    of similarity can share weights, and then compressed: sign(x) log(1 + |x|). A signal that is missing
    counts as 0. Of the word's leave-one-out two more terms are made: how far it lies below the worst word of
    its unit, and the worst of the word and its two neighbours.

    Args:
        evidence: Of a caption with W words.

    Returns:
        (W, terms) float64, in the order of `TERMS`.

    Source: ours: docs/hallucination.md, "Fusion".
    """
    scaled = {name: _scaled(evidence.suspicion[name]) for name in SIGNALS}
    word = scaled[_WORD_SIGNAL]
    worst = np.full(int(evidence.unit.max()) + 1 if len(word) else 0, -np.inf)
    np.maximum.at(worst, evidence.unit, word)
    beside = np.pad(word, 1, constant_values=-np.inf)
    neighbours = np.maximum(word, np.maximum(beside[:-2], beside[2:]))
    columns = [*scaled.values(), worst[evidence.unit] - word, neighbours]
    stacked = np.stack(columns, axis=1)  # (W, terms)
    terms: FloatArray = np.sign(stacked) * np.log1p(np.abs(stacked))
    return terms


def fit_fusion(
    evidence: Sequence[WordEvidence], labels: Sequence[Sequence[bool]], *, provenance: dict[str, Any]
) -> Fusion:
    """Fit the weights by logistic regression with a small ridge, and the threshold by F1.

    Args:
        evidence: Of N captions.
        labels: For each caption, which of its words are hallucinated.
        provenance: To be kept with the weights.

    Returns:
        The rule; the same captions give the same weights.

    Raises:
        DataError: There are not both hallucinated and other words.

    Source: ours: docs/hallucination.md, "Fusion"; iteratively reweighted least squares.
    """
    terms = np.concatenate([fusion_terms(each) for each in evidence]) if evidence else np.zeros((0, 1))
    positive = np.array([label for words in labels for label in words], dtype=np.float64)
    if not 0 < positive.sum() < len(positive):
        raise DataError("The fusion is fitted on hallucinated and other words; the data have one kind only.")
    mean, spread = terms.mean(axis=0), terms.std(axis=0)
    spread[spread == 0] = 1.0
    design = np.column_stack([np.ones(len(terms)), (terms - mean) / spread])
    ridge = np.diag([0.0, *np.full(terms.shape[1], _RIDGE * positive.sum())])
    solution = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(design @ solution, -30, 30)))
        slope = design.T @ (positive - chance) - ridge @ solution
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + ridge
        change = np.linalg.solve(curvature, slope)
        solution += change
        if np.abs(change).max() < 1e-9:
            break
    weights = solution[1:] / spread
    bias = float(solution[0] - weights @ mean)
    odds = bias + terms @ weights
    return Fusion(
        bias=bias,
        weights={name: float(weight) for name, weight in zip(TERMS, weights, strict=True)},
        threshold=_best_threshold(odds, positive),
        provenance=provenance,
    )


def read_fusion(path: Path = BUNDLED) -> Fusion:
    """Read the weights that `write_fusion` wrote.

    Raises:
        DataError: The file cannot be read, or has other terms.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        weights = {name: float(value["weights"][name]) for name in TERMS}
        bias, threshold = float(value["bias"]), float(value["threshold"])
        if len(value["weights"]) != len(TERMS) or not all(
            map(math.isfinite, (bias, threshold, *weights.values()))
        ):
            raise ValueError("other terms, or numbers that are not finite")
        return Fusion(bias, weights, threshold, dict(value["provenance"]))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} holds no weights of the fusion ({error}); write some with `specs evaluate words --fit`."
        ) from error


def fusion_text(fusion: Fusion) -> str:
    """Return a fusion as the JSON text that `read_fusion` reads."""
    value = {
        "bias": fusion.bias,
        "weights": fusion.weights,
        "threshold": fusion.threshold,
        "provenance": fusion.provenance,
    }
    return json.dumps(value, indent=1) + "\n"


def _scaled(signal: FloatArray) -> FloatArray:
    known = signal[~np.isnan(signal)]
    size = math.sqrt(float((known**2).mean())) if known.size else 0.0
    scaled: FloatArray = np.nan_to_num(signal) / size if size > 0 else np.zeros_like(signal)
    return scaled


def _best_threshold(odds: FloatArray, positive: FloatArray) -> float:
    """Return the middle between the last flagged and the first other odds where F1 is highest."""
    order: IntArray = np.argsort(-odds, kind="stable")
    ranked, true = odds[order], np.cumsum(positive[order])
    f1 = 2 * true / (np.arange(1, len(odds) + 1) + positive.sum())
    f1[:-1][ranked[:-1] == ranked[1:]] = -1.0  # a threshold cannot part equal odds
    best = int(f1.argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else ranked[best] - 1.0
    return float((ranked[best] + below) / 2)
