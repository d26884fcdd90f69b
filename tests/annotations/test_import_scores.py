"""Scores taken in from a table: which items they go to, what is refused, and that again is harmless."""

import csv
import json
import math

import pytest
from sqlalchemy import select, update

from annotations.campaigns import create_campaign, delete_campaign
from annotations.cli import main
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.import_scores import ScoresPlan, import_scores
from annotations.items import add_battle, delete_item
from annotations.schema import items, scores
from annotations.score_queue import NewScore, save_many_scores, waiting_items

SHA = "a" * 64
WORDS = "words 1.0"


def line(name, metric="clip_score", score=0.5, model="scenes", sha256=SHA, **more):
    return {"id": name, "metric": metric, "score": score, "model": model, "model_sha256": sha256} | more


@pytest.fixture
def write(tmp_path):
    def run(*rows, name="scores.jsonl"):
        path = tmp_path / name
        if path.suffix == ".jsonl":
            path.write_text(
                "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
            )
        else:
            with path.open("w", newline="") as stream:
                csv.writer(stream).writerows(rows)
        return path

    return run


@pytest.fixture
def take(engine, write):
    def run(*rows, name="scores.jsonl", **plan):
        return import_scores(engine, write(*rows, name=name), ScoresPlan(**plan))

    return run


def stored(engine):
    columns = (scores.c.item_id, scores.c.metric, scores.c.model, scores.c.model_sha256, scores.c.score)
    with reading(engine) as connection:
        return {tuple(row) for row in connection.execute(select(*columns))}


def name_it(engine, item_id, external_id):
    with writing(engine) as connection:
        connection.execute(update(items).where(items.c.id == item_id).values(external_id=external_id))


def test_scores_of_specs_metrics_go_to_items_by_id_and_by_external_id(engine, make_item, take):
    first, second = make_item(), make_item()
    name_it(engine, second, "7")
    report = take(
        line(first), line(first, "rouge_l", 0.25, "rouge 1", "b" * 64, note="fine"), line(7), line(first)
    )
    assert stored(engine) == {
        (first, "clip_score", "scenes", SHA, 0.5),
        (first, "rouge_l", "rouge 1", "b" * 64, 0.25),
        (second, "clip_score", "scenes", SHA, 0.5),
    }
    assert (report.rows, report.refused, report.repeated, report.written.added) == (4, 0, 1, 3)


def test_a_score_that_is_missing_is_counted_and_not_stored(engine, make_item, take):
    item = make_item()
    report = take(line(item, score=None, note="not even the first unit fits"), line(item, "specs", 0.6))
    assert (report.missing, report.written.added) == ({"clip_score": 1}, 1)
    assert {row[1] for row in stored(engine)} == {"specs"}
    table = [["id", "metric", "score", "model", "model_sha256", "note"]]
    table += [[item, "chrf", "", "sacrebleu", SHA, "no references"]]
    assert take(*table, name="s.csv").missing == {"chrf": 1}


def test_scores_imported_again_change_nothing_and_others_replace_them(engine, make_item, take):
    item = make_item()
    take(line(item), line(item, "length_tokens", 12.0))
    with reading(engine) as connection:
        before = connection.execute(select(scores).order_by(scores.c.metric)).all()
    again = take(line(item), line(item, "length_tokens", 12.0)).written
    assert (again.added, again.changed, again.already) == (0, 0, 2)
    with reading(engine) as connection:
        assert connection.execute(select(scores).order_by(scores.c.metric)).all() == before
    other = take(line(item, score=0.75), line(item, model="scenes", sha256="c" * 64)).written
    assert (other.added, other.changed) == (1, 1)
    assert {row[3:] for row in stored(engine) if row[1] == "clip_score"} == {(SHA, 0.75), ("c" * 64, 0.5)}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line("ITEM", score=math.nan), "score is nan"),
        (line("ITEM", score=-math.inf), "score is -inf"),
        (line("ITEM", score=10**400), "score is 1000"),
        (line("ITEM", score=True), "score is True"),
        (line("ITEM", score="high"), "score is 'high'"),
        (line("ITEM", metric=""), "no metric"),
        (line("ITEM", metric="m" * 61), "at most 60"),
        (line("ITEM", metric="m\x00"), "NUL"),
        (line("ITEM", model=None), "no model"),
        (line("ITEM", sha256="abc"), "64 hexadecimal digits: 'abc'"),
        (line(None), "no id"),
        (line("nobody"), "no item 'nobody'"),
        ("[1]", "not a JSON object"),
    ],
)
def test_a_row_that_will_not_do_keeps_everything_out_and_is_named_with_its_number(
    engine, make_item, take, bad, reason
):
    item = make_item()
    bad = json.loads(json.dumps(bad).replace("ITEM", item))
    report = take(line(item, "specs"), bad)
    assert report.written is None
    assert [one.number for one in report.refusals] == [2]
    assert reason in report.refusals[0].reason
    assert stored(engine) == set()
    assert take(line(item, "specs"), bad, skip_invalid=True).written.added == 1


def test_two_different_scores_of_one_item_and_metric_are_refused(engine, make_item, take):
    item = make_item()
    name_it(engine, item, "mine")
    report = take(line(item), line("mine", score=0.6))
    assert [(one.number, one.reason) for one in report.refusals] == [
        (2, "clip_score of this item is 0.6 here and 0.5 in a row before")
    ]


