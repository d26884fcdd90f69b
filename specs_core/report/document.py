"""One HTML document that needs nothing else: its style, its data and its scripts stand inside."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def document(
    *, title: str, body: str, styles: Sequence[str], scripts: Sequence[str] = (), policy: bool = True
) -> str:
    """Return a whole HTML document.

    Args:
        title: Plain text.
        body: HTML, in which everything from people is escaped already.
        styles: Style sheets.
        scripts: Scripts, run in order when the body is there.
        policy: Whether the document forbids itself everything but these styles, these scripts and images
            of its own. Off for a library that writes styles while it runs.
    """
    rules = f"{_policy(styles, scripts)}\n" if policy else ""
    whole = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{rules}"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n"
        + "".join(f"<style>{style}</style>\n" for style in styles)
        + f"</head>\n<body>\n{body}\n"
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )
    # Half characters, as in a file name that is no UTF-8, cannot be written to a file.
    return whole.encode("utf-8", "replace").decode("utf-8")


def data_element(name: str, value: Any) -> str:
    """Return a script element that holds a value as JSON, for scripts to read by its id.

    Args:
        name: Its id.
        value: Anything that JSON can hold.
    """
    return f'<script type="application/json" id="{name}">{inert(json.dumps(value))}</script>'


def inert(text: str) -> str:
    """Return JSON in which no HTML can begin or end, such as an end tag of the script around it."""
    return text.replace("<", "\\u003c")


def asset(name: str) -> str:
    """Return the text of a style sheet or script of this folder."""
    return (_HERE / name).read_text(encoding="utf-8")


def _policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    rules = ["default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    for kind, texts in (("style-src", styles), ("script-src", scripts)):
        if texts:
            rules.append(" ".join((kind, *map(_hash, texts))))
    return f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">'


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
