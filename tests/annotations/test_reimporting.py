"""An export comes back as it was, changes nothing where it came from, and contradicts nothing in silence."""

import csv
import io
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from annotations.assignment import claim_item, release
from annotations.campaigns import change_campaign, create_campaign
from annotations.cli import main
from annotations.engine import open_database, reading, writing
from annotations.exporting import export_items, export_parquet, export_ratings
from annotations.items import add_battle, delete_item
from annotations.places import FINISHED
from annotations.questions import CRITERIA, Question
from annotations.reimporting import import_export
from annotations.schema import (
    answers,
    assignments,
    campaigns,
    final_labels,
    guidelines,
    images,
    items,
    new_id,
    questions,
    raters,
    revisions,
    timestamp,
    units,
    verdicts,
)
from annotations.store import NewRating, save_rating, undo_rating, withdraw_rating

RESTORED = (
    *(campaigns, questions, guidelines, images, items, units, assignments, revisions, answers, verdicts),
    final_labels,
)
HOSTILE = '=1+1\'; DROP TABLE raters; --\t🪁\r\n"x",@SUM(A1)'


@pytest.fixture
def filled(engine, make_item, make_rating) -> Engine:
    """A database with everything that an export holds."""
    odd = Question(name="q1", label="=Odd?", low=-2, high=7, labels={-2: "no", 7: "yes"})
    other = create_campaign(engine, "=odd campaign", questions=(odd,), guideline=HOSTILE, asks_verdicts=False)
    change_campaign(engine, other, guideline="Second.")
    first = make_item(source=HOSTILE, overlap=4)
    second = make_item(image=0, source="b", caption="Other.", units=[("Other.", 0, 6)])
    battle = add_battle(engine, first, second)
    plain = make_item(campaign_id=other, caption=HOSTILE, units=None, segmenter_version="")
    gone = make_item(caption="Gone.", units=[("Gone.", 0, 5)])
    save_rating(engine, make_rating(first, "Ada", comment=HOSTILE, active_seconds=12.3456789))
    save_rating(engine, make_rating(first, "Ada", overall=5))
    save_rating(engine, make_rating(first, "Bo", verdicts=(None, None, None), guideline_version="2b"))
    save_rating(engine, make_rating(first, "=Cy"))
    withdraw_rating(engine, "=Cy", first, application_version="9", reason="-mistake")
    save_rating(engine, make_rating(second, "=Cy", verdicts=("unsure",)))
    undo_rating(engine, "=Cy", second, application_version="9")
    save_rating(engine, make_rating(second, "Ada", verdicts=("supported",)))
    save_rating(engine, make_rating(gone, "Ada", verdicts=("supported",)))
    delete_item(engine, gone)
    claim_item(engine, "Ada", battle)
    fought = {"answers": {"winner": 2, "both_poor": 1}, "verdicts": ()}
    save_rating(engine, NewRating(**_form(battle, "Ada", **fought)))
    save_rating(engine, NewRating(**_form(plain, "Bo", answers={"q1": -2})))
    claim_item(engine, "Bo", second)
    release(engine, "Bo", second, reason="=tired")
    with writing(engine) as connection:
        ada = connection.scalar(select(raters.c.id).where(raters.c.name == "Ada"))
        boss = {"id": new_id(), "name": "Boss", "created_at": timestamp(), "role": "admin"}
        connection.execute(insert(raters).values(boss))
        label = {
            "item_id": first,
            "content": '{"overall":  3}',
            "comment": HOSTILE,
            "created_at": timestamp(),
        }
        connection.execute(insert(final_labels).values(id=new_id(), rater_id=ada, number=1, **label))
        connection.execute(insert(final_labels).values(id=new_id(), rater_id=boss["id"], number=2, **label))
    return engine


def _form(item_id: str, rater: str, **values: object) -> dict[str, object]:
    return {
        "item_id": item_id,
        "rater": rater,
        "verdicts": (),
        "nonce": new_id(),
        "guideline_version": "1",
        "application_version": "0.1.0",
        **values,
    }


