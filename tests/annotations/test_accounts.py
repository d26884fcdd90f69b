"""People and roles, invites, sessions, and the commands about them."""

from datetime import UTC, datetime, timedelta

import pytest

from annotations.accounts import Account, disable, enable, find_person, hub_account, people, set_role
from annotations.cli import main
from annotations.engine import writing
from annotations.errors import InvalidRecordError, LastAdminError, SignInRefusedError, UnknownRecordError
from annotations.invites import first_admin_code, invite, revoke_invites
from annotations.revisions import ratings
from annotations.schema import raters
from annotations.sessions import SESSION_LENGTH, account_of, sign_in_as, sign_out, sign_out_everywhere
from annotations.sign_in import sign_in
from annotations.store import save_rating

NOW = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)


def test_invite_of_somebody_who_rated_under_a_typed_name_gives_them_their_ratings(
    engine, make_item, make_rating
):
    save_rating(engine, make_rating(make_item(), "Ada"))
    _, account = sign_in(engine, invite(engine, " Ada "), client="c")
    (rating,) = ratings(engine)
    assert (rating.rater_id, account.name, account.role) == (account.id, "Ada", "rater")


def test_invite_of_somebody_known_changes_the_role_only_when_asked(engine):
    invite(engine, "Ada", role="adjudicator")
    invite(engine, "Ada")
    assert find_person(engine, "Ada").role == "adjudicator"
    invite(engine, "Ada", role="admin")
    assert (find_person(engine, "Ada").role, find_person(engine, "Ada").codes) == ("admin", 3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"role": "owner"}, "rater, adjudicator, admin; got 'owner'"),
        ({"valid_for": timedelta(0)}, "up to 366 days; got 0"),
        ({"valid_for": timedelta(days=367)}, "up to 366 days; got 367"),
    ],
)
def test_invite_with_what_will_not_do_says_so_and_makes_nobody(engine, options, sentence):
    with pytest.raises(InvalidRecordError, match=sentence):
        invite(engine, "Ada", **options)
    assert people(engine) == ()


def test_session_ends_after_thirty_days(engine):
    token, account = sign_in(engine, invite(engine, "Ada", now=NOW), client="c", now=NOW)
    last = NOW + SESSION_LENGTH - timedelta(seconds=1)
    assert timedelta(days=30) == SESSION_LENGTH
    assert account_of(engine, token, now=last) == account
    assert account_of(engine, token, now=NOW + SESSION_LENGTH) is None


@pytest.mark.parametrize("token", [None, "", "x", "x" * 5_000, "\ud800", "'; --"])
def test_account_of_what_is_no_token_is_nobody(engine, token):
    sign_in(engine, invite(engine, "Ada"), client="c")
    assert account_of(engine, token) is None
    sign_out(engine, token)


def test_sign_out_ends_one_session_and_sign_out_everywhere_the_others_of_that_person_only(engine):
    code = invite(engine, "Ada")
    first, second, third = (sign_in(engine, code, client="c")[0] for _ in range(3))
    other, bo = sign_in(engine, invite(engine, "Bo"), client="c")
    sign_out(engine, first)
    assert account_of(engine, first) is None
    assert account_of(engine, second).name == "Ada"
    assert sign_out_everywhere(engine, account_of(engine, second).id) == 2
    assert (account_of(engine, second), account_of(engine, third)) == (None, None)
    assert account_of(engine, other) == bo
    assert account_of(engine, sign_in(engine, code, client="c")[0]).name == "Ada"


def test_revoked_codes_sign_nobody_in_while_sessions_stay(engine):
    codes = [invite(engine, "Ada"), invite(engine, "Ada")]
    token, ada = sign_in(engine, codes[0], client="c")
    assert revoke_invites(engine, ada.id) == 2
    for code in codes:
        with pytest.raises(SignInRefusedError):
            sign_in(engine, code, client="c")
    assert account_of(engine, token) == ada
    assert revoke_invites(engine, ada.id) == 0


def test_role_when_changed_counts_from_the_next_request_on(engine):
    token, account = sign_in(engine, invite(engine, "Ada"), client="c")
    set_role(engine, account.id, "adjudicator")
    assert account_of(engine, token).role == "adjudicator"
    with pytest.raises(InvalidRecordError, match="'owner'"):
        set_role(engine, account.id, "owner")
    with pytest.raises(UnknownRecordError, match="nobody"):
        set_role(engine, "nobody", "rater")
    assert account_of(engine, token).role == "adjudicator"


