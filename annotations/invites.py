"""Invites: who gets a code, for how long, and the first one of all."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, exists, insert, select, update

from annotations.accounts import add_person, check_role
from annotations.audit import record_act
from annotations.codes import draw_code, hasher, write_code
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError
from annotations.raters import clean_name
from annotations.schema import invites, raters, sessions, timestamp

FIRST_ADMIN: Final = "admin"
"""Name of the account that a database without an admin gets."""

DEFAULT_VALID_FOR: Final = timedelta(days=30)
FIRST_VALID_FOR: Final = timedelta(days=7)
LONGEST_VALID_FOR: Final = timedelta(days=366)


def invite(
    engine: Engine,
    name: str,
    *,
    role: str | None = None,
    valid_for: timedelta = DEFAULT_VALID_FOR,
    actor: str | None = None,
    now: datetime | None = None,
) -> str:
    """Make a code with which a person can sign in until it expires, in as many browsers as they use.

    Args:
        engine: From `open_database`.
        name: Of the rater, who is written down if new. Ratings given under this name so far are theirs.
        role: ``rater``, ``adjudicator`` or ``admin``; None leaves it, and makes a new person a rater.
        valid_for: At most 366 days.
        actor: Who does it, for the audit log, unless None.
        now: The time; the clock's when None.

    Returns:
        The code. It is stored nowhere, so it cannot be shown again.

    Raises:
        InvalidRecordError: If the name will not do, there is no such role, the time is not above zero or too
            long, or the person is disabled.
        LastAdminError: If the role would leave no admin.
        StorageError: If the database fails.
    """
    if not timedelta(0) < valid_for <= LONGEST_VALID_FOR:
        raise InvalidRecordError(
            f"a code is valid for up to {LONGEST_VALID_FOR.days} days; got {valid_for / timedelta(days=1):g}"
        )
    if role is not None:
        check_role(role)
    # Hashed before the transaction, which keeps every other writer waiting.
    public, secret, code_hash = _draw()
    with writing(engine) as connection:
        rater_id = add_person(connection, name, role)
        if connection.scalar(select(raters.c.disabled_at).where(raters.c.id == rater_id)) is not None:
            raise InvalidRecordError(f"{name} is disabled; enable them first")
        _store(connection, rater_id, public, code_hash, valid_for, now or datetime.now(UTC))
        details = {"name": clean_name(name), "role": role, "days": valid_for / timedelta(days=1)}
        record_act(connection, actor, "invite person", rater_id, details)
    return write_code(public, secret)


def revoke_invites(engine: Engine, rater_id: str, *, now: datetime | None = None) -> int:
    """Make all codes of a person worthless; who is signed in with one stays so.

    Args:
        engine: From `open_database`.
        rater_id: Who.
        now: The time; the clock's when None.

    Returns:
        How many valid codes there were.

    Raises:
        StorageError: If the database fails.
    """
    moment = timestamp(now)
    with writing(engine) as connection:
        return _revoke(connection, rater_id, moment)


def first_admin_code(engine: Engine, *, now: datetime | None = None) -> str | None:
    """Make the code of the first admin, for whoever starts the program to see, while nobody has used one.

    A database without an admin gets the account ``admin``. Until an admin has signed in, each call makes a
    fresh code for it and revokes the one before. An admin who was invited by hand has a code already.

    Args:
        engine: From `open_database`.
        now: The time; the clock's when None.

    Returns:
        The code, valid for 7 days; None where an admin has signed in or was invited under another name.

    Raises:
        StorageError: If the database fails.
    """
    now = now or datetime.now(UTC)
    with reading(engine) as connection:
        if not _needs_first_code(connection):
            return None
    public, secret, code_hash = _draw()
    with writing(engine) as connection:
        # Another process may have started meanwhile.
        if not _needs_first_code(connection):
            return None
        rater_id = add_person(connection, FIRST_ADMIN, "admin")
        connection.execute(update(raters).where(raters.c.id == rater_id).values(disabled_at=None))
        _revoke(connection, rater_id, timestamp(now))
        _store(connection, rater_id, public, code_hash, FIRST_VALID_FOR, now)
    return write_code(public, secret)


def _needs_first_code(connection: Connection) -> bool:
    signed_in = exists().where(sessions.c.rater_id == raters.c.id)
    admins = connection.execute(
        select(raters.c.name, signed_in.label("signed_in")).where(
            raters.c.role == "admin", raters.c.disabled_at.is_(None)
        )
    ).all()
    if any(admin.signed_in for admin in admins):
        return False
    return not admins or any(admin.name == FIRST_ADMIN for admin in admins)


def _draw() -> tuple[str, str, str]:
    public, secret = draw_code()
    return public, secret, hasher.hash(secret)


def _store(
    connection: Connection,
    rater_id: str,
    public: str,
    code_hash: str,
    valid_for: timedelta,
    now: datetime,
) -> None:
    connection.execute(
        insert(invites).values(
            id=public,
            rater_id=rater_id,
            code_hash=code_hash,
            created_at=timestamp(now),
            expires_at=timestamp(now + valid_for),
            failures=0,
        )
    )


def _revoke(connection: Connection, rater_id: str, moment: str) -> int:
    return connection.execute(
        update(invites)
        .where(invites.c.rater_id == rater_id, invites.c.revoked_at.is_(None), invites.c.expires_at > moment)
        .values(revoked_at=moment)
    ).rowcount
