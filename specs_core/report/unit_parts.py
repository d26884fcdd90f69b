"""The units of a report as HTML: a table of them all, and a paragraph on each."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from specs_core.report.wording import explain_left_out, explain_unit, scientific, signed, unsigned

_WORDS_NAMED = 3
_BAR = 100


def details_html(report: Mapping[str, Any]) -> str:
    """Return a paragraph on every unit; the page's script shows the chosen one alone.

    Args:
        report: As `specs_core.report.page.report_record` gives it.
    """
    context = report["provenance"]["context_length"]
    parts = []
    offset = 0
    for index, unit in enumerate(report["units"]):
        end = offset + len(unit["text"])
        sentences = [
            explain_unit(unit, number=index + 1, context_length=context),
            explain_left_out(unit),
            _strongest_words(report, offset, end),
        ]
        said = " ".join(escape(sentence) for sentence in sentences if sentence)
        head = f"<b>{index + 1} · {escape(' '.join(unit['text'].split()))}</b>"
        parts.append(
            f'<div class="detail" data-unit="{index}"><p>{head} {_deltas(unit)}</p><p>{said}</p></div>'
        )
        offset = end
    hint = '<p class="soft hint">Point at a unit, or move with <kbd>←</kbd> <kbd>→</kbd>.</p>'
    return "".join(parts) + hint


def _deltas(unit: Mapping[str, Any]) -> str:
    parts = []
    if unit["delta"] is not None:
        kind, mark = ("dip-text", "▼ ") if unit["dip"] else ("", "")
        parts.append(f'<b class="{kind}">{mark}{escape(signed(unit["delta"]))} in order</b>')
    if unit["leave_one_out"] is not None:
        parts.append(f"<b>{escape(signed(unit['leave_one_out']))} left out</b>")
    if unit["uncertain"]:
        parts.append('<b class="unsure-text">? uncertain</b>')
    return ' <span class="soft">·</span> '.join(parts)


def _strongest_words(report: Mapping[str, Any], start: int, end: int) -> str:
    """Return a sentence that names the misaligned words of a unit, the lowest first."""
    words = [] if report["attribution"] is None else report["attribution"]["words"]
    inside = [word for word in words if word["start"] < end and word["end"] > start and word["misaligned"]]
    if not inside:
        return ""
    lowest = sorted(inside, key=lambda word: word["attribution"])[:_WORDS_NAMED]
    named = ", ".join(f"{word['text']} {scientific(word['attribution'])}" for word in lowest)
    more = len(inside) - len(lowest)
    return f"Misaligned words: {named}{f' and {more} more' if more else ''}."


def table_html(report: Mapping[str, Any]) -> str:
    """Return the table of the units: text, tokens, cosine, both deltas, marks, a bar of the delta.

    Args:
        report: As `specs_core.report.page.report_record` gives it.
    """
    deltas = [abs(unit["delta"]) for unit in report["units"] if unit["delta"] is not None]
    largest = max(deltas, default=0.0) or 1.0
    heads = ("#", "unit", "tokens", "cosine", "Δ in order", "Δ left out", "")
    kinds = ("n", "text", "n", "n", "n", "n", "bar")
    head = "".join(
        f'<th scope="col" class="{kind}">{name}</th>' for name, kind in zip(heads, kinds, strict=True)
    )
    rows = "".join(_row(index, unit, largest) for index, unit in enumerate(report["units"]))
    return f'<h2>Units</h2><table id="units"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _row(index: int, unit: Mapping[str, Any], largest: float) -> str:
    dip = unit["dip"]
    delta = "—" if unit["delta"] is None else escape(signed(unit["delta"]))
    if dip:
        delta = f'<b class="dip-text">▼ {delta}</b>'
    left_out = "—" if unit["leave_one_out"] is None else escape(signed(unit["leave_one_out"]))
    cosine = "—" if unit["similarity"] is None else unsigned(unit["similarity"])
    text = escape(unit["text"].strip())
    if unit["similarity"] is None:
        text += ' <span class="soft">(not read)</span>'
    return (
        f'<tr data-unit="{index}" class="{"dip" if dip else ""}"><td class="n">{index + 1}</td>'
        f'<td class="text" dir="auto">{text}</td>'
        f'<td class="n" data-name="tokens">{unit["tokens"]}</td>'
        f'<td class="n" data-name="cosine">{cosine}</td>'
        f'<td class="n" data-name="in order">{delta}</td>'
        f'<td class="n" data-name="left out">{_unsure(left_out) if unit["uncertain"] else left_out}</td>'
        f'<td class="bar">{_bar(unit, largest)}</td></tr>'
    )


def _unsure(value: str) -> str:
    return f'<b class="unsure-text" title="uncertain">? {value}</b>'


def _bar(unit: Mapping[str, Any], largest: float) -> str:
    if unit["delta"] is None:
        return ""
    kind = "dip" if unit["dip"] else "falls" if unit["delta"] < 0 else "rises"
    width = max(1.0, _BAR * abs(unit["delta"]) / largest)
    return (
        f'<svg viewBox="0 0 {_BAR} 9" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{kind}" width="{width:.1f}" height="9" rx="2"/></svg>'
    )
