"""The models as the page offers them: what they are called, what they know, under which licence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs_core.checkpoints import CHECKPOINTS, Checkpoint, local_path, resolve
from specs_core.errors import UnknownModelError

if TYPE_CHECKING:
    from app.settings import Settings

CUSTOM_MODEL = "default"
"""What the page sends for a model that the settings name by path or as ``open_clip:ARCH/TAG``."""


def model_choices(settings: Settings) -> list[tuple[str, str]]:
    """Return (what is shown, what is sent) of every model that may be chosen; the settings' own comes first.

    Args:
        settings: Their model may be one that is not in the list of known ones.

    Raises:
        specs_core.errors.SpecsError: If the settings' model does not exist.
    """
    known = [(name, name) for name in CHECKPOINTS]
    chosen = resolve(settings.model)
    if chosen.name in CHECKPOINTS:
        return known
    return [(chosen.label, CUSTOM_MODEL), *known]


def default_choice(settings: Settings) -> str:
    """Return what is sent for the settings' model."""
    return choice_of(settings, None)


def choice_of(settings: Settings, name: str | None) -> str:
    """Return what is sent for a model that was chosen before; None means the settings' own."""
    chosen = resolve(name or settings.model)
    return chosen.name if chosen.name in CHECKPOINTS else CUSTOM_MODEL


def chosen_checkpoint(settings: Settings, choice: str | None) -> Checkpoint:
    """Return the model that a choice stands for.

    Only names of the list are taken: a page must not make the server open any file it names.

    Raises:
        UnknownModelError: If the choice is not in the list.
    """
    if choice is None or choice == CUSTOM_MODEL:
        return resolve(settings.model)
    # Gradio lets a list of choices pass where one is meant.
    if not isinstance(choice, str) or choice not in CHECKPOINTS:
        raise UnknownModelError(f"there is no model {str(choice)[:80]!r} to choose; take one from the list")
    return resolve(choice)


def chip_text(settings: Settings, choice: str | None) -> str:
    """Return the header's words on a model: name, what it knows, how much it reads."""
    checkpoint = chosen_checkpoint(settings, choice)
    parts = [checkpoint.label]
    if checkpoint.domain != "unknown":
        parts.append(f"{checkpoint.domain} only" if checkpoint.source == "bundled" else checkpoint.domain)
    if checkpoint.context_length is not None:
        parts.append(f"{checkpoint.context_length} tokens")
    return " · ".join(parts)


def describe(settings: Settings, choice: str | None) -> str:
    """Return one line on a model for the person who chooses it: use, licence, whether it is here."""
    checkpoint = chosen_checkpoint(settings, choice)
    parts = [checkpoint.note] if checkpoint.note else []
    if checkpoint.licence != "unknown":
        parts.append(f"Licence: {checkpoint.licence}.")
    if checkpoint.source in ("hub", "open_clip") and local_path(checkpoint) is None:
        parts.append("Downloaded on first use.")
    return " ".join(parts)
