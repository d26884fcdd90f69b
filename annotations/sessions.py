"""Browsers that are signed in: made at sign-in, looked up at every request, ended at sign-out."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, bindparam, insert, select, update

from annotations.accounts import Account, end_sessions
from annotations.audit import record_act
from annotations.engine import reading, writing
from annotations.errors import SignInRefusedError
from annotations.schema import raters, sessions, timestamp

SESSION_LENGTH: Final = timedelta(days=30)
_TOKEN_BYTES: Final = 32
_LONGEST_TOKEN: Final = 64

_WHOSE: Final = (
    select(raters.c.id, raters.c.name, raters.c.role)
    .join(sessions, sessions.c.rater_id == raters.c.id)
    .where(
        sessions.c.token_sha256 == bindparam("token"),
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > bindparam("now"),
        raters.c.disabled_at.is_(None),
    )
)


def account_of(engine: Engine, token: str | None, *, now: datetime | None = None) -> Account | None:
    """Tell whose live session a token is.

    Args:
        engine: From `open_database`.
        token: What a browser sent; may be anything, or nothing.
        now: The time; the clock's when None.

    Returns:
        The account with its present role; None where the session is unknown, expired or ended, or the person
        is disabled.

    Raises:
        StorageError: If the database fails.
    """
    if not token or len(token) > _LONGEST_TOKEN:
        return None
    moment = timestamp(now)
    with reading(engine) as connection:
        row = connection.execute(_WHOSE, {"token": _digest(token), "now": moment}).one_or_none()
    return None if row is None else Account(row.id, row.name, row.role)


def sign_out(engine: Engine, token: str | None, *, now: datetime | None = None) -> None:
    """End one session; nothing happens where there is none.

    Args:
        engine: From `open_database`.
        token: What a browser sent.
        now: The time; the clock's when None.

    Raises:
        StorageError: If the database fails.
    """
    if not token or len(token) > _LONGEST_TOKEN:
        return
    moment = timestamp(now)
    with writing(engine) as connection:
        connection.execute(
            update(sessions)
            .where(sessions.c.token_sha256 == _digest(token), sessions.c.ended_at.is_(None))
            .values(ended_at=moment)
        )


def sign_out_everywhere(
    engine: Engine, rater_id: str, *, actor: str | None = None, now: datetime | None = None
) -> int:
    """End all sessions of a person.

    Args:
        engine: From `open_database`.
        rater_id: Who.
        actor: Who does it, for the audit log, unless None.
        now: The time; the clock's when None.

    Returns:
        How many there were.

    Raises:
        StorageError: If the database fails.
    """
    moment = timestamp(now)
    with writing(engine) as connection:
        ended = end_sessions(connection, rater_id, moment)
        name = connection.scalar(select(raters.c.name).where(raters.c.id == rater_id))
        record_act(connection, actor, "sign out person", rater_id, {"name": name, "sessions": ended})
    return ended


def sign_in_as(engine: Engine, rater_id: str, *, now: datetime | None = None) -> str:
    """Begin a session of somebody whom another party, the Hub, has vouched for.

    Args:
        engine: From `open_database`.
        rater_id: Who; an `Account` of `hub_account`.
        now: The time; the clock's when None.

    Returns:
        The token for the browser's cookie. It is stored nowhere.

    Raises:
        SignInRefusedError: If the person is disabled, or there is none.
        StorageError: If the database fails.
    """
    with writing(engine) as connection:
        known = select(raters.c.id).where(raters.c.id == rater_id, raters.c.disabled_at.is_(None))
        if connection.scalar(known) is None:
            raise SignInRefusedError("this person may not sign in here; ask an admin")
        return start_session(connection, rater_id, now)


def start_session(connection: Connection, rater_id: str, now: datetime | None) -> str:
    """Store a new session inside a transaction, and return its token.

    Only the hash of the token is stored; 256 random bits need no slow one.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    now = now or datetime.now(UTC)
    connection.execute(
        insert(sessions).values(
            token_sha256=_digest(token),
            rater_id=rater_id,
            created_at=timestamp(now),
            expires_at=timestamp(now + SESSION_LENGTH),
        )
    )
    return token


def _digest(token: str) -> str:
    # A browser may send what cannot be encoded otherwise.
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
