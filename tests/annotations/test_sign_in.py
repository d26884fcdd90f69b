"""Codes: how they are typed, what a wrong one gets, the lock-out, and what the file never holds."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import event, select, text

from annotations import sign_in as module
from annotations.accounts import disable, find_person
from annotations.codes import draw_code, hasher, read_code, write_code
from annotations.engine import reading, writing
from annotations.errors import AnnotationError, LockedOutError, SignInRefusedError
from annotations.invites import invite, revoke_invites
from annotations.schema import client_locks, invites
from annotations.sessions import account_of
from annotations.sign_in import sign_in

NOW = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def wrong(code: str) -> str:
    """Return a code with the same public part and another secret."""
    return code[:-1] + ("0" if code[-1] != "0" else "1")


def refusal(engine, code: str, *, client: str = "c", now: datetime = NOW) -> str:
    with pytest.raises(AnnotationError) as caught:
        sign_in(engine, code, client=client, now=now)
    return f"{type(caught.value).__name__}: {caught.value}"


def counts(engine) -> tuple[list[int], list[int]]:
    with reading(engine) as connection:
        return (
            list(connection.scalars(select(invites.c.failures))),
            list(connection.scalars(select(client_locks.c.failures))),
        )


def test_code_has_a_secret_of_100_bits_in_groups():
    public, secret = draw_code()
    code = write_code(public, secret)
    assert [len(group) for group in code.split("-")] == [8, 4, 4, 4, 4, 4]
    assert len(secret) * 5 >= 100
    assert read_code(code) == (public, secret)
    assert draw_code() != (public, secret)


@pytest.mark.parametrize(
    "typed",
    [
        "01ABCDEF-0123-4567-89AB-CDEF-GH10",
        "01abcdef0123456789abcdefgh10",
        " oIabcdef 0l23 4567 89ab cdef ghLO\n",
        "01ABCDEF–0123—4567‑89AB\u200b-CDEF\u00a0GH10",
        "０１ＡＢＣＤＥＦ0123456789ABCDEFGH10",
    ],
)
def test_code_is_read_however_it_was_typed_or_mailed(typed):
    assert read_code(typed) == ("01ABCDEF", "0123456789ABCDEFGH10")


@pytest.mark.parametrize(
    "typed",
    ["", "-", "01ABCDEF", "01ABCDEF-0123-4567-89AB-CDEF-GH1", "01ABCDEF-0123-4567-89AB-CDEF-GH1U", "\ud800"],
)
def test_code_that_is_none_is_read_as_none(typed):
    assert read_code(typed) is None
    assert read_code("01ABCDEF-0123-4567-89AB-CDEF-GH10" + "-" * 500) is None


def test_sign_in_gives_a_token_of_256_bits_and_the_account(engine):
    code = invite(engine, "Ada", role="adjudicator")
    token, account = sign_in(engine, code.lower().replace("-", " "), client="c")
    assert len(token) == 43
    assert (account.name, account.role) == ("Ada", "adjudicator")
    assert account_of(engine, token) == account
    assert sign_in(engine, code, client="c")[0] != token


def test_refusals_are_the_same_whatever_is_wrong_with_the_code(engine):
    good = invite(engine, "Ada", now=NOW)
    expired = invite(engine, "Ada", valid_for=timedelta(hours=1), now=NOW - timedelta(hours=1))
    revoked = invite(engine, "Bo", now=NOW)
    revoke_invites(engine, find_person(engine, "Bo").id, now=NOW)
    disabled = invite(engine, "Cy", now=NOW)
    disable(engine, find_person(engine, "Cy").id)
    unknown = write_code(*draw_code())
    bad = (wrong(good), expired, revoked, disabled, unknown, "no code", "", "x" * 4_000)
    said = {refusal(engine, code, client=f"client {at}") for at, code in enumerate(bad)}
    assert len(said) == 1
    assert "SignInRefusedError: this code does not sign in" in said.pop()


def test_every_refusal_compares_a_hash_of_the_same_cost_outside_of_a_transaction(own_engine, monkeypatch):
    good = invite(own_engine, "Ada", now=NOW)
    expired = invite(own_engine, "Ada", valid_for=MINUTE, now=NOW - MINUTE)
    open_now, compared = [0], []
    event.listen(own_engine, "begin", lambda connection: open_now.__setitem__(0, open_now[0] + 1))
    for ending in ("commit", "rollback"):
        event.listen(own_engine, ending, lambda connection: open_now.__setitem__(0, open_now[0] - 1))

    def compare(code_hash: str, secret: str) -> bool:
        compared.append((code_hash.split("$")[1:4], open_now[0]))
        return False

    monkeypatch.setattr(module, "matches", compare)
    for at, code in enumerate((good, wrong(good), expired, write_code(*draw_code()), "no code")):
        refusal(own_engine, code, client=f"client {at}")
    assert len(compared) == 5
    assert all(entry == (["argon2id", "v=19", "m=19456,t=2,p=1"], 0) for entry in compared)


def test_fifth_wrong_code_locks_the_invite_for_everybody_and_each_time_for_longer(engine):
    code, now = invite(engine, "Ada", now=NOW), NOW
    for minutes in (15, 30, 60):
        for at in range(5):
            assert "does not sign in" in refusal(
                engine, wrong(code), client=f"client {minutes} {at}", now=now
            )
        assert (
            refusal(engine, code, client="another", now=now)
            == f"LockedOutError: too many wrong codes; try again in {minutes} minutes"
        )
        last = now + minutes * MINUTE - timedelta(seconds=1)
        assert refusal(engine, code, client="another", now=last).endswith("try again in 1 minute")
        now += minutes * MINUTE
    assert sign_in(engine, code, client="another", now=now)[1].name == "Ada"
    assert counts(engine)[0] == [0]


def test_fifth_wrong_code_locks_the_client_for_every_code(engine):
    code = invite(engine, "Ada", now=NOW)
    for _ in range(5):
        refusal(engine, write_code(*draw_code()))
    assert refusal(engine, code) == "LockedOutError: too many wrong codes; try again in 15 minutes"
    assert sign_in(engine, code, client="another", now=NOW)[1].name == "Ada"
    assert sign_in(engine, code, client="c", now=NOW + 15 * MINUTE)[1].name == "Ada"


def test_codes_that_come_while_locked_are_neither_compared_nor_counted(engine, monkeypatch):
    code = invite(engine, "Ada", now=NOW)
    for _ in range(5):
        refusal(engine, wrong(code))
    before = counts(engine)
    monkeypatch.setattr(module, "matches", lambda *_: pytest.fail("compared"))
    for _ in range(7):
        assert "LockedOutError" in refusal(engine, wrong(code))
    assert counts(engine) == before == ([5], [5])


def test_lock_never_lasts_longer_than_a_day(engine):
    code = invite(engine, "Ada", now=NOW)
    with writing(engine) as connection:
        connection.execute(invites.update().values(failures=5_000_004))
    refusal(engine, wrong(code))
    assert refusal(engine, code, client="another").endswith("try again in 1440 minutes")


def test_sign_in_sets_both_counts_back(engine):
    code = invite(engine, "Ada", now=NOW)
    for _ in range(4):
        refusal(engine, wrong(code))
    sign_in(engine, code, client="c", now=NOW)
    assert counts(engine) == ([0], [])
    for _ in range(4):
        refusal(engine, wrong(code))
    assert sign_in(engine, code, client="c", now=NOW)[1].name == "Ada"


def test_wrong_codes_of_a_client_are_forgotten_a_day_later_and_addresses_are_not_kept(engine):
    for at in range(5):
        refusal(engine, "no code", client=f"192.0.2.{at}")
    with reading(engine) as connection:
        stored = list(connection.scalars(select(client_locks.c.client)))
    assert len(stored) == 5
    assert not any("192.0.2" in client for client in stored)
    refusal(engine, "no code", client="192.0.2.9", now=NOW + timedelta(days=1, seconds=1))
    assert counts(engine)[1] == [1]


def test_codes_sent_at_once_get_no_more_than_five_answers(engine):
    code, answers, gate = invite(engine, "Ada"), [], threading.Barrier(12)

    def guess(number: int) -> None:
        gate.wait()
        try:
            sign_in(engine, wrong(code), client=f"client {number}")
        except (SignInRefusedError, LockedOutError) as error:
            answers.append(type(error).__name__)

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == ["LockedOutError"] * 7 + ["SignInRefusedError"] * 5


def test_right_code_that_was_compared_while_others_locked_the_invite_is_refused(engine, monkeypatch):
    code = invite(engine, "Ada", now=NOW)
    compare = module.matches

    def slow(code_hash: str, secret: str) -> bool:
        with writing(engine) as connection:
            connection.execute(
                invites.update().values(failures=5, locked_until="2026-01-31T09:20:00.000000Z")
            )
        return compare(code_hash, secret)

    monkeypatch.setattr(module, "matches", slow)
    assert "LockedOutError" in refusal(engine, code)


def test_code_revoked_while_it_was_compared_is_refused(engine, monkeypatch):
    code, compare = invite(engine, "Ada", now=NOW), module.matches
    ada = find_person(engine, "Ada").id

    def slow(code_hash: str, secret: str) -> bool:
        revoke_invites(engine, ada, now=NOW)
        return compare(code_hash, secret)

    monkeypatch.setattr(module, "matches", slow)
    assert "SignInRefusedError" in refusal(engine, code)


def test_hash_with_other_parameters_is_made_anew_at_sign_in(engine):
    code = invite(engine, "Ada")
    _, secret = read_code(code)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(secret)
    with writing(engine) as connection:
        connection.execute(invites.update().values(code_hash=weak))
    refusal(engine, wrong(code))
    sign_in(engine, code, client="c")
    with reading(engine) as connection:
        stored = connection.scalar(select(invites.c.code_hash))
    assert stored != weak
    assert not hasher.check_needs_rehash(stored)
    assert sign_in(engine, code, client="c")[1].name == "Ada"


def test_database_file_holds_neither_a_code_nor_a_token(engine, tmp_path):
    if engine.dialect.name != "sqlite":
        pytest.skip("the files of a server are not ours to read")
    code = invite(engine, "Ada")
    token, _ = sign_in(engine, code, client="192.0.2.77")
    refusal(engine, wrong(code), client="192.0.2.78")
    with engine.connect() as connection:
        name = connection.execute(text("SELECT name FROM raters")).scalar_one()
    held = b"".join(path.read_bytes() for path in Path(tmp_path).glob("specs.sqlite3*"))
    public, secret = read_code(code)
    assert name.encode() in held, "the right files are searched"
    assert public.encode() in held
    for hidden in (code, secret, code[9:], wrong(code)[9:], token, "192.0.2.7"):
        assert hidden.encode() not in held
        assert hidden.lower().encode() not in held
