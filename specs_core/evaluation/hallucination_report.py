"""The figures of a test of hallucination detection as JSON and as text."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import asdict
from typing import Any

from specs_core.datasets.hallucinations import LeftOut
from specs_core.encoder import Encoder
from specs_core.evaluation.detection import Figure
from specs_core.evaluation.hallucination import HallucinationTest
from specs_core.evaluation.hallucination_figures import CAPTION_SCORES, FUSION, WORD_SIGNALS, GroupFigures
from specs_core.segmentation import segmenter_version

SIGNAL_NAMES = {
    "attribution": "attribution",
    "unit_delta": "delta of its unit",
    "unit_leave_one_out": "leave-one-out of its unit",
    "word_delta": "delta of the word",
    "word_leave_one_out": "leave-one-out of the word",
    FUSION: "fusion",
}
SCORE_NAMES = {
    "clip_score": "CLIPScore",
    "ref_clip_score": "RefCLIPScore",
    "f_clip_score": "F-CLIPScore",
    "lowest_delta": "lowest delta",
    "lowest_leave_one_out": "lowest leave-one-out",
    "lowest_word_delta": "lowest delta of a word",
    "lowest_word_leave_one_out": "lowest leave-one-out of a word",
    FUSION: "fusion",
}
_RULES = {
    "lowest": "the worst word is hallucinated",
    "run": "the worst run of flagged words is hallucinated, all of it",
    "any": "a flagged word is hallucinated",
}
_WIDTH = 2 + max(map(len, (*SIGNAL_NAMES.values(), *SCORE_NAMES.values())))
# Rows left out that the text names; JSON has them all.
_NAMED = 5


def hallucination_record(
    result: HallucinationTest,
    encoder: Encoder,
    *,
    test: str,
    segmenter: str,
    epsilon: float,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return a test as the JSON object that `--json` writes; figures that do not exist are None."""
    return {
        "test": test,
        "model": encoder.checkpoint.label,
        "provenance": {
            **encoder.provenance(),
            "segmenter": segmenter,
            "segmenter_version": segmenter_version(segmenter),
            "epsilon": epsilon,
            "resamples": resamples,
            "seed": seed,
            "fusion": asdict(result.fusion),
        },
        "protocol": asdict(result.protocol),
        "images": result.images,
        "all": _group(result.whole),
        "groups": {name: _group(figures) for name, figures in result.groups.items()},
        "best_single_signal": result.best_single,
        "fusion_above_best_single": _figure(result.gain),
        "left_out": {
            "rows": len(result.left_out),
            "by_reason": {reason: len(rows) for reason, rows in _by_reason(result.left_out).items()},
            "list": [asdict(row) for row in result.left_out],
        },
        "captions_beyond_context": result.cut_captions,
        "words_beyond_context": result.unread_words,
        "words_without_attribution": result.unattributed_words,
    }


def hallucination_text(result: HallucinationTest, encoder: Encoder, *, test: str, segmenter: str) -> str:
    """Return the summary that the command prints."""
    whole = result.whole
    lines = [
        f"{encoder.checkpoint.label}, {test}, {segmenter} units: {whole.captions:,} captions "
        f"({whole.false_captions:,} false) of {result.images:,} images, {whole.words:,} words "
        f"({whole.false_words:,} hallucinated)",
        f"A hit: {_RULES[result.protocol.rule]}. AP of captions: {result.protocol.positive} ones are found.",
        "",
        *_word_table(whole),
        "",
        *_caption_table(whole),
        "",
        f"Over words the fusion's AP lies {_signed(result.gain)} above the best single signal's "
        f"({SIGNAL_NAMES[result.best_single]}).",
    ]
    for name, figures in result.groups.items():
        lines += ["", f"{name}: {figures.captions:,} captions, {figures.false_captions:,} false", ""]
        lines += [*_word_table(figures), "", *_caption_table(figures)]
    notes = left_out_lines(result, encoder)
    return "\n".join([*lines, "", *notes] if notes else lines)


