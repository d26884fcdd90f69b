"""Raters: who they are to the store."""

import unicodedata
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from annotations.errors import InvalidRecordError
from annotations.schema import new_id, raters, timestamp

MAX_NAME_LENGTH = 80

_BY_NAME: Final = select(raters.c.id).where(raters.c.name == bindparam("name"))


def clean_name(name: str) -> str:
    """Bring a rater's name into the form in which it is stored and compared.

    Args:
        name: As typed.

    Returns:
        The name in Unicode form NFC, with runs of white space made one space and none at either end.

    Raises:
        InvalidRecordError: If nothing is left, more than 80 characters are, or one of them cannot be shown.
    """
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name:
        raise InvalidRecordError("a rater needs a name")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidRecordError(
            f"a rater's name may have {MAX_NAME_LENGTH} characters; this one has {len(name)}"
        )
    if not name.isprintable():
        raise InvalidRecordError(f"a rater's name may not hold control characters: {name!r}")
    return name


def find_rater(connection: Connection, name: str) -> str | None:
    """Look up the id of a rater, or None where nobody of that name has come yet."""
    return connection.scalar(_BY_NAME, {"name": clean_name(name)})


def ensure_rater(connection: Connection, name: str) -> str:
    """Look up the id of a rater, who is written down on the first visit."""
    rater_id = find_rater(connection, name)
    if rater_id is None:
        rater_id = new_id()
        connection.execute(insert(raters).values(id=rater_id, name=clean_name(name), created_at=timestamp()))
    return rater_id
