"""The commands of ``specs-ratings`` about people: invite, list, sign out, disable, change roles."""

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING

from annotations.commands import add_command, as_table

if TYPE_CHECKING:
    from sqlalchemy import Engine

# As in `annotations.schema`, which is too heavy for printing help.
_ROLES = ("rater", "adjudicator", "admin")


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about people to the parser of ``specs-ratings``."""
    invite = add_command(
        commands,
        "invite",
        _invite,
        "make a code with which a person signs in",
        "Make a code with which a person signs in on the Rate page. It is shown once and stored nowhere. "
        "Somebody new is made a rater; somebody known keeps the role unless --role says otherwise.",
    )
    invite.add_argument("--role", choices=_ROLES, help="default: rater for somebody new")
    invite.add_argument("--days", type=int, default=30, metavar="N", help="how long it is valid; default: 30")
    add_command(commands, "people", _people, "list who may sign in, and who is signed in", named=False)
    sign_out = add_command(
        commands, "sign-out", _sign_out, "end a person's sessions in all browsers, for a lost device"
    )
    sign_out.add_argument("--revoke", action="store_true", help="make their codes worthless as well")
    add_command(commands, "disable", _disable, "keep a person from signing in; their ratings stay")
    add_command(commands, "enable", _enable, "let a person sign in again")
    role = add_command(commands, "role", _role, "change what a person may do")
    role.add_argument("role", choices=_ROLES)


def _invite(engine: "Engine", options: argparse.Namespace) -> str:
    from annotations.accounts import find_person
    from annotations.errors import InvalidRecordError
    from annotations.invites import invite

    try:
        valid_for = timedelta(days=options.days)
    except OverflowError as error:
        raise InvalidRecordError(f"a code cannot be valid for {options.days} days") from error
    code = invite(engine, options.name, role=options.role, valid_for=valid_for)
    person = find_person(engine, options.name)
    return (
        f"{code}\n"
        f"{person.name} ({person.role}) signs in with this code on the Rate page for {options.days} days. "
        "It is not shown again."
    )


def _people(engine: "Engine", options: argparse.Namespace) -> str:
    from annotations.accounts import people

    lines = [("name", "role", "codes", "sessions", "last signed in", "")]
    for person in people(engine):
        notes = [note for note, said in (("hub", person.from_hub), ("disabled", person.disabled_at)) if said]
        last = (person.last_signed_in_at or "never")[:16].replace("T", " ")
        lines.append(
            (person.name, person.role, str(person.codes), str(person.sessions), last, ", ".join(notes))
        )
    return as_table(lines)


def _sign_out(engine: "Engine", options: argparse.Namespace) -> str:
    from annotations.accounts import find_person
    from annotations.invites import revoke_invites
    from annotations.sessions import sign_out_everywhere

    person = find_person(engine, options.name)
    # Codes first: nobody can sign in between the two.
    codes = revoke_invites(engine, person.id) if options.revoke else 0
    ended = sign_out_everywhere(engine, person.id)
    revoked = f", {_count(codes, 'code')} revoked" if options.revoke else ""
    return f"{person.name}: {_count(ended, 'session')} ended{revoked}"


def _disable(engine: "Engine", options: argparse.Namespace) -> str:
    from annotations.accounts import disable, find_person

    person = find_person(engine, options.name)
    disable(engine, person.id)
    return f"{person.name} may not sign in any more; {_count(person.sessions, 'session')} ended"


def _enable(engine: "Engine", options: argparse.Namespace) -> str:
    from annotations.accounts import enable, find_person

    person = find_person(engine, options.name)
    enable(engine, person.id)
    return f"{person.name} may sign in ({_count(person.codes, 'valid code')})"


def _role(engine: "Engine", options: argparse.Namespace) -> str:
    from annotations.accounts import find_person, set_role

    person = find_person(engine, options.name)
    set_role(engine, person.id, options.role)
    return f"{person.name}: {person.role} before, {options.role} now"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
