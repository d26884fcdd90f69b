"""A line between the page's scripts and the server: a question as an event, the answer as the value."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import gradio as gr

from app.problems import sentence

# The page's scripts live in one component, and a component hears of its own value alone. So each kind of
# answer has a component of its own, which hands on what it is told as an event of the document.
_SCRIPT = """
const name = "__NAME__";
document.addEventListener(`lens-ask-${name}`, (event) => trigger("ask", event.detail));
(window.lensLines ??= new Set()).add(name);
watch("value", () => {
  document.dispatchEvent(new CustomEvent(`lens-answer-${name}`, { detail: props.value }));
});
"""


def channel(name: str) -> gr.HTML:
    """Return a component that nobody sees.

    Scripts ask by dispatching `lens-ask-NAME` on the document, which becomes the component's event ``ask``,
    and hear every value of it as `lens-answer-NAME`.

    Args:
        name: Letters and hyphens.
    """
    return gr.HTML(
        None,
        html_template=" ",
        js_on_load=_SCRIPT.replace("__NAME__", name),
        apply_default_css=False,
        elem_id=f"channel-{name}",
        elem_classes="lens-channel",
    )


def answer(value: dict[str, Any], question: object = None) -> dict[str, Any]:
    """Return an answer that says which question it meets.

    Args:
        value: The answer.
        question: The event's data; its ``ask`` is the number by which the script knows the question again.
            None where nobody asked.
    """
    number = question.get("ask") if isinstance(question, Mapping) else None
    # Two equal answers in a row must still differ, or the browser would not be told of the second one.
    return {**value, "ask": number, "stamp": secrets.token_hex(6)}


def no_answer(error: Exception | str, question: object = None) -> dict[str, Any]:
    """Return an answer that says in one sentence why a question cannot be met."""
    return answer({"view": "problem", "problem": sentence(str(error))}, question)
