"""The parts that the report's page is made of: text that is escaped, tables, plots, sections.

Everything that is not `Html` is escaped where it is put in; only this package makes `Html`.
"""

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from annotations.analysis.definitions import DEFINITIONS

_HERE: Final = Path(__file__).parent
LONG: Final = 40
"""Characters from which on a fact has a line of its own."""

NOTHING: Final = "–"
"""What stands where there is no number."""


class Html(str):
    """Text that is HTML already, with everything from people in it escaped."""


def text(value: object) -> Html:
    """Return what a page may hold: HTML as it is, anything else escaped."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def number(value: float, digits: int = 3) -> str:
    """Write a number with a real minus; a dash where there is none."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    shown = f"{abs(value):,.{digits}f}"
    return f"−{shown}" if value < 0 and float(shown.replace(",", "")) else shown


def interval(low: float, high: float, digits: int = 3) -> str:
    """Write both ends of an interval; a dash where there is none, and in words where one end is open."""
    if math.isnan(low) and math.isnan(high):
        return NOTHING
    if math.isnan(high) or math.isinf(high):
        return f"from {number(low, digits)}"
    return f"{number(low, digits)} to {number(high, digits)}"


def count(value: int) -> str:
    """Write a count."""
    return f"{value:,}"


def p_value(value: float) -> str:
    """Write the p of a test; a dash where there is none."""
    if math.isnan(value):
        return NOTHING
    return "< .001" if value < 0.001 else number(value)


def plural(of: int, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return f"{of:,} {one if of == 1 else many or one + 's'}"


def anchor(name: str) -> str:
    """Return the id under which a definition stands."""
    return "def-" + "".join(sign if sign.isalnum() else "-" for sign in name.lower())


def term(name: str, shown: str = "") -> Html:
    """Return the name of a number with its definition behind it.

    Args:
        name: One of `definitions.DEFINITIONS`.
        shown: What stands on the page; the name where not given.
    """
    definition = DEFINITIONS[name]
    return Html(
        f'<a class="term" href="#{anchor(name)}" title="{escape(definition.text)}">'
        f"{escape(shown or name)}</a>"
    )


def table(
    heads: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    left: int = 1,
    words: Sequence[str] = ("note",),
) -> Html:
    """Return a table that scrolls sideways where it does not fit.

    Args:
        heads: Of the columns; `Html` or text.
        rows: A cell a column; `Html` or text.
        left: So many columns, from the first, hold words and stand to the left; the others hold numbers.
        words: Heads of further columns that hold words; one in which none stands is left out.
    """
    body_rows = [list(row) for row in rows]
    # A column of words in which nothing is said would only take room.
    silent = {
        place
        for place, name in enumerate(heads)
        if name in words and not any(str(row[place]) for row in body_rows)
    }
    shown = [place for place in range(len(heads)) if place not in silent]

    def kind(place: int) -> str:
        if heads[place] in words:
            return ' class="words"'
        return "" if place < left else ' class="n"'

    head = "".join(f'<th scope="col"{kind(place)}>{text(heads[place])}</th>' for place in shown)
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{text(row[place])}</th>'
            if place == 0
            else f"<td{kind(place)}>{text(row[place])}</td>"
            for place in shown
        )
        + "</tr>"
        for row in body_rows
    )
    return Html(
        f'<div class="table" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def facts(rows: Iterable[tuple[object, object]]) -> Html:
    """Return names with what they are, side by side."""
    pairs = "".join(
        f"<div{' class=wide' if len(str(value)) > LONG else ''}><dt>{text(name)}</dt>"
        f"<dd>{text(value)}</dd></div>"
        for name, value in rows
    )
    return Html(f'<dl class="facts">{pairs}</dl>')


def notes(sentences: Iterable[str], *, strong: bool = False) -> Html:
    """Return sentences that a reader has to know, a line each; nothing where there are none.

    Args:
        sentences: Plain text.
        strong: Whether they are warnings that stand on top.
    """
    kind = "note" if strong else "soft"
    return Html("".join(f'<p class="{kind}">{text(sentence)}</p>' for sentence in sentences))


def plot(name: str, figure: Any, label: str) -> Html:
    """Return the place of a figure with its data, for the page's script to draw.

    Args:
        name: Its id in the page.
        figure: Of plotly.
        label: What it shows, for those who do not see it.
    """
    data = inert(json.dumps(json.loads(figure.to_json()), separators=(",", ":")))
    height = int(figure.layout.height)
    return Html(
        f'<div class="plot" id="{name}" role="img" aria-label="{escape(label)}" '
        f'style="height:{height}px"></div><script type="application/json" id="{name}-data">{data}</script>'
    )


def section(name: str, title: str, *parts: Html) -> Html:
    """Return a section with its heading.

    Args:
        name: Its id in the page.
        title: Plain text.
        parts: What stands in it, in order.
    """
    return Html(f'<section class="card" id="{name}"><h2>{text(title)}</h2>{"".join(parts)}</section>')


def lead(sentence: object) -> Html:
    """Return the sentence with which a section or a figure begins."""
    return Html(f'<p class="lead">{text(sentence)}</p>')


def heading(title: object) -> Html:
    """Return the heading of a part of a section."""
    return Html(f"<h3>{text(title)}</h3>")


def folded(title: str, *parts: Html) -> Html:
    """Return parts that a reader opens; printed is what stands open."""
    return Html(f"<details><summary>{text(title)}</summary>{''.join(parts)}</details>")


def inert(data: str) -> str:
    """Return JSON in which no HTML can begin or end, such as the end tag of the script around it."""
    return data.replace("<", "\\u003c")


def document(*, title: str, body: str, library: str) -> str:
    """Return the whole page: style, scripts and data inside, and a policy that forbids everything outside.

    Args:
        title: Plain text.
        body: HTML.
        library: The text of plotly.js.
    """
    style, script = (
        _HERE.joinpath(f"report.{ending}").read_text(encoding="utf-8") for ending in ("css", "js")
    )
    hashes = " ".join(f"'sha256-{_digest(each)}'" for each in (library, script))
    # Plotly writes styles of its own while it runs, so those are let through; no style can fetch anything.
    policy = (
        f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {hashes}; "
        "base-uri 'none'; form-action 'none'"
    )
    whole = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n"
        f"<script>{library}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )
    # Half characters, as in a file name that is no UTF-8, cannot be written to a file.
    return whole.encode("utf-8", "replace").decode("utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
