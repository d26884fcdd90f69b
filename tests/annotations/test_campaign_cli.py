"""The commands about campaigns, run in place."""

import pytest

from annotations.audit import audit_log
from annotations.campaigns import get_campaign, list_campaigns
from annotations.cli import main
from annotations.store import save_rating


@pytest.fixture
def run(engine, database_url, capsys):
    """Run a command; return its exit code, and what it says on either stream."""

    def command(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--database", database_url])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_campaign_is_made_with_all_that_is_said_of_it(run, engine, tmp_path):
    guideline = tmp_path / "guideline.md"
    guideline.write_text("# Schau genau hin", encoding="utf-8")
    code, said, _ = run(
        *("campaign", "Pilot", "--create", "--criteria", "finecapeval", "--guideline", str(guideline)),
        *("--overlap", "5", "--lease", "10", "--gold-every", "7", "--not-blind", "--no-units"),
    )
    made = get_campaign(engine, "Pilot")
    assert code == 0
    assert [question.name for question in made.questions] == ["overall", "background", "object", "relations"]
    assert (made.guideline, made.overlap, made.lease.seconds) == ("# Schau genau hin", 5, 600)
    assert (made.gold_every, made.blind, made.asks_verdicts) == (7, False, False)
    assert "overall, background, object, relations" in said
    assert "one in 7" in said
    assert [(act.actor, act.action) for act in audit_log(engine)] == [("command line", "create campaign")]


def test_campaign_is_changed_paused_deleted_and_restored(run, engine):
    assert run("campaign", "Pilot", "--create")[0] == 0
    assert run("campaign", "Pilot", "--overlap", "4", "--pause")[0] == 0
    changed = get_campaign(engine, "Pilot")
    assert (changed.overlap, changed.blind) == (4, True)
    assert changed.paused_at
    code, said, _ = run("campaign", "Pilot", "--resume", "--delete")
    assert (code, "deleted 20" in said) == (0, True)
    assert "Pilot" not in [one.name for one in list_campaigns(engine)]
    assert "Pilot" in run("campaigns")[1]
    run("campaign", "Pilot", "--restore")
    assert get_campaign(engine, "Pilot").deleted_at is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("campaign", "Nobody"), "there is no campaign 'Nobody'"),
        (("campaign", "From Inspect", "--create"), "already"),
        (("campaign", "From Inspect", "--no-units"), "--create"),
        (("campaign", "From Inspect", "--overlap", "0"), "at least 1 rater"),
        (("campaign", "From Inspect", "--guideline", "no/such/file"), "there is no folder no/such"),
        (("progress", "Nobody"), "there is no campaign 'Nobody'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_and_changes_nothing(run, engine, words, says):
    before = list_campaigns(engine, deleted=True)
    code, _, problem = run(*words)
    assert code == 2
    assert says in problem
    assert problem.count("\n") == 1
    assert list_campaigns(engine, deleted=True) == before
    assert audit_log(engine) == ()


def test_progress_tells_numbers_reasons_and_raters(run, engine, make_item, make_rating):
    first = make_item(overlap=2)
    save_rating(engine, make_rating(first, "Ada", active_seconds=12.0))
    save_rating(engine, make_rating(first, "Bo", overall=5))
    make_item(overlap=2)
    code, said, _ = run("progress", "From Inspect")
    assert code == 0
    assert "2 of 4" in said
    lines = {line.split("  ")[0]: line for line in said.splitlines() if line}
    assert "ratings are equal" in lines["correctness"]
    assert "12" in lines["Ada"]
