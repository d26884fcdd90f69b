"""How a caption is cut into detail units, and what of a text the store can hold."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from annotations.errors import InvalidRecordError
from annotations.schema import units

ANOTHER_CUT: Final = (
    "segmenter version {version!r} cut this caption into {before} units before and into {now} now, or at "
    "other places; a segmenter that cuts differently needs another version"
)
"""What is wrong where a version cuts a caption in two ways."""
_SPANS: Final = (
    select(units.c.start, units.c.end)
    .where(units.c.caption_sha256 == bindparam("sha256"), units.c.segmenter_version == bindparam("version"))
    .order_by(units.c.start)
)


def checked_text(what: str, text: str) -> str:
    """Return a text that every database takes.

    Args:
        what: What the text is, for the message.
        text: The text.

    Raises:
        InvalidRecordError: If it holds NUL or a lone surrogate.
    """
    # SQLite keeps NUL but cuts the text short in some functions; PostgreSQL refuses it.
    if "\x00" in text:
        raise InvalidRecordError(f"a {what} may not hold the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRecordError(f"the {what} is not valid Unicode at character {error.start}") from error
    return text


def checked_version(version: str) -> str:
    """Return the name of a segmenter version.

    Args:
        version: 1 to 120 characters.

    Raises:
        InvalidRecordError: If it is shorter or longer.
    """
    if not 1 <= len(version) <= 120:
        raise InvalidRecordError(f"a segmenter version has 1 to 120 characters; got {version!r}")
    return version


def checked_spans(caption: str, cut: Sequence[tuple[str, int, int]]) -> list[tuple[int, int]]:
    """Return start and end of each unit, once they are known to be the caption.

    Args:
        caption: The text.
        cut: Text, start and end of each unit, in order.

    Raises:
        InvalidRecordError: If a unit is empty, out of place or other text, or the units do not cover all.
    """
    position = 0
    for number, (text, start, end) in enumerate(cut):
        if start != position or end <= start or caption[start:end] != text:
            raise InvalidRecordError(
                f"unit {number} is {text!r} at {start}:{end}, but the caption reads {caption[start:end]!r} "
                f"there and the unit before it ends at {position}"
            )
        position = end
    if position != len(caption):
        raise InvalidRecordError(
            f"the units end at {position}, but the caption has {len(caption)} characters"
        )
    return [(start, end) for _, start, end in cut]


def stored_spans(connection: Connection, caption_sha256: str, version: str) -> list[tuple[int, int]]:
    """Read how a version cuts a caption, in an open transaction; empty where it has not cut it."""
    rows = connection.execute(_SPANS, {"sha256": caption_sha256, "version": version})
    return [(row.start, row.end) for row in rows]


def ensure_units(
    connection: Connection, caption_sha256: str, version: str, spans: Sequence[tuple[int, int]]
) -> None:
    """Write down how a version cuts a caption, in an open transaction; once written, it stays so.

    Raises:
        InvalidRecordError: If the same version has cut the same caption in another way before.
    """
    stored = stored_spans(connection, caption_sha256, version)
    if not stored:
        connection.execute(
            insert(units),
            [
                {"caption_sha256": caption_sha256, "segmenter_version": version, "start": start, "end": end}
                for start, end in spans
            ],
        )
    elif stored != list(spans):
        raise InvalidRecordError(ANOTHER_CUT.format(version=version, before=len(stored), now=len(spans)))