@pytest.fixture
def other(tmp_path, empty_database) -> Engine:
    """A second database, empty."""
    path = tmp_path / "other.sqlite3"
    shutil.copy(empty_database, path)
    engine = open_database(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def content(engine: Engine) -> dict[str, set[tuple]]:
    """All that comes back: places only where they are finished, raters without their roles."""
    with reading(engine) as connection:
        found = {
            table.name: {
                tuple(row)
                for row in connection.execute(select(table))
                if table is not assignments or row.state in FINISHED
            }
            for table in RESTORED
        }
        found["raters"] = {tuple(row) for row in connection.execute(select(raters.c.id, raters.c.name))}
    return found


def write(engine: Engine, path: Path, *, all_revisions: bool = True) -> Path:
    if path.suffix == ".parquet":
        export_parquet(engine, path, everything=all_revisions)
        return path
    with path.open("w", encoding="utf-8", newline="") as stream:
        export_ratings(engine, stream, format=path.suffix[1:], all_revisions=all_revisions)
    return path


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_export_of_all_revisions_comes_back_the_same(filled, other, tmp_path, suffix):
    first = write(filled, tmp_path / f"first.{suffix}")
    report = import_export(other, first, images=tmp_path)
    assert report.refusals == ()
    restored, original = content(other), content(filled)
    # What no rating mentions stays behind: a rater who has only let go of an item.
    assert restored == original
    with reading(other) as connection:
        assert set(connection.scalars(select(raters.c.role))) == {"rater"}
    second = write(other, tmp_path / f"second.{suffix}")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_export_of_current_ratings_gives_the_same_current_ratings(filled, other, tmp_path, suffix):
    first = write(filled, tmp_path / f"first.{suffix}", all_revisions=False)
    assert import_export(other, first, images=tmp_path).added["ratings"] == 5
    second = write(other, tmp_path / f"second.{suffix}", all_revisions=False)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("all_revisions", [True, False])
def test_import_into_the_database_it_came_from_changes_nothing(filled, tmp_path, all_revisions):
    before = content(filled)
    report = import_export(
        filled, write(filled, tmp_path / "x.csv", all_revisions=all_revisions), images=tmp_path
    )
    assert (report.refused, set(report.added.values())) == (0, {0})
    assert content(filled) == before


def test_import_of_current_ratings_and_then_of_all_revisions_ends_in_the_same(filled, other, tmp_path):
    for all_revisions in (False, True):
        path = write(filled, tmp_path / f"{all_revisions}.jsonl", all_revisions=all_revisions)
        assert import_export(other, path, images=tmp_path).refusals == ()
    assert content(other) == content(filled)


def test_items_come_back_without_ratings(filled, other, tmp_path):
    path = tmp_path / "items.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        assert export_items(filled, stream, format="csv", deleted=True) == 5
    assert import_export(other, path, images=tmp_path).added["items"] == 5
    restored, original = content(other), content(filled)
    for name in ("campaigns", "questions", "guidelines", "images", "units", "final_labels"):
        assert restored[name] == original[name]
    done = [column.name for column in items.c].index("done")
    assert {(*row[:done], 0, *row[done + 1 :]) for row in original["items"]} == restored["items"]
    assert restored["revisions"] == set()


def test_append_only_triggers_hold_for_what_was_imported(filled, other, tmp_path):
    import_export(other, write(filled, tmp_path / "x.jsonl"), images=tmp_path)
    with sqlite3.connect(tmp_path / "other.sqlite3") as connection:
        for table in ("revisions", "answers", "verdicts", "guidelines", "final_labels"):
            with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
                connection.execute(f"DELETE FROM {table}")


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"comment": "other"}, r"rating \w{32} is stored with other content \(comment\)"),
        ({"answers": {"correctness": 1, "thoroughness": 4, "overall": 3}}, r"\(answers or verdicts\)"),
        ({"rating_id": "a" * 32}, r"rating a{32} is stored under another id"),
        ({"rater": "Ann"}, r"rater 'Ann' is stored with other content \(name\)"),
        ({"rater_id": "b" * 32}, r"rater 'Ada' is stored under another id"),
        ({"image_sha256": "c" * 64}, r"image '0.png' is stored with other content \(sha256\)"),
        ({"image_id": "d" * 32}, r"image '0.png' is stored under another id"),
        ({"source": "me"}, r"item \w{32} is stored with other content \(source\)"),
        ({"item_id": "e" * 32}, r"item e{32} is stored under another id"),
        ({"campaign": "Mine"}, r"campaign 'Mine' is called 'From Inspect' here"),
    ],
)
def test_row_that_contradicts_the_database_is_refused_by_name(filled, tmp_path, change, reason):
    before = content(filled)
    row = {**lines(write(filled, tmp_path / "x.jsonl"))[0], **change}
    row["final_labels"] = None
    (tmp_path / "y.jsonl").write_text(json.dumps(row))
    report = import_export(filled, tmp_path / "y.jsonl", images=tmp_path)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(report.refusals[0].reason)
    assert content(filled) == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rating_id": "../../x"}, "rating_id is malformed"),
        ({"image_id": "../../../etc/passwd"}, "image_id is malformed"),
        ({"caption": "Something else."}, "caption_sha256 is not that of the caption"),
        ({"answers": {"correctness": 9, "thoroughness": 4, "overall": 3}}, "from 1 to 5; got 9"),
        ({"answers": {"correctness": 2}}, "of different questions"),
        ({"verdicts": [{"start": 0, "end": 10, "verdict": "true"}]}, "verdict is one of"),
        ({"verdicts": [{"start": 0, "end": 10, "verdict": "unsure"}]}, "the units end at 10"),
        ({"number": 0}, "number must be a whole number from 1"),
        ({"saved_at": "yesterday"}, "saved_at is malformed"),
        ({"rater": " Ada"}, "rater is malformed"),
        ({"role": "boss"}, "role is one of"),
        ({"kind": "battle"}, "a battle is between two items"),
        ({"weight": 0}, "weight must be a number"),
        ({"place": {"state": "held"}}, "state is one of"),
        ({"campaign_settings": None}, "no row holds the settings of campaign"),
        ({"campaign_settings": {"overlap": 1}}, "guidelines is malformed|questions is malformed"),
        ({"nonce": ""}, "nonce is malformed"),
    ],
)
def test_row_that_no_database_could_hold_is_refused_and_nothing_is_written(
    filled, other, tmp_path, make_item, change, reason
):
    target, empty = other, content(other)
    rows = lines(write(filled, tmp_path / "x.jsonl"))
    if change.get("campaign_settings", 0) is None:
        rows = [row for row in rows if row["campaign"] == "=odd campaign"]
    rows[0] = {**rows[0], **change}
    (tmp_path / "y.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = import_export(target, tmp_path / "y.jsonl", images=tmp_path)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError([one.reason for one in report.refusals])
    assert content(target) == empty


def test_two_rows_that_contradict_each_other_are_refused(filled, other, tmp_path):
    rows = lines(write(filled, tmp_path / "x.jsonl"))
    rows[1]["source"] = "changed"
    (tmp_path / "y.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = import_export(other, tmp_path / "y.jsonl", images=tmp_path)
    assert "the row says other things of caption" in report.refusals[0].reason
    assert report.refusals[0].number == 2


def test_ratings_beyond_the_overlap_of_a_stored_item_are_refused(filled, other, tmp_path):
    row = next(one for one in lines(write(filled, tmp_path / "x.jsonl")) if one["source"] == HOSTILE)
    (tmp_path / "one.jsonl").write_text(json.dumps(row | {"overlap": 1}))
    assert import_export(other, tmp_path / "one.jsonl", images=tmp_path).refusals == ()
    report = import_export(other, write(filled, tmp_path / "x.jsonl"), images=tmp_path)
    assert "has room for 1 raters, and with these it would have 2" in report.refusals[0].reason


def test_campaign_with_other_questions_under_its_id_is_refused(filled, other, tmp_path):
    path = write(filled, tmp_path / "x.jsonl")
    create_campaign(other, "=odd campaign", questions=CRITERIA["finecapeval"])
    report = import_export(other, path, images=tmp_path)
    assert report.refusals[0].reason == "there is another campaign '=odd campaign' already"


def test_command_recognises_an_export_and_says_which_images_have_no_file(
    filled, other, database_url, tmp_path, capsys
):
    path, target = tmp_path / "ratings.csv", f"sqlite:///{tmp_path / 'third.sqlite3'}"
    assert main(["export", "--database", database_url, "--all-revisions", "-o", str(path)]) == 0
    assert main(["import", str(path), "--campaign", "x", "--database", target]) == 2
    assert "comes in as it is; leave out --campaign" in capsys.readouterr().err
    assert main(["import", str(path), "--database", target, "--data", str(tmp_path / "d")]) == 0
    told = capsys.readouterr().out
    assert "added: 1 campaigns, 3 images, 4 raters, 5 items, 11 ratings, 2 labels" in told
    assert "3 images have no file in" in told


def test_cells_of_an_export_run_in_no_spreadsheet(filled, tmp_path):
    text = write(filled, tmp_path / "x.csv").read_bytes().decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    risky = [cell for row in rows[1:] for cell in row if cell.startswith(("=", "+", "@", "\t", "\r"))]
    assert risky == []
    assert not any(cell.startswith("-") for row in rows for cell in row)