def test_disabled_person_is_signed_out_at_once_and_back_only_after_being_enabled(engine):
    code = invite(engine, "Ada")
    token, ada = sign_in(engine, code, client="c")
    disable(engine, ada.id)
    disable(engine, ada.id)
    assert account_of(engine, token) is None
    with pytest.raises(SignInRefusedError):
        sign_in(engine, code, client="c")
    with pytest.raises(SignInRefusedError, match="ask an admin"):
        sign_in_as(engine, ada.id)
    with pytest.raises(InvalidRecordError, match="Ada is disabled"):
        invite(engine, "Ada")
    enable(engine, ada.id)
    assert account_of(engine, token) is None, "an old session must not come back to life"
    assert sign_in(engine, code, client="c")[1] == ada


def test_session_of_a_disabled_person_is_nobodys_even_where_it_was_not_ended(engine):
    token, _ = sign_in(engine, invite(engine, "Ada"), client="c")
    with writing(engine) as connection:
        connection.execute(raters.update().values(disabled_at="2026-01-31T09:05:00.000000Z"))
    assert account_of(engine, token) is None


def test_last_admin_can_be_neither_disabled_nor_demoted(engine):
    invite(engine, "Ada", role="admin")
    invite(engine, "Bo", role="admin")
    ada, bo = (find_person(engine, name).id for name in ("Ada", "Bo"))
    disable(engine, bo)
    for change in (
        lambda: disable(engine, ada),
        lambda: set_role(engine, ada, "rater"),
        lambda: invite(engine, "Ada", role="rater"),
    ):
        with pytest.raises(LastAdminError, match="Ada is the last admin"):
            change()
    assert (find_person(engine, "Ada").role, find_person(engine, "Ada").codes) == ("admin", 1)
    enable(engine, bo)
    set_role(engine, ada, "rater")
    with pytest.raises(LastAdminError, match="Bo is the last admin"):
        disable(engine, bo)


def test_people_are_listed_with_what_an_admin_needs_to_know(engine, make_item, make_rating):
    save_rating(engine, make_rating(make_item(), "Zoë"))
    code = invite(engine, "Ada", role="admin", now=NOW)
    invite(engine, "Ada", valid_for=timedelta(hours=1), now=NOW)
    sign_in(engine, code, client="c", now=NOW)
    hub_account(engine, "hub-1", "bo", "rater")
    ada, zoe, bo = people(engine, now=NOW + timedelta(hours=2))
    assert (ada.name, ada.role, ada.codes, ada.sessions) == ("Ada", "admin", 1, 1)
    assert ada.last_signed_in_at == "2026-01-31T09:05:00.000000Z"
    assert (zoe.name, zoe.role, zoe.codes, zoe.last_signed_in_at) == ("Zoë", "rater", 0, None)
    assert (bo.name, bo.from_hub, ada.from_hub) == ("bo", True, False)
    with pytest.raises(UnknownRecordError, match="nobody called 'Cy'"):
        find_person(engine, "Cy")


def test_hub_account_with_the_name_of_somebody_else_does_not_become_them(engine):
    invite(engine, "ada", role="admin")
    first = hub_account(engine, "hub-1", "ada", "rater")
    second = hub_account(engine, "hub-2", "ada", "rater")
    assert (first.name, first.role, second.name) == ("ada (Hub)", "rater", "ada (Hub 2)")
    assert hub_account(engine, "hub-1", "renamed", "rater") == first
    assert find_person(engine, "ada").from_hub is False


def test_hub_account_follows_the_settings_except_for_adjudicators(engine):
    ada = hub_account(engine, "hub-1", "ada", "admin")
    assert ada.role == "admin"
    assert hub_account(engine, "hub-1", "ada", "rater") == Account(ada.id, "ada", "rater")
    set_role(engine, ada.id, "adjudicator")
    assert hub_account(engine, "hub-1", "ada", "rater").role == "adjudicator"
    assert hub_account(engine, "hub-1", "ada", "admin").role == "admin"
    with pytest.raises(InvalidRecordError, match="1 to 80 characters; got 81"):
        hub_account(engine, "x" * 81, "ada", "rater")