def test_ids_mean_the_items_of_the_campaign_that_is_named(engine, make_item, take):
    other = create_campaign(engine, "other")
    mine, theirs = make_item(), make_item(campaign_id=other)
    for item in (mine, theirs):
        name_it(engine, item, "1")
    assert "is the name of several captions; give" in take(line("1")).refusals[0].reason
    assert take(line("1"), campaign="other").written.added == 1
    assert {row[0] for row in stored(engine)} == {theirs}
    assert "in campaign 'other'" in take(line(mine), campaign="other").refusals[0].reason
    with pytest.raises(UnknownRecordError, match="no campaign 'nowhere'"):
        take(line("1"), campaign="nowhere")
    delete_campaign(engine, other)
    with pytest.raises(InvalidRecordError, match="'other' was deleted"):
        take(line("1"), campaign="other")


def test_battles_have_no_scores_and_deleted_captions_keep_theirs(engine, make_item, take):
    first, second = make_item(image=1000), make_item(image=1000, caption="A dog.", units=[("A dog.", 0, 6)])
    battle = add_battle(engine, first, second)
    delete_item(engine, first)
    report = take(line(battle), line(first), skip_invalid=True)
    assert "is a battle" in report.refusals[0].reason
    assert {row[0] for row in stored(engine)} == {first}


def test_a_table_of_ones_own_has_a_column_for_each_metric(engine, make_item, take):
    first, second = make_item(), make_item()
    table = [["id", "mine", "theirs", "words"], [first, "0.5", "-3e-2", "x"], [second, "", " 4 ", "y"]]
    report = take(*table, name="own.csv", metrics=("mine", "theirs"), model=WORDS)
    rows = stored(engine)
    assert {(row[0], row[1], row[2], row[4]) for row in rows} == {
        (first, "mine", WORDS, 0.5),
        (first, "theirs", WORDS, -0.03),
        (second, "theirs", WORDS, 4.0),
    }
    # printf 'words 1.0' | sha256sum
    assert {row[3][:16] for row in rows} == {"0929c52199850976"}
    assert report.missing == {"mine": 1}


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ({}, "name the columns that hold a metric with --metric; its columns are 'id', 'mine'"),
        ({"metrics": ("mine",)}, "say with --model"),
        ({"metrics": ("theirs",), "model": "x"}, "no column 'theirs'"),
        ({"metrics": ("mine",), "model": " "}, "no model"),
    ],
)
def test_a_table_whose_columns_say_too_little_is_refused(engine, take, plan, reason):
    with pytest.raises(InvalidRecordError, match=reason):
        take(["id", "mine"], ["1", "2"], name="own.csv", **plan)


def test_options_that_the_table_of_specs_metrics_answers_itself_are_refused(engine, take):
    with pytest.raises(InvalidRecordError, match="leave out --metric"):
        take(line("1"), metrics=("score",), model="x")
    with pytest.raises(InvalidRecordError, match="has no rows"):
        take()


def test_cells_with_the_apostrophe_of_a_spreadsheet_are_read_as_what_they_stand_for(engine, make_item, take):
    plain, quoted = make_item(), make_item()
    name_it(engine, plain, "-1")
    name_it(engine, quoted, "'+1")
    table = [["id", "metric", "score", "model", "model_sha256", "note"]]
    table += [["'-1", "cosine", "-0.5", "'=model", SHA, ""], ["'+1", "cosine", "'-0.25", "m", SHA, "'-"]]
    take(*table, name="s.csv")
    assert {(row[0], row[2], row[4]) for row in stored(engine)} == {
        (plain, "=model", -0.5),
        (quoted, "m", -0.25),
    }


def test_what_the_app_has_computed_itself_stays_with_its_curve(engine, make_item, take):
    item = make_item()
    new = NewScore(item, "test-1", 0.7, curve={"units": []})
    save_many_scores(engine, [new], metric="specs", model="scenes", model_sha256=SHA)
    written = take(line(item, "specs", 0.75)).written
    assert (written.kept, written.added, written.changed) == (1, 0, 0)
    assert written.difference == pytest.approx(0.05)
    with reading(engine) as connection:
        row = connection.execute(select(scores)).one()
    assert (row.score, row.segmenter_version, row.curve) == (0.7, "test-1", '{"units": []}')


def test_a_score_without_a_curve_does_not_keep_the_app_from_making_one(engine, make_item, take):
    item = make_item()
    take(line(item, "specs", 0.7))
    waiting = waiting_items(engine, metrics=["specs"], model_sha256=SHA, limit=9)
    assert [one.item_id for one in waiting] == [item]


def test_command_tells_what_it_did_and_what_it_refused(
    engine, database_url, make_item, write, tmp_path, capsys
):
    item = make_item()
    place = ["--database", database_url, "--data", str(tmp_path / "data")]
    good = write(line(item), line(item, "chrf", None))
    assert main(["import-scores", str(good), *place]) == 0
    told = capsys.readouterr().out
    assert "1 scores added, 0 changed; 0 were there already" in told
    assert "1 rows have no score of chrf; nothing is stored for them" in told
    bad = write(line(item), line("nobody"), line("\x1b[2J"), name="bad.jsonl")
    assert main(["import-scores", str(bad), *place, "--report", str(tmp_path / "refused.csv")]) == 2
    told = capsys.readouterr().err
    assert "'bad.jsonl', row 2: there is no item 'nobody', by its id or its external_id" in told
    assert "2 of 3 rows were refused" in told
    assert "\x1b" not in told
    assert len((tmp_path / "refused.csv").read_text().splitlines()) == 3
    assert main(["import-scores", str(tmp_path / "none.csv"), *place]) == 2
