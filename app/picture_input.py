"""The upload fields for images, and what is told of an image that cannot be used."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from specs_core.errors import ImageError


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


def picture_input(*, elem_id: str, height: int) -> PictureInput:
    """Lay out the field for one image.

    Args:
        elem_id: The element's id.
        height: In CSS pixels.
    """
    return PictureInput(
        label="Image",
        show_label=False,
        type="filepath",
        image_mode=None,
        format="png",
        sources=["upload", "clipboard", "webcam"],
        height=height,
        elem_id=elem_id,
        placeholder="Drop an image here\n- or -\nClick to choose one (JPEG, PNG or WEBP)",
        buttons=["fullscreen"],
    )


def checked_image(path: str | None) -> Any:
    """Empty a field whose image cannot be used, and say why; otherwise leave it as it is.

    Args:
        path: The uploaded file, or None.
    """
    return gr.skip() if path is None or _is_usable(path) else None


def checked_images(paths: list[str]) -> Any:
    """Take the images that cannot be used out of a field, and say why for each.

    Args:
        paths: The uploaded files.
    """
    kept = [path for path in paths if _is_usable(path, name=Path(path).name)]
    return gr.skip() if len(kept) == len(paths) else kept or None


def _is_usable(path: str, *, name: str = "") -> bool:
    from specs_core.images import read_image

    try:
        read_image(path)
    except ImageError as error:
        text = f"{name}: {error}" if name else str(error)
        gr.Warning(html.escape(text), title="This image cannot be used", duration=12)
        return False
    return True
