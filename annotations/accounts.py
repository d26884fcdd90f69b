"""People who may sign in: who they are, what they may do, and who may not any more."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    ScalarSelect,
    Table,
    and_,
    func,
    select,
    update,
)

from annotations.audit import record_act
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, LastAdminError, UnknownRecordError
from annotations.raters import MAX_NAME_LENGTH, clean_name, ensure_rater, find_rater
from annotations.schema import ROLES, invites, raters, sessions, timestamp


@dataclass(frozen=True)
class Account:
    """Somebody who is signed in.

    Attributes:
        id: Of the rater.
        name: Of the rater; the other functions of the store take it.
        role: ``rater``, ``adjudicator`` or ``admin``.
    """

    id: str
    name: str
    role: str


@dataclass(frozen=True)
class Person:
    """Somebody whom the store knows, as the list of people shows them.

    Attributes:
        id: Of the rater.
        name: Of the rater.
        role: ``rater``, ``adjudicator`` or ``admin``.
        created_at: UTC, ISO 8601.
        disabled_at: Since when the person may not sign in; None where they may.
        from_hub: Whether they sign in through the Hub.
        codes: Codes that are valid now.
        sessions: Browsers that are signed in now.
        last_signed_in_at: None where they never were.
    """

    id: str
    name: str
    role: str
    created_at: str
    disabled_at: str | None
    from_hub: bool
    codes: int
    sessions: int
    last_signed_in_at: str | None


def people(engine: Engine, *, now: datetime | None = None) -> tuple[Person, ...]:
    """List everybody whom the store knows, by name, those who only ever typed a name included.

    Args:
        engine: From `open_database`.
        now: The time; the clock's when None.

    Raises:
        StorageError: If the database fails.
    """
    moment = timestamp(now)
    codes = _number_for_rater(
        invites, invites.c.rater_id, and_(invites.c.revoked_at.is_(None), invites.c.expires_at > moment)
    )
    live = _number_for_rater(
        sessions, sessions.c.rater_id, and_(sessions.c.ended_at.is_(None), sessions.c.expires_at > moment)
    )
    last = select(func.max(sessions.c.created_at)).where(sessions.c.rater_id == raters.c.id).scalar_subquery()
    query = select(
        raters, codes.label("codes"), live.label("sessions"), last.label("last_signed_in_at")
    ).order_by(raters.c.name)
    with reading(engine) as connection:
        return tuple(_person(row) for row in connection.execute(query).mappings())


def find_person(engine: Engine, name: str, *, now: datetime | None = None) -> Person:
    """Look up a person by name.

    Args:
        engine: From `open_database`.
        name: Of the rater, in any spacing.
        now: The time; the clock's when None.

    Raises:
        InvalidRecordError: If the name is empty, too long or holds control characters.
        UnknownRecordError: If there is nobody of that name.
        StorageError: If the database fails.
    """
    wanted = clean_name(name)
    for person in people(engine, now=now):
        if person.name == wanted:
            return person
    raise UnknownRecordError(f"there is nobody called {wanted!r}")


def set_role(engine: Engine, rater_id: str, role: str, *, actor: str | None = None) -> None:
    """Change what a person may do; it counts from their next request on.

    Args:
        engine: From `open_database`.
        rater_id: Who.
        role: ``rater``, ``adjudicator`` or ``admin``.
        actor: Who does it, for the audit log, unless None.

    Raises:
        InvalidRecordError: If there is no such role.
        UnknownRecordError: If there is no such person.
        LastAdminError: If that would leave no admin.
        StorageError: If the database fails.
    """
    with writing(engine) as connection:
        change_role(connection, rater_id, role)
        name = _find(connection, rater_id)["name"]
        record_act(connection, actor, "change role", rater_id, {"name": name, "role": role})


def disable(engine: Engine, rater_id: str, *, actor: str | None = None, now: datetime | None = None) -> None:
    """Keep a person from signing in and end all their sessions; their ratings stay.

    Args:
        engine: From `open_database`.
        rater_id: Who.
        actor: Who does it, for the audit log, unless None.
        now: The time; the clock's when None.

    Raises:
        UnknownRecordError: If there is no such person.
        LastAdminError: If that would leave no admin.
        StorageError: If the database fails.
    """
    moment = timestamp(now)
    with writing(engine) as connection:
        person = _find(connection, rater_id)
        if person["disabled_at"] is not None:
            return
        if person["role"] == "admin":
            _refuse_last_admin(connection, person)
        connection.execute(update(raters).where(raters.c.id == rater_id).values(disabled_at=moment))
        end_sessions(connection, rater_id, moment)
        record_act(connection, actor, "disable person", rater_id, {"name": person["name"]})


def enable(engine: Engine, rater_id: str, *, actor: str | None = None) -> None:
    """Let a person sign in again; nothing happens where they may already.

    Args:
        engine: From `open_database`.
        rater_id: Who.
        actor: Who does it, for the audit log, unless None.

    Raises:
        UnknownRecordError: If there is no such person.
        StorageError: If the database fails.
    """
    with writing(engine) as connection:
        person = _find(connection, rater_id)
        connection.execute(update(raters).where(raters.c.id == rater_id).values(disabled_at=None))
        if person["disabled_at"] is not None:
            record_act(connection, actor, "enable person", rater_id, {"name": person["name"]})


def hub_account(engine: Engine, hub_id: str, name: str, role: str) -> Account:
    """Look up the person behind an account of the Hub, who is written down on the first visit.

    The settings say which of the Hub's people are admins: one whom they no longer name becomes a rater. An
    adjudicator, which the settings cannot name, stays one.

    Args:
        engine: From `open_database`.
        hub_id: The Hub's own id of the account, which a new user name does not change.
        name: The user name, for a first visit. Where somebody else here has it, the person gets it with
            ``(Hub)`` behind it: a name is no proof of being that person.
        role: ``rater`` or ``admin``, as the settings have it.

    Raises:
        InvalidRecordError: If the id is empty or too long, the name will not do, or there is no such role.
        StorageError: If the database fails.
    """
    if not 1 <= len(hub_id) <= 80:
        raise InvalidRecordError(f"an id of the Hub has 1 to 80 characters; got {len(hub_id)}")
    check_role(role)
    with writing(engine) as connection:
        found = connection.execute(select(raters).where(raters.c.hub_id == hub_id)).mappings().one_or_none()
        if found is None:
            rater_id = ensure_rater(connection, _free_name(connection, name))
            connection.execute(update(raters).where(raters.c.id == rater_id).values(hub_id=hub_id, role=role))
        else:
            rater_id = found["id"]
            if not (found["role"] == "adjudicator" and role == "rater"):
                connection.execute(update(raters).where(raters.c.id == rater_id).values(role=role))
        person = _find(connection, rater_id)
    return Account(rater_id, person["name"], person["role"])


def add_person(connection: Connection, name: str, role: str | None) -> str:
    """Return the id of a person by name, made if new, with the role where one is given.

    Args:
        connection: In a transaction that may write.
        name: Of the rater.
        role: ``rater``, ``adjudicator`` or ``admin``; None leaves it, and makes a new person a rater.

    Raises:
        InvalidRecordError: If the name will not do or there is no such role.
        LastAdminError: If that would leave no admin.
    """
    rater_id = ensure_rater(connection, name)
    if role is not None:
        change_role(connection, rater_id, role)
    return rater_id


def change_role(connection: Connection, rater_id: str, role: str) -> None:
    """Change what a person may do, inside a transaction; errors as of `set_role`."""
    check_role(role)
    person = _find(connection, rater_id)
    if person["role"] == "admin" and role != "admin" and person["disabled_at"] is None:
        _refuse_last_admin(connection, person)
    connection.execute(update(raters).where(raters.c.id == rater_id).values(role=role))


def end_sessions(connection: Connection, rater_id: str, moment: str) -> int:
    """End the live sessions of a person, and return how many there were."""
    return connection.execute(
        update(sessions)
        .where(sessions.c.rater_id == rater_id, sessions.c.ended_at.is_(None), sessions.c.expires_at > moment)
        .values(ended_at=moment)
    ).rowcount


def check_role(role: str) -> None:
    """Refuse a role that there is not, with an InvalidRecordError."""
    if role not in ROLES:
        raise InvalidRecordError(f"a role is one of {', '.join(ROLES)}; got {role!r}")


def _find(connection: Connection, rater_id: str) -> RowMapping:
    row = connection.execute(select(raters).where(raters.c.id == rater_id)).mappings().one_or_none()
    if row is None:
        raise UnknownRecordError(f"there is no person {rater_id!r}")
    return row


def _refuse_last_admin(connection: Connection, person: RowMapping) -> None:
    others = connection.scalar(
        select(func.count())
        .select_from(raters)
        .where(raters.c.role == "admin", raters.c.disabled_at.is_(None), raters.c.id != person["id"])
    )
    if not others:
        raise LastAdminError(f"{person['name']} is the last admin; make somebody else an admin first")


def _free_name(connection: Connection, name: str) -> str:
    name = clean_name(name[: MAX_NAME_LENGTH - len(" (Hub 9999)")])
    if find_rater(connection, name) is None:
        return name
    number = 1
    while True:
        taken = f"{name} (Hub)" if number == 1 else f"{name} (Hub {number})"
        if find_rater(connection, taken) is None:
            return taken
        number += 1


def _number_for_rater(
    table: Table, rater_id: ColumnElement[str], condition: ColumnElement[bool]
) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(rater_id == raters.c.id, condition).scalar_subquery()


def _person(row: RowMapping) -> Person:
    return Person(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        from_hub=row["hub_id"] is not None,
        codes=row["codes"],
        sessions=row["sessions"],
        last_signed_in_at=row["last_signed_in_at"],
    )
