"""A caption as HTML: its units with their marks, and inside them its words shaded by attribution."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from specs_core.report.wording import scientific

LEVELS = 4
_LONGEST_FIRST = 24  # a longer first word may be parted from its number
# A word with less than this share of the strongest word's attribution has no shade.
_UNSHADED = 0.01


def caption_html(units: Sequence[Mapping[str, Any]], words: Sequence[Mapping[str, Any]]) -> str:
    """Return a caption's units as spans with `data-unit`, each with its number and its words in shades.

    Args:
        units: A record's units; joined they are the caption.
        words: The words of its attribution, in order; empty for none.
    """
    strongest = max((abs(word["attribution"] or 0.0) for word in words), default=0.0)
    parts = []
    offset = 0
    for index, unit in enumerate(units):
        end = offset + len(unit["text"])
        inside = [word for word in words if word["start"] < end and word["end"] > offset]
        # White space at the end stays outside, so that no line is drawn under it.
        text = unit["text"].rstrip()
        # The number and the first word stay in one line.
        first = re.match(r"\s*\S*", text)
        cut = first.end() if first and first.end() <= _LONGEST_FIRST else 0
        head = "".join(_pieces(text[:cut], offset, inside, strongest))
        body = "".join(_pieces(text[cut:], offset + cut, inside, strongest))
        parts.append(_unit_html(index, unit, head, body) + escape(unit["text"][len(text) :]))
        offset = end
    return "".join(parts)


def _unit_html(index: int, unit: Mapping[str, Any], head: str, body: str) -> str:
    kinds = ["unit"]
    marks = str(index + 1)
    if unit["similarity"] is None:
        kinds.append("beyond")
    if unit["dip"]:
        kinds.append("dip")
        marks += '<i class="dip-mark" title="dip">▼</i>'
    if unit.get("uncertain"):
        kinds.append("uncertain")
        marks += '<i class="unsure-mark" title="uncertain">?</i>'
    return (
        f'<span class="{" ".join(kinds)}" data-unit="{index}">'
        f'<span class="first"><sup>{marks}</sup>{head}</span>{body}</span>'
    )


def _pieces(text: str, offset: int, words: Sequence[Mapping[str, Any]], strongest: float) -> Iterator[str]:
    """Yield a part of the caption as HTML; a word that goes on in the next part is shaded in both."""
    at = 0
    for word in words:
        if word["start"] >= offset + len(text) or word["end"] <= offset:
            continue
        start, end = max(word["start"] - offset, 0), min(word["end"] - offset, len(text))
        yield escape(text[at:start])
        value = word["attribution"]
        kinds = ["word", *shade(value, strongest), *(["misaligned"] if word["misaligned"] else [])]
        said = "no token of its own" if value is None else scientific(value, sign=True)
        if word["misaligned"]:
            said += ", misaligned"
        title = escape(f"{word['text']}: {said}")
        yield f'<span class="{" ".join(kinds)}" title="{title}">{escape(text[start:end])}</span>'
        at = end
    yield escape(text[at:])


def shade(value: float | None, strongest: float) -> list[str]:
    """Return the classes of a word's shade: its sign and one of four levels, the square root of its share.

    Attributions differ by powers of ten; without the root all words but a few would look alike.

    Args:
        value: The word's attribution, None for none.
        strongest: The largest absolute attribution of the caption.
    """
    if not value or abs(value) < _UNSHADED * strongest:
        return []
    level = max(1, math.ceil(LEVELS * math.sqrt(abs(value) / strongest) - 1e-9))
    return [f"{'for' if value > 0 else 'against'}-{level}"]
