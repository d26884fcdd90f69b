"""The API: the named endpoints ``/segment``, ``/curve`` and ``/attribute``, with typed arguments.

Gradio takes the types for its description of the API and checks none of them, so each endpoint checks what it
got. Errors reach the caller as one plain sentence.
"""

# No `from __future__ import annotations` here: Gradio reads the return types as they stand.

import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import gradio as gr
from gradio.utils import get_function_params, get_upload_folder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.default_thresholds import default_of, value_of
from app.inspection import checked_caption
from app.models import CUSTOM_MODEL, chosen_checkpoint
from app.problems import refusal, told_to_caller
from app.rate_limit import COUNTED, RateLimit, client_key, refusal_text
from app.uploads import names_foreign_file
from specs_core.checkpoints import CHECKPOINTS
from specs_core.errors import CaptionError, ConfigError, ImageError
from specs_core.segmentation import SEGMENTERS

if TYPE_CHECKING:
    from app.context import AppContext
    from app.settings import Settings
    from specs_core.encoder import Encoder
    from specs_core.images import LoadedImage
    from specs_core.text_features import FloatArray

NAMES = ("segment", "curve", "attribute")

Segmenter = Literal[tuple(SEGMENTERS)]  # type: ignore[valid-type]
Mode = Literal["threshold", "most_negative"]
Model = Literal[(CUSTOM_MODEL, *CHECKPOINTS)]  # type: ignore[valid-type]
_MODES = ("threshold", "most_negative")
_KINDS: dict[type, str] = {
    type(None): "null",
    str: "a text",
    bool: "true or false",
    int: "a number",
    dict: "an object",
    list: "a list",
}
_MAX_TEMPLATE_CHARACTERS = 500


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{name} has to be a text, got {_kind(value)}")
    return value


