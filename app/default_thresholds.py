"""The dip threshold that a model starts with in the app, and the sentence that says where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.inspection import MAX_THRESHOLD
from app.models import chosen_checkpoint
from specs_core.checkpoints import file_sha256, local_path

if TYPE_CHECKING:
    from annotations.thresholds import ModelThreshold
    from app.context import AppContext


def default_of(context: AppContext, weights_sha256: str) -> ModelThreshold | None:
    """Return the default of a model's weights; None where they have none and start at 0.

    Raises:
        AnnotationError: If the database fails.
    """
    from annotations.thresholds import current_threshold

    return current_threshold(context.engine, weights_sha256)


def default_of_choice(context: AppContext, choice: str | None) -> ModelThreshold | None:
    """Return the default of a model that can be chosen, without loading it.

    Args:
        context: The open context.
        choice: As the page sends it.

    Returns:
        The default; None also where the model is still to be downloaded, so that nobody knows its weights.

    Raises:
        AnnotationError: If the database fails.
        UnknownModelError: If there is no such model to choose.
    """
    path = local_path(chosen_checkpoint(context.settings, choice))
    return None if path is None else default_of(context, file_sha256(path))


def value_of(default: ModelThreshold | None) -> float:
    """Return the threshold that the sliders and the endpoints start with, in [0, `MAX_THRESHOLD`]."""
    return 0.0 if default is None else min(default.threshold, MAX_THRESHOLD)


def origin(default: ModelThreshold | None) -> str:
    """Return one sentence or two on where a default comes from, "" for a model without one.

    Who set it is told on Analyse; here every visitor reads.
    """
    if default is None:
        return ""
    promise, day = default.promise, default.set_at[:10]
    start = f"Default of this model: {shown(default.threshold)}"
    if promise is None:
        return f"{start}, set on {day}; nothing is promised of it. 0 shows every fall."
    return (
        f"{start}, calibrated on {default.n_images:,} images on {day}; at most "
        f"{promise.rate:.0%} of flags wrong is promised on images like those. 0 shows every fall."
    )


def shown(threshold: float) -> str:
    """Return a threshold with as many decimals as tell it from its neighbours on the slider."""
    return f"{threshold:.3f}"
