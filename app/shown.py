"""What a request on the Inspect page is about: the caption that it shows, and the model that scored it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.answers import FormError, read_text
from app.inspection import Inspection

if TYPE_CHECKING:
    from app.context import AppContext
    from specs_core.encoder import Encoder


def current(shown: Inspection | None, payload: object) -> Inspection:
    """Return the scored caption that a request is about.

    Args:
        shown: What the server has in mind for this page, or None.
        payload: The request, with the ``serial`` of what the page shows.

    Raises:
        FormError: If the server shows this page nothing, or something else by now.
    """
    if shown is None:
        raise FormError("The server no longer knows this page. Press Score; what you have done is kept here.")
    if read_text(payload, "serial") != str(shown.serial):
        raise FormError(
            "The caption has been scored anew since. Look at it again; what you have done is kept here."
        )
    return shown


def encoder_of(context: AppContext, shown: Inspection) -> Encoder:
    """Return the model that scored a caption, loading it again where it is no longer in memory.

    Raises:
        FormError: If its file has changed since.
        SpecsError: If it cannot be loaded.
    """
    encoder = context.encoders.get(shown.model)
    if encoder.weights_sha256 != shown.weights_sha256:
        raise FormError("The model's file has changed since. Press Score; what you have done is kept here.")
    return encoder