def left_out_lines(result: HallucinationTest, encoder: Encoder) -> list[str]:
    """Return sentences on what has no part in the figures, or no score."""
    lines = []
    if result.cut_captions:
        lines.append(
            f"{result.cut_captions:,} captions are longer than the {encoder.context_length} tokens that the "
            f"model reads; their {result.unread_words:,} words past that are never flagged."
        )
    if result.unattributed_words > result.unread_words:
        lines.append(
            f"{result.unattributed_words:,} words have no attribution: they do not fit behind the "
            "template, or the model's text tower is not causal."
        )
    for name, count in result.whole.unscored.items():
        if 0 < count < result.whole.captions:
            lines.append(f"{count:,} captions have no {SCORE_NAMES[name]}: nothing is said against them.")
    for reason, rows in _by_reason(result.left_out).items():
        lines.append(f"Left out, {reason}: {len(rows):,}")
        lines += [f"  {row.id}: {row.detail}" for row in rows[:_NAMED]]
        if len(rows) > _NAMED:
            lines.append(f"  and {len(rows) - _NAMED:,} more; --json lists them all")
    return lines


def _word_table(figures: GroupFigures) -> list[str]:
    heads = ("LA", "AP", "precision", "recall", "F1")
    lines = [f"{'words':<{_WIDTH}}" + "".join(f"{head:<20}" for head in heads).rstrip()]
    for name in WORD_SIGNALS:
        of = figures.by_word[name]
        cells = (of.localisation, of.average_precision, of.flags.precision, of.flags.recall, of.flags.f1)
        lines.append(_row(SIGNAL_NAMES[name], cells))
    return lines


def _caption_table(figures: GroupFigures) -> list[str]:
    lines = [f"{'captions':<{_WIDTH}}AP"]
    return lines + [_row(SCORE_NAMES[name], (figures.by_caption[name],)) for name in CAPTION_SCORES]


def _row(name: str, cells: tuple[Figure, ...]) -> str:
    return (f"{name:<{_WIDTH}}" + "".join(f"{_cell(cell):<20}" for cell in cells)).rstrip()


def _cell(figure: Figure) -> str:
    if math.isnan(figure.value):
        return "none"
    low, high = figure.interval.low, figure.interval.high
    return f"{figure.value:.3f}" + ("" if math.isnan(low) else f"  {low:.3f}-{high:.3f}")


def _signed(figure: Figure) -> str:
    if math.isnan(figure.value):
        return "nowhere"
    low, high = figure.interval.low, figure.interval.high
    return f"{figure.value:+.3f}" + ("" if math.isnan(low) else f" ({low:+.3f} to {high:+.3f})")


def _by_reason(rows: tuple[LeftOut, ...]) -> dict[str, list[LeftOut]]:
    found: dict[str, list[LeftOut]] = defaultdict(list)
    for row in rows:
        found[row.reason].append(row)
    return found


def _group(figures: GroupFigures) -> dict[str, Any]:
    return {
        "captions": figures.captions,
        "false_captions": figures.false_captions,
        "words": figures.words,
        "hallucinated_words": figures.false_words,
        "by_word": {
            name: {
                "localisation_accuracy": _figure(of.localisation),
                "average_precision": _figure(of.average_precision),
                "precision": _figure(of.flags.precision),
                "recall": _figure(of.flags.recall),
                "f1": _figure(of.flags.f1),
                "flagged": of.flags.flagged,
            }
            for name, of in figures.by_word.items()
        },
        "by_caption": {
            name: {"average_precision": _figure(area), "captions_without": figures.unscored[name]}
            for name, area in figures.by_caption.items()
        },
    }


def _figure(figure: Figure) -> dict[str, float | None]:
    values = (figure.value, figure.interval.low, figure.interval.high)
    names = ("value", "low", "high")
    return {name: None if math.isnan(value) else value for name, value in zip(names, values, strict=True)}
