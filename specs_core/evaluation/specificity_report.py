"""The figures of a specificity evaluation as JSON and as text."""

from __future__ import annotations

import math
from typing import Any

from specs_core.encoder import Encoder
from specs_core.evaluation.specificity import TRUE, HiMoSummary, Specificity
from specs_core.segmentation import segmenter_version
from specs_core.specificity import Interval, PublishedRates, Rate

KIND_NAMES = {
    TRUE: "true units",
    "in_batch": "units of other images",
    "shuffled": "the same, 90 % shuffled",
    "hard": "one false fact",
}


def kind_name(kind: str) -> str:
    """Return what a reader calls a kind of unit."""
    return KIND_NAMES.get(kind, kind.removeprefix("hard:"))


def specificity_record(result: Specificity, encoder: Encoder, *, segmenter: str, seed: int) -> dict[str, Any]:
    """Return an evaluation as the JSON object that `specs evaluate specificity --json` writes.

    Figures that do not exist are None.
    """
    negatives = result.negatives
    return {
        "model": encoder.checkpoint.label,
        "provenance": {
            **encoder.provenance(),
            "segmenter": segmenter,
            "segmenter_version": segmenter_version(segmenter),
            "captions_with_units_of_their_own": result.given,
            "seed": seed,
        },
        "captions": result.captions,
        "images": result.images,
        "units": result.units,
        "sr_pos": _rate(result.sr_pos),
        "sr_neg": {kind: _rate(rate) for kind, rate in result.sr_neg.items()},
        "margin_sweep": {
            "margins": result.margins.tolist(),
            **{
                kind: {"micro": _numbers(micro), "macro": _numbers(macro)}
                for kind, (micro, macro) in result.sweep.items()
            },
        },
        "by_tokens": [
            {
                "above": each.low,
                "up_to": each.high,
                "rates": {kind: _rate(rate) for kind, rate in each.rates.items()},
            }
            for each in result.by_tokens
        ],
        "himo": {k: _himo(summary) for k, summary in result.himo.items()},
        "published": {kind: _published(rates) for kind, rates in result.published.items()},
        "left_out": {
            "prefixes_beyond_context": result.prefixes_beyond,
            "units_without_a_unit_of_another_image": negatives.not_found,
            "false_facts_in_the_first_unit": negatives.first_unit,
        },
        "false_facts_in_several_units": negatives.several_units,
        "captions_whose_truth_is_known": negatives.checked,
    }


def specificity_text(result: Specificity, encoder: Encoder, *, segmenter: str, compatibility: bool) -> str:
    """Return the summary that the command prints."""
    width = 2 + max(len(kind_name(kind)) for kind in (TRUE, *result.sr_neg))
    lines = [
        f"{encoder.checkpoint.label}: {result.captions} captions of {result.images} images, "
        f"{result.units} units ({cut_by(result, segmenter)})",
        "",
        f"{'':<{width + 8}}micro  95 %         macro  95 %           pairs",
        f"SR_pos  {kind_name(TRUE):<{width}}{_columns(result.sr_pos)}",
    ]
    for number, (kind, rate) in enumerate(result.sr_neg.items()):
        name = ("  " if ":" in kind else "") + kind_name(kind)
        lines.append(f"{'SR_neg' if number == 0 else '':<8}{name:<{width}}{_columns(rate)}")
    lines.append("")
    for k, summary in result.himo.items():
        lines.append(
            f"HiMo@{k:<4} {_share(summary.mean)}  {_span(summary.interval)}  "
            f"{summary.captions} captions ({summary.too_few} too short, {summary.constant} constant)"
        )
    lines += ["", *left_out_lines(result, encoder)]
    if compatibility and result.published:
        lines.append("")
        for kind, rates in result.published.items():
            lines.append(
                f"As published: SR_pos {_share(rates.sr_pos)}, SR_neg {_share(rates.sr_neg)} "
                f"({kind_name(kind)})"
            )
    return "\n".join(lines)


def cut_by(result: Specificity, segmenter: str) -> str:
    """Return in words what cut the captions."""
    if not result.given:
        return segmenter
    others = f"{segmenter}; " if result.given < result.captions else ""
    return f"{others}{result.given:,} captions with units of their own"


def left_out_lines(result: Specificity, encoder: Encoder) -> list[str]:
    """Return sentences on what the figures leave out, and what the published computation would."""
    negatives, lines = result.negatives, []
    if result.prefixes_beyond:
        lines.append(
            f"{result.prefixes_beyond} prefixes are longer than the {encoder.context_length} tokens that the "
            "model reads: left out."
        )
    if negatives.not_found:
        lines.append(f"{negatives.not_found} units have no unit of another image that is surely false here.")
    if negatives.first_unit:
        lines.append(
            f"{negatives.first_unit} false facts lie in the first unit, before any prefix: left out."
        )
    for kind, rate in result.sr_neg.items():
        if ":" not in kind and not rate.pairs:
            why = "the data name no false facts" if kind == "hard" else "no other image has one"
            lines.append(f"There is no false unit of the kind {kind_name(kind)}: {why}.")
        elif ":" not in kind and rate.left_out:
            lines.append(
                f"{rate.left_out} pairs of the kind {kind_name(kind)} are longer than the "
                f"{encoder.context_length} tokens that the model reads: left out."
            )
    borrowed = any(kind in result.sr_neg for kind in ("in_batch", "shuffled"))
    if borrowed and negatives.checked < result.captions:
        lines.append(
            f"The data do not say what is true of {result.captions - negatives.checked} captions: a unit of "
            "another image may be true of theirs by chance."
        )
    for rates in list(result.published.values())[:1]:
        lines.append(
            f"The published computation would not see {rates.pairs_lost:,} of {rates.pairs:,} pairs; it "
            f"would drop {rates.captions_lost:,} of {rates.captions:,} captions, "
            f"{rates.captions_lost_by_sign:,} of them for cosines below zero."
        )
    return lines


def _columns(rate: Rate) -> str:
    return (
        f"{_share(rate.micro)}  {_span(rate.micro_interval)}  {_share(rate.macro)}  "
        f"{_span(rate.macro_interval)}  {rate.pairs:>7,}"
    )


def _share(value: float) -> str:
    return " none" if math.isnan(value) else f"{value:5.3f}"


def _span(interval: Interval) -> str:
    return " " * 11 if math.isnan(interval.low) else f"{interval.low:.3f}-{interval.high:.3f}"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _numbers(values: Any) -> list[float | None]:
    return [_number(value) for value in values]


def _interval(interval: Interval) -> list[float | None]:
    return [_number(interval.low), _number(interval.high)]


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "micro": _number(rate.micro),
        "micro_interval": _interval(rate.micro_interval),
        "macro": _number(rate.macro),
        "macro_interval": _interval(rate.macro_interval),
        "pairs": rate.pairs,
        "captions": rate.captions,
        "pairs_left_out": rate.left_out,
    }


def _himo(summary: HiMoSummary) -> dict[str, Any]:
    return {
        "mean": _number(summary.mean),
        "interval": _interval(summary.interval),
        "captions": summary.captions,
        "captions_too_short": summary.too_few,
        "captions_constant": summary.constant,
    }


def _published(rates: PublishedRates) -> dict[str, Any]:
    return {
        "sr_pos": _number(rates.sr_pos),
        "sr_neg": _number(rates.sr_neg),
        "captions": rates.captions,
        "captions_lost": rates.captions_lost,
        "captions_lost_by_sign": rates.captions_lost_by_sign,
        "pairs": rates.pairs,
        "pairs_lost": rates.pairs_lost,
    }
