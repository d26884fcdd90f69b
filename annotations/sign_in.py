"""Sign in with a code: the comparison, the count of wrong codes, and the lock-out."""

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, or_, select, update

from annotations.accounts import Account
from annotations.codes import hasher, matches, nobodys_hash, read_code
from annotations.engine import reading, writing
from annotations.errors import LockedOutError, SignInRefusedError
from annotations.schema import client_locks, invites, raters, timestamp
from annotations.sessions import start_session

WRONG_CODES: Final = 5
"""As many wrong codes lock an invite, and a client; as many again lock it for twice as long."""

FIRST_LOCK: Final = timedelta(minutes=15)
LONGEST_LOCK: Final = timedelta(days=1)
# A client's wrong codes are forgotten when none has come for so long.
_FORGOTTEN_AFTER: Final = timedelta(days=1)
_REFUSAL: Final = "this code does not sign in: it is mistyped, expired or revoked; ask an admin for a new one"


def sign_in(engine: Engine, code: str, *, client: str, now: datetime | None = None) -> tuple[str, Account]:
    """Begin a session of the person who was invited with a code.

    The answer to a code that does not work is the same, and takes as long, whatever is wrong with it. Wrong
    codes are counted for the invite whose public part they have, and for the client; a code that works sets
    both counts back.

    Args:
        engine: From `open_database`.
        code: As typed.
        client: What tells one client from another, for example its address.
        now: The time; the clock's when None.

    Returns:
        The token for the browser's cookie, which is stored nowhere, and the account.

    Raises:
        SignInRefusedError: If the code is unknown, wrong, expired or revoked, or the person is disabled.
        LockedOutError: If there were too many wrong codes for this invite or from this client. A code that
            comes meanwhile is neither compared nor counted.
        StorageError: If the database fails.
    """
    now = now or datetime.now(UTC)
    client_id = hashlib.sha256(client.encode(errors="surrogatepass")).hexdigest()
    public, secret = read_code(code) or ("", "")
    spare = nobodys_hash()
    with reading(engine) as connection:
        found = _find_invite(connection, public)
        _refuse_locked(now, found, _find_client(connection, client_id))
    # Outside any transaction: nobody else can write during one.
    stored = spare if found is None else found["code_hash"]
    right = matches(stored, secret) and found is not None
    renewed = hasher.hash(secret) if right and hasher.check_needs_rehash(stored) else stored
    with writing(engine) as connection:
        found = _find_invite(connection, public)
        # Of codes that were sent at once, those beyond the limit are not answered, even if one is right.
        _refuse_locked(now, found, _find_client(connection, client_id))
        if right and found is not None and _is_valid(found, now):
            connection.execute(
                update(invites)
                .where(invites.c.id == public)
                .values(code_hash=renewed, failures=0, locked_until=None)
            )
            connection.execute(delete(client_locks).where(client_locks.c.client == client_id))
            account = Account(found["rater_id"], found["name"], found["role"])
            return start_session(connection, account.id, now), account
        if found is not None:
            connection.execute(
                update(invites).where(invites.c.id == public).values(**_one_more(found["failures"], now))
            )
        _count_for_client(connection, client_id, now)
    raise SignInRefusedError(_REFUSAL)


def _find_invite(connection: Connection, public: str) -> RowMapping | None:
    query = (
        select(invites, raters.c.name, raters.c.role, raters.c.disabled_at)
        .join(raters, raters.c.id == invites.c.rater_id)
        .where(invites.c.id == public)
    )
    return connection.execute(query).mappings().one_or_none()


def _find_client(connection: Connection, client_id: str) -> RowMapping | None:
    query = select(client_locks).where(client_locks.c.client == client_id)
    return connection.execute(query).mappings().one_or_none()


def _is_valid(found: RowMapping, now: datetime) -> bool:
    return (
        found["revoked_at"] is None and found["disabled_at"] is None and found["expires_at"] > timestamp(now)
    )


def _refuse_locked(now: datetime, *counted: RowMapping | None) -> None:
    locks = [row["locked_until"] for row in counted if row is not None and row["locked_until"] is not None]
    if not locks:
        return
    seconds = (datetime.fromisoformat(max(locks)) - now).total_seconds()
    if seconds > 0:
        minutes = math.ceil(seconds / 60)
        raise LockedOutError(
            f"too many wrong codes; try again in {minutes} minute{'' if minutes == 1 else 's'}"
        )


def _one_more(failures: int, now: datetime) -> dict[str, object]:
    """Count a wrong code, and lock at every fifth, each time for twice as long."""
    failures += 1
    if failures % WRONG_CODES:
        return {"failures": failures}
    doublings = min(failures // WRONG_CODES - 1, 16)
    return {
        "failures": failures,
        "locked_until": timestamp(now + min(FIRST_LOCK * 2**doublings, LONGEST_LOCK)),
    }


def _count_for_client(connection: Connection, client_id: str, now: datetime) -> None:
    moment = timestamp(now)
    # Here, so that the table holds no more than a day's addresses.
    connection.execute(
        delete(client_locks).where(
            client_locks.c.updated_at < timestamp(now - _FORGOTTEN_AFTER),
            or_(client_locks.c.locked_until.is_(None), client_locks.c.locked_until <= moment),
        )
    )
    found = _find_client(connection, client_id)
    values = {**_one_more(found["failures"] if found else 0, now), "updated_at": moment}
    if found:
        connection.execute(update(client_locks).where(client_locks.c.client == client_id).values(values))
    else:
        connection.execute(insert(client_locks).values(client=client_id, **values))
