"""Weights by the beginning of their SHA-256, as people name them in a command."""

from collections.abc import Mapping
from typing import Final

from annotations.errors import UnknownRecordError

SHORTEST_HASH: Final = 6
"""Characters of a hash that are enough to name weights, if no other weights begin alike."""

_SHOWN: Final = 12  # characters of a hash
_LONGEST_MODEL: Final = 40


def find_sha256(wanted: str, known: Mapping[str, str], *, missing: str) -> str:
    """Return the hash that is meant.

    Args:
        wanted: A SHA-256, or how it begins.
        known: By SHA-256, the name of the model.
        missing: What to say where none of them is meant, without what there is.

    Raises:
        UnknownRecordError: If it is none of them, or not long enough to tell them apart.
    """
    found = [sha256 for sha256 in known if sha256.startswith(wanted.lower())]
    if len(found) == 1 and len(wanted) >= SHORTEST_HASH:
        return found[0]
    listed = (
        ", ".join(f"{sha256[:_SHOWN]} ({_shortened(model)})" for sha256, model in known.items()) or "none"
    )
    if found:
        raise UnknownRecordError(
            f"{wanted!r} is too short to tell weights apart: give more characters, at least {SHORTEST_HASH}, "
            f"of one of {listed}"
        )
    raise UnknownRecordError(f"{missing}; there are {listed}")


def _shortened(model: str) -> str:
    return model if len(model) <= _LONGEST_MODEL else f"{model[: _LONGEST_MODEL - 1].rstrip()}…"