def test_hub_account_with_a_very_long_name_is_shortened(engine):
    assert len(hub_account(engine, "hub-1", "a" * 200, "rater").name) <= 80


def test_first_admin_code_is_made_anew_until_an_admin_has_signed_in(engine):
    first = first_admin_code(engine, now=NOW)
    second = first_admin_code(engine, now=NOW)
    with pytest.raises(SignInRefusedError):
        sign_in(engine, first, client="c", now=NOW)
    late = NOW + timedelta(days=7)
    with pytest.raises(SignInRefusedError):
        sign_in(engine, second, client="c", now=late)
    third = first_admin_code(engine, now=late)
    _, account = sign_in(engine, third, client="c", now=late)
    assert (account.name, account.role) == ("admin", "admin")
    sign_out_everywhere(engine, account.id, now=late)
    assert first_admin_code(engine, now=late + timedelta(days=400)) is None
    assert len(people(engine)) == 1


def test_first_admin_code_is_none_where_an_admin_was_invited_by_hand(engine):
    invite(engine, "Ada", role="admin")
    assert first_admin_code(engine) is None
    assert [person.name for person in people(engine)] == ["Ada"]


def test_first_admin_code_is_made_where_there_are_raters_only(engine):
    sign_in(engine, invite(engine, "Ada"), client="c")
    _, account = sign_in(engine, first_admin_code(engine), client="c")
    assert (account.name, account.role) == ("admin", "admin")


# The command line


def run(capsys: pytest.CaptureFixture[str], database_url: str, *words: str) -> tuple[int, str, str]:
    code = main([*words, "--database", database_url])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_commands_invite_list_sign_out_and_disable(engine, database_url, capsys):
    code, out, _ = run(capsys, database_url, "invite", "Ada", "--role", "admin", "--days", "3")
    assert code == 0
    assert "Ada (admin)" in out
    token, _ = sign_in(engine, out.splitlines()[0], client="c")
    with pytest.raises(SignInRefusedError):
        sign_in(engine, out.splitlines()[0], client="c", now=datetime.now(UTC) + timedelta(days=3))
    _, out, _ = run(capsys, database_url, "invite", "Bo")
    assert run(capsys, database_url, "role", "Bo", "adjudicator")[1] == "Bo: rater before, adjudicator now\n"
    header, first, second = run(capsys, database_url, "people")[1].splitlines()
    assert header.split() == ["name", "role", "codes", "sessions", "last", "signed", "in"]
    assert first.split()[:4] == ["Ada", "admin", "1", "1"]
    assert second.split() == ["Bo", "adjudicator", "1", "0", "never"]
    assert run(capsys, database_url, "sign-out", "Ada")[1] == "Ada: 1 session ended\n"
    assert account_of(engine, token) is None
    assert (
        run(capsys, database_url, "sign-out", "Bo", "--revoke")[1] == "Bo: 0 sessions ended, 1 code revoked\n"
    )
    assert run(capsys, database_url, "disable", "Bo")[0] == 0
    assert run(capsys, database_url, "people")[1].splitlines()[2].endswith("disabled")
    assert run(capsys, database_url, "enable", "Bo")[1] == "Bo may sign in (0 valid codes)\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("disable", "Ada"), "Ada is the last admin"),
        (("role", "Ada", "rater"), "Ada is the last admin"),
        (("sign-out", "Cy"), "there is nobody called 'Cy'"),
        (("invite", "Cy", "--days", "0"), "up to 366 days; got 0"),
        (("invite", "Cy", "--days", "9999999999"), "cannot be valid for 9999999999 days"),
    ],
)
def test_commands_that_cannot_be_done_say_so_and_exit_with_two(engine, database_url, capsys, words, sentence):
    invite(engine, "Ada", role="admin")
    code, out, err = run(capsys, database_url, *words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(people(engine)) == 1


def test_commands_on_a_database_that_is_not_there_make_none(tmp_path, capsys):
    path = tmp_path / "nowhere.sqlite3"
    assert run(capsys, f"sqlite:///{path}", "invite", "Ada")[0] == 2
    assert not path.exists()
