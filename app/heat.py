"""The heat map of a unit on the Inspect page: where in the image the change in similarity comes from."""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from app.answers import FormError, as_form
from app.inspection import Inspection
from app.shown import encoder_of
from app.what_if import changed_units, read_rows
from specs_core.report.wording import signed

if TYPE_CHECKING:
    from app.context import AppContext
    from specs_core.encoder import Encoder
    from specs_core.heat_map import ImageEvidence


class ImageEvidenceCache:
    """Forward passes of images with their graphs, least recently used first out.

    Args:
        capacity: Passes kept; each takes some tens of megabytes for a ViT-B/32, and its model with it.
    """

    def __init__(self, *, capacity: int = 2) -> None:
        self._capacity = capacity
        self._passes: OrderedDict[tuple[str, str], tuple[ImageEvidence, tuple[int, int]]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, encoder: Encoder, shown: Inspection) -> tuple[ImageEvidence, tuple[int, int]]:
        """Return the pass of a scored caption's image, made where it is not there, and the image's size.

        Args:
            encoder: The model that scored it.
            shown: The scored caption.

        Raises:
            SpecsError: If the image has gone from the server's cache, or the model has another vision tower.
        """
        from specs_core.heat_map import ImageEvidence
        from specs_core.images import read_image

        key = (encoder.weights_sha256, shown.image_sha256)
        with self._lock:
            if key not in self._passes:
                image = read_image(shown.image_path)
                self._passes[key] = ImageEvidence(encoder, image), image.size
                while len(self._passes) > self._capacity:
                    self._passes.popitem(last=False)
            self._passes.move_to_end(key)
            return self._passes[key]


def heat_answer(context: AppContext, shown: Inspection, payload: object) -> dict[str, Any]:
    """Return the heat map of a unit as a picture to lay over the image.

    Args:
        context: The open context.
        shown: The scored caption.
        payload: The request: ``unit`` is the number of a row from 0, and ``rows`` are those of a changed
            caption as `app.what_if.read_rows` reads them, or none for the scored one.

    Returns:
        serial, unit, png (a data URI) and says.

    Raises:
        FormError: If there is no such unit, it is switched off or lies beyond the context.
        SpecsError: If the model or the image cannot be had, or the model has a vision tower without such a
            map.
    """
    from specs_core.heat_overlay import overlay_png

    form = as_form(payload)
    unit = form.get("unit")
    units, place = shown.curve.units, unit
    if form.get("rows") is not None:
        rows = read_rows(payload, shown)
        units = changed_units(rows, shown, context.settings)
        on = [number for number, row in enumerate(rows) if row.is_on]
        place = on.index(unit) if unit in on else None
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(units):
        raise FormError("There is no heat map of this unit: it is switched off or not there.")
    encoder = encoder_of(context, shown)
    features = encoder.prefix_features(units, memory=context.encoders.memory(encoder)).features
    before = features[place - 1] if place else None
    evidence, size = context.image_passes.get(encoder, shown)
    found = evidence.heat_map(before, features[place])
    picture = overlay_png(found, size)
    what = "the similarity of the first unit" if before is None else f"its delta of {signed(found.delta)}"
    return {
        "serial": str(shown.serial),
        "unit": unit,
        "png": f"data:image/png;base64,{base64.b64encode(picture).decode()}",
        "says": f"blue speaks for {what}, striped purple against it, which is seldom where a mistake is. "
        f"By {found.method}.",
    }
