"""The one place where a library's error becomes a sentence on the page."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from annotations.errors import AnnotationError
from app.answers import FormError
from app.sessions import SignInError
from specs_core.errors import SpecsError

if TYPE_CHECKING:
    import gradio as gr

_LOG = logging.getLogger("specs_lens")


def sentence(message: str) -> str:
    """Return a message as one sentence: a capital first, a stop at the end."""
    said = message.strip()
    said = said[:1].upper() + said[1:]
    return said if said.endswith((".", "!", "?")) else f"{said}."


def problem(message: str) -> gr.Error:
    """Return an error that the page shows as one plain sentence; the message is text, never HTML."""
    import gradio as gr  # here and not above: the routes of rating use nothing of it

    return gr.Error(
        html.escape(sentence(message)), title="That did not work", duration=12, print_exception=False
    )


def refusal(message: str) -> gr.Error:
    """Return an error for a caller of the API: the same sentence, as plain text in JSON."""
    import gradio as gr

    return gr.Error(sentence(message), print_exception=False)


@contextmanager
def shown_on_page() -> Iterator[None]:
    """Turn the errors that the libraries raise on purpose into errors on the page.

    Raises:
        gradio.Error: In place of a SpecsError, an AnnotationError, a FormError or a SignInError; anything
            else is a bug and passes.
    """
    try:
        yield
    except (SpecsError, AnnotationError, FormError, SignInError) as error:
        _LOG.info("shown to the visitor: %s: %s", type(error).__name__, error)
        raise problem(str(error)) from error


@contextmanager
def told_to_caller() -> Iterator[None]:
    """Turn the errors that the libraries raise on purpose into errors for a caller of the API.

    Raises:
        gradio.Error: In place of a SpecsError or an AnnotationError; anything else is a bug and passes.
    """
    try:
        yield
    except (SpecsError, AnnotationError) as error:
        _LOG.info("told to a caller: %s: %s", type(error).__name__, error)
        raise refusal(str(error)) from error
