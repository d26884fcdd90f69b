"""The upload fields for images."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles


class PictureInput(gr.Image):
    """Gradio's image field, handing on the uploaded file's path and nothing else.

    Gradio's own field opens and may decode the file, which a small file of 400 megapixels turns into a
    gigabyte; here nothing reads it before ``specs_core.images`` has checked its header.
    """

    # Tells Gradio that the page shows this as its own image field.
    is_template = True

    def preprocess(self, payload: Any) -> str | None:
        """Return the path of the uploaded file in the server's cache, or None."""
        return None if payload is None else payload.path


class PicturesInput(gr.File):
    """Gradio's field for several files, handing on the uploaded files' paths and nothing else."""

    # Tells Gradio that the page shows this as its own file field.
    is_template = True

    def preprocess(self, payload: Any) -> list[str]:
        """Return the paths of the uploaded files in the server's cache."""
        if payload is None:
            return []
        return [file.path for file in (payload if isinstance(payload, ListFiles) else [payload])]