def _number(value: object, name: str, *, lowest: float = -math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{name} has to be a number, got {_kind(value)}")
    if value < lowest:
        raise ConfigError(f"{name} has to be {lowest:g} or more, got {value:g}")
    return float(value)


def _one_of(value: object, name: str, choices: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(f"{name} has to be one of {', '.join(choices)}, got {str(value)[:80]!r}")
    return value


def _kind(value: object) -> str:
    if isinstance(value, float):
        return str(value)
    return _KINDS.get(type(value), "something else")


def _caption(value: object, settings: "Settings") -> tuple[str, tuple[str, ...]]:
    text = _text(value, "caption")
    if not text.strip():
        raise CaptionError("caption is empty: write at least one word")
    return checked_caption(text, settings)


def _image(value: object) -> "LoadedImage":
    from specs_core.images import load_image

    path = value.get("path") if isinstance(value, dict) else None
    # The page's own check has run before; this one keeps the function safe wherever it is called from.
    if not isinstance(path, str) or not os.path.isabs(path) or names_foreign_file(value, get_upload_folder()):
        raise ImageError(
            "image has to be a file that was uploaded here before: "
            '{"path": "...", "meta": {"_type": "gradio.FileData"}}'
        )
    return load_image(path)


def _encoded(
    context: "AppContext", image: object, model: object
) -> tuple["Encoder", "FloatArray", tuple[str, ...]]:
    """Return the chosen model, the image's features (D,) by it, and what is to be said of the image."""
    loaded = _image(image)
    choice = _one_of(model, "model", (CUSTOM_MODEL, *CHECKPOINTS))
    encoder = context.encoders.get(chosen_checkpoint(context.settings, choice).name)
    return encoder, encoder.image_features([loaded.image])[0], loaded.notes


def segment_caption(context: "AppContext", caption: object, segmenter: object) -> list[dict[str, Any]]:
    """Cut a caption into detail units; see ``/segment`` in README.md.

    Raises:
        SpecsError: If an argument will not do; the message is one for the caller.
    """
    from specs_core.segmentation import segment

    text, _ = _caption(caption, context.settings)
    units = segment(text, segmenter=_one_of(segmenter, "segmenter", SEGMENTERS))
    return [{"text": unit.text, "start": unit.start, "end": unit.end} for unit in units]


def curve_of(
    context: "AppContext",
    image: object,
    caption: object,
    *,
    model: object,
    segmenter: object,
    threshold: object,
    leave_one_out: object,
) -> dict[str, Any]:
    """Score the prefixes of a caption; see ``/curve`` in README.md.

    Raises:
        SpecsError: If an argument will not do; the message is one for the caller.
        AnnotationError: If no threshold is given and the model's default cannot be read.
    """
    from specs_core.curve import curve_of_units, curve_record
    from specs_core.evidence import with_leave_one_out
    from specs_core.leave_one_out import leave_one_out as without_each
    from specs_core.segmentation import segment, segmenter_version

    text, notes = _caption(caption, context.settings)
    cutter = _one_of(segmenter, "segmenter", SEGMENTERS)
    cut = None if threshold is None else _number(threshold, "threshold", lowest=0.0)
    if not isinstance(leave_one_out, bool):
        raise ConfigError(f"leave_one_out has to be true or false, got {_kind(leave_one_out)}")
    encoder, features, about_image = _encoded(context, image, model)
    units = segment(text, segmenter=cutter)
    curve = curve_of_units(
        encoder, features, units, segmenter=cutter, segmenter_version=segmenter_version(cutter)
    )
    if cut is None:
        cut = value_of(default_of(context, encoder.weights_sha256))
    record = curve_record(curve, encoder, threshold=cut)
    if leave_one_out:
        record = with_leave_one_out(record, without_each(encoder, features, curve))
    return {**record, "notes": [*about_image, *notes]}


def attribute_words(
    context: "AppContext",
    image: object,
    caption: object,
    *,
    model: object,
    template: object,
    start_layer: object,
    epsilon: object,
    mode: object,
) -> dict[str, Any]:
    """Attribute the similarity to the words; see ``/attribute`` in README.md.

    Raises:
        SpecsError: If an argument will not do; the message is one for the caller.
    """
    text, notes = _caption(caption, context.settings)
    before = _text(template, "template")
    if len(before) > _MAX_TEMPLATE_CHARACTERS:
        raise ConfigError(
            f"template has {len(before):,} characters; at most {_MAX_TEMPLATE_CHARACTERS} are read"
        )
    layer = _number(start_layer, "start_layer")
    if layer != int(layer):
        raise ConfigError(f"start_layer has to be a whole number, got {layer:g}")
    below = _number(epsilon, "epsilon")
    chosen_mode = _one_of(mode, "mode", _MODES)
    encoder, features, about_image = _encoded(context, image, model)
    # Imported here: the page must be up before torch is.
    from specs_core.attribution import attribute

    found = attribute(
        encoder,
        features,
        text,
        template=before,
        start_layer=int(layer),
        epsilon=below,
        mode="threshold" if chosen_mode == "threshold" else "most_negative",
    )
    return {**found.as_dict(), "provenance": encoder.provenance(), "notes": [*about_image, *notes]}


def answer_wrong_arguments(blocks: gr.Blocks) -> Callable[[Request, Exception], Response]:
    """Return what answers a call whose named arguments are not those of the endpoint.

    Gradio raises a TypeError then, which would be told as a fault of the server.

    Args:
        blocks: What `build` has added the endpoints to.
    """
    taken = {fn.api_name: get_function_params(fn.fn) for fn in blocks.fns.values() if fn.api_name in NAMES}

    def answer(request: Request, error: Exception) -> Response:
        name = request.path_params.get("api_name")
        if name not in taken or "/call/v2/" not in request.url.path:
            raise error
        arguments = ", ".join(
            f"{name} (optional)" if has_default else name for name, has_default, *_ in taken[name]
        )
        return JSONResponse({"detail": f"The arguments of {name} are: {arguments}."}, status_code=422)

    return answer


def build(context: "AppContext", limit: RateLimit) -> None:
    """Add the endpoints to the current Blocks.

    Args:
        context: The open context of the running app.
        limit: Of the calls of one client, over all endpoints; shared with `app.rate_limit.RequestLimit`.
    """

    def admit(request: gr.Request) -> None:
        # Called by its name, it was counted before it joined the queue.
        if request.request is None or request.request.scope.get(COUNTED):
            return
        client = request.request.client
        seconds = limit.take(client_key(client.host if client else None))
        if seconds:
            raise refusal(refusal_text(seconds))

    def segment(
        caption: str,
        segmenter: Segmenter = "dependency",
        request: gr.Request = None,  # type: ignore[assignment]
    ) -> list[dict[str, Any]]:
        admit(request)
        with told_to_caller():
            return segment_caption(context, caption, segmenter)

    def curve(
        image: gr.FileData,
        caption: str,
        model: Model = CUSTOM_MODEL,
        segmenter: Segmenter = "dependency",
        threshold: float | None = None,
        leave_one_out: bool = False,
        request: gr.Request = None,  # type: ignore[assignment]
    ) -> dict[str, Any]:
        admit(request)
        with told_to_caller():
            return curve_of(
                context,
                image,
                caption,
                model=model,
                segmenter=segmenter,
                threshold=threshold,
                leave_one_out=leave_one_out,
            )

    def attribute(
        image: gr.FileData,
        caption: str,
        model: Model = CUSTOM_MODEL,
        template: str = "A photo depicts ",
        start_layer: int = -3,
        epsilon: float = -5e-5,
        mode: Mode = "threshold",
        request: gr.Request = None,  # type: ignore[assignment]
    ) -> dict[str, Any]:
        admit(request)
        with told_to_caller():
            return attribute_words(
                context,
                image,
                caption,
                model=model,
                template=template,
                start_layer=start_layer,
                epsilon=epsilon,
                mode=mode,
            )

    described: list[tuple[Callable[..., Any], str]] = [
        (segment, "Cut a caption into detail units."),
        (curve, "Score every growing prefix of a caption against an image."),
        (attribute, "Attribute the similarity of an image and a caption to the caption's words."),
    ]
    for (fn, words), name in zip(described, NAMES, strict=True):
        gr.api(
            fn,
            api_name=name,
            api_description=words,
            concurrency_id="segment" if fn is segment else "model",
            concurrency_limit=1,
        )
