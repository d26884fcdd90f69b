"""Captions as specs metrics reads them, and stored scores that come back by import-scores."""

import csv
import io
import json

import pytest
from sqlalchemy import select

from annotations.campaigns import create_campaign
from annotations.cli import main
from annotations.engine import open_database, reading, writing
from annotations.exporting import export_ratings
from annotations.import_scores import ScoresPlan, import_scores
from annotations.items import add_battle, delete_item, get_item
from annotations.metric_tables import export_captions, export_scores
from annotations.reimporting import import_export
from annotations.schema import items, scores
from annotations.scores import save_scores
from annotations.snapshots import export_snapshot
from annotations.store import save_rating

DOG = {"caption": "A dog.", "units": [("A dog.", 0, 6)]}


@pytest.fixture
def pictures(tmp_path, engine, draw_picture):
    """The folder of the images, and a way to put a file of an item's image into it."""
    folder = tmp_path / "data" / "images"
    (folder / "originals").mkdir(parents=True)

    def put(item_id, name="{}.png"):
        path = folder / name.format(get_item(engine, item_id).image_id)
        draw_picture(path.with_suffix(".png"))
        path.with_suffix(".png").rename(path)
        return path

    put.folder = folder
    return put


def captions(engine, pictures, **options):
    stream = io.StringIO()
    report = export_captions(engine, stream, images=pictures.folder, **options)
    return [json.loads(line) for line in stream.getvalue().splitlines()], report


def every_score(engine):
    with reading(engine) as connection:
        columns = (scores.c.item_id, scores.c.metric, scores.c.model, scores.c.model_sha256, scores.c.score)
        return {tuple(row) for row in connection.execute(select(*columns))}


def give_scores(engine, item_id):
    for metric, value in (("specs", 0.7), ("clip_score", 0.81), ("length_tokens", 16.0), ("chrf", 1 / 3)):
        save_scores(engine, item_id, metric=metric, model=f"m {metric}", model_sha256="a" * 64, score=value)


def test_captions_are_written_with_id_and_file_wherever_it_lies(engine, make_item, pictures):
    shown, original, lost = make_item(), make_item(), make_item()
    files = [pictures(shown), pictures(original, "originals/{}")]
    lines, report = captions(engine, pictures)
    assert lines == [
        {"id": item, "image": str(file), "caption": get_item(engine, item).caption}
        for item, file in zip((shown, original), files, strict=True)
    ]
    assert (report.written, report.without_image) == (2, 1)
    assert lost not in {line["id"] for line in lines}


def test_battles_deleted_captions_those_to_learn_on_and_other_campaigns_are_left_out(
    engine, make_item, pictures
):
    other = create_campaign(engine, "other")
    first, second = make_item(image=1000), make_item(image=1000, **DOG)
    training, gone, theirs = make_item(), make_item(), make_item(campaign_id=other)
    for item in (first, training, gone, theirs):
        pictures(item)
    add_battle(engine, first, second)
    delete_item(engine, gone)
    with writing(engine) as connection:
        connection.execute(items.update().where(items.c.id == training).values(role="training"))
    assert [line["id"] for line in captions(engine, pictures)[0]] == [first, second, theirs]
    assert [line["id"] for line in captions(engine, pictures, campaign_id=other)[0]] == [theirs]


def test_captions_of_a_source_can_be_the_references_of_the_others(engine, make_item, pictures):
    true = make_item(image=1000, source="people")
    guess = make_item(image=1000, source="captioner", **DOG)
    alone = make_item(image=2000, source="captioner")
    for item in (true, alone):
        pictures(item)
    lines, report = captions(engine, pictures, references=["people"])
    by_id = {line["id"]: line.get("references") for line in lines}
    assert by_id == {true: None, guess: [get_item(engine, true).caption], alone: None}
    assert report.with_references == 1


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_several_metrics_of_an_item_survive_the_way_out_and_in(engine, make_item, tmp_path, format):
    item = make_item()
    give_scores(engine, item)
    before = every_score(engine)
    path = tmp_path / f"scores.{format}"
    with path.open("w", newline="") as stream:
        assert export_scores(engine, stream, format=format) == 4
    with writing(engine) as connection:
        connection.execute(scores.delete())
    assert import_scores(engine, path, ScoresPlan()).written.added == 4
    assert every_score(engine) == before


def test_several_metrics_of_an_item_survive_another_database_and_a_snapshot(
    engine, make_item, make_rating, tmp_path
):
    item = make_item()
    save_rating(engine, make_rating(item))
    give_scores(engine, item)
    for name, write in (("ratings", export_ratings), ("scores", export_scores)):
        with (tmp_path / f"{name}.jsonl").open("w") as stream:
            write(engine, stream, format="jsonl")
    other = open_database(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    assert import_export(other, tmp_path / "ratings.jsonl", images=tmp_path).refused == 0
    assert import_scores(other, tmp_path / "scores.jsonl", ScoresPlan()).written.added == 4
    assert every_score(other) == every_score(engine)
    other.dispose()
    export_snapshot(engine, tmp_path / "snapshot.sqlite3")
    saved = open_database(f"sqlite:///{tmp_path / 'snapshot.sqlite3'}")
    assert every_score(saved) == every_score(engine)
    saved.dispose()


def test_command_writes_both_tables_and_refuses_what_does_not_go_together(
    engine, database_url, make_item, pictures, tmp_path, capsys
):
    item = make_item()
    give_scores(engine, item)
    make_item()
    pictures(item)
    place = ["--database", database_url, "--data", str(tmp_path / "data")]
    target = tmp_path / "items.jsonl"
    assert main(["export", "--what", "captions", "-o", str(target), *place]) == 0
    told = capsys.readouterr().err
    assert f"1 captions written to {target}" in told
    assert "1 captions left out: their image is missing from" in told
    assert [json.loads(text)["id"] for text in target.read_text().splitlines()] == [item]
    assert main(["export", "--what", "scores", *place]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert {(row["id"], row["metric"]) for row in rows} == {
        (item, metric) for metric in ("specs", "clip_score", "length_tokens", "chrf")
    }
    for odd in (["--format", "csv"], ["--all-revisions"], ["--format", "mtme", "-o", "x"]):
        assert main(["export", "--what", "captions", *odd, *place]) == 2
    assert main(["export", "--references", "people", *place]) == 2
    assert "references go with --what captions" in capsys.readouterr().err
