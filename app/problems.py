"""The one place where a library's error becomes a sentence on the page."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from annotations.errors import AnnotationError
from app.answers import FormError
from specs_core.errors import SpecsError

_LOG = logging.getLogger("specs_lens")


def problem(message: str) -> gr.Error:
    """Return an error that the page shows as one plain sentence; the message is text, never HTML."""
    sentence = message.strip()
    sentence = sentence[:1].upper() + sentence[1:]
    if not sentence.endswith((".", "!", "?")):
        sentence += "."
    return gr.Error(html.escape(sentence), title="That did not work", duration=12, print_exception=False)


@contextmanager
def shown_on_page() -> Iterator[None]:
    """Turn the errors that the libraries raise on purpose into errors on the page.

    Raises:
        gradio.Error: In place of a SpecsError, an AnnotationError or a FormError; anything else is a bug and
            passes.
    """
    try:
        yield
    except (SpecsError, AnnotationError, FormError) as error:
        _LOG.info("shown to the visitor: %s: %s", type(error).__name__, error)
        raise problem(str(error)) from error
