"""The metrics of stored captions: those of specs metrics, for every caption, never tried in vain twice."""

import hashlib
import io
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import delete, select

from annotations import cli as ratings_cli
from annotations.engine import reading, writing
from annotations.images import add_image
from annotations.import_scores import ScoresPlan, import_scores
from annotations.items import add_item, get_item
from annotations.metric_tables import export_captions
from annotations.schema import score_failures, scores
from app import background_scores
from app.background_scores import BackgroundScores, scoring_status
from app.context import AppContext, open_context
from app.image_features import ImageFeatures
from app.item_scores import score_item
from app.pictures import ORIGINALS
from app.settings import Settings
from app.stored_scores import DEARER_METRICS, METRICS
from app.waiting_scores import Done, score_waiting
from specs_core import cli as specs_cli
from specs_core.encoder import Encoder, load_encoder
from specs_core.metrics.scores import write_metric_scores
from specs_core.scoring import cosine, specs_score

CAPTIONS = (
    "A red disc hangs over green ground.",
    "A blue square stands on the ground. Beside it is a disc, which is red and rather large.",
    # Longer than the context: only whole units that fit are read.
    "Green ground, a pale sky, a disc on the left and a square on the right. " * 14,
)
EVERYTHING = (*METRICS, *DEARER_METRICS)


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Path) -> Encoder:
    return load_encoder(str(tiny_checkpoint))


@pytest.fixture
def context(tmp_path: Path, tiny_checkpoint: Path, with_database: Callable[[Path], Path]) -> AppContext:
    return open_context(Settings(data=with_database(tmp_path / "data"), model=str(tiny_checkpoint)))


def add(
    context: AppContext, caption: str, *, image: int = 0, damaged: bool = False, source: str | None = None
) -> str:
    """Add an item as an import does: uncut, with the original file under its image's id."""
    buffer = io.BytesIO()
    Image.effect_noise((80, 60), 20 + 9 * image).convert("RGB").save(buffer, format="PNG")
    data = buffer.getvalue()
    sha256 = hashlib.sha256(str(image).encode()).hexdigest()
    image_id = add_image(context.engine, sha256=sha256, filename="a.png", width=80, height=60)
    original = context.settings.images_dir / ORIGINALS / image_id
    original.parent.mkdir(parents=True, exist_ok=True)
    if context.pictures._stored(image_id) is None:
        original.write_bytes(data[:100] if damaged else data)
    return add_item(context.engine, image_id=image_id, caption=caption, units=None, source=source)


def run(context: AppContext, encoder: Encoder, **options: Any) -> Done:
    return score_waiting(context.engine, context.pictures, encoder, **options)


def stored(context: AppContext) -> dict[tuple[str, str], float]:
    with reading(context.engine) as connection:
        rows = connection.execute(select(scores.c.item_id, scores.c.metric, scores.c.score))
        return {(item_id, metric): score for item_id, metric, score in rows}


def forget(context: AppContext, *metrics: str) -> None:
    with writing(context.engine) as connection:
        connection.execute(delete(scores).where(scores.c.metric.in_(metrics)))


def has_work(context: AppContext) -> bool:
    return BackgroundScores(context)._has_work()


def test_the_background_gives_the_scores_that_specs_metrics_gives(
    context: AppContext, encoder: Encoder, tmp_path: Path
) -> None:
    ids = [add(context, caption, image=number % 2) for number, caption in enumerate(CAPTIONS)]
    assert run(context, encoder, metrics=EVERYTHING) == Done(scored=3)
    here = stored(context)
    assert set(here) == {(item_id, metric) for item_id in ids for metric in EVERYTHING}
    with (tmp_path / "items.jsonl").open("w") as stream:
        export_captions(context.engine, stream, images=context.settings.images_dir)
    table = tmp_path / "scores.jsonl"
    write_metric_scores(tmp_path / "items.jsonl", table, EVERYTHING, encoder=encoder)
    forget(context, *EVERYTHING)
    import_scores(context.engine, table, ScoresPlan())
    back = stored(context)
    assert set(back) == set(here)
    for (item_id, metric), score in here.items():
        if metric != "text_only":  # the image is another one, see the next test
            assert back[item_id, metric] == pytest.approx(score, abs=1e-6), metric
    with reading(context.engine) as connection:
        models = {tuple(row) for row in connection.execute(select(scores.c.model, scores.c.model_sha256))}
    assert models == {(encoder.checkpoint.label, encoder.weights_sha256)}


@pytest.mark.slow
def test_three_commands_bring_metrics_of_references_beside_the_ratings(
    context: AppContext, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, caption in enumerate(CAPTIONS):
        add(context, caption, image=number % 2)
    add(context, "There is a red disc.", source="people")
    items, table = tmp_path / "items.jsonl", tmp_path / "scores.csv"
    place = ["--data", str(context.settings.data)]
    command = ["export", "--what", "captions", "--references", "people", "-o", str(items), *place]
    assert ratings_cli.main(command) == 0
    names = ["specs", "ref_clip_score", "chrf", "length_tokens"]
    command = ["metrics", str(items), "--metric", *names, "--model", str(context.settings.model)]
    assert specs_cli.main([*command, "-o", str(table)]) in (0, 1)
    capsys.readouterr()
    assert ratings_cli.main(["import-scores", str(table), *place]) == 0
    told = capsys.readouterr().out
    # Two of the four captions have a reference.
    assert "12 scores added" in told
    assert "2 rows have no score of chrf" in told
    assert {metric for _, metric in stored(context)} == set(names)


def test_text_only_takes_the_next_image_of_the_campaign_by_id(context: AppContext, encoder: Encoder) -> None:
    ids = [add(context, CAPTIONS[0], image=number) for number in range(3)]
    run(context, encoder)
    images = [get_item(context.engine, item_id).image_id for item_id in ids]
    circle = sorted(images)
    features, _ = ImageFeatures(context.engine, context.pictures, encoder).features(images)
    text = encoder.text_features([CAPTIONS[0]])[0]
    for item_id, image_id in zip(ids, images, strict=True):
        other = circle[(circle.index(image_id) + 1) % 3]
        expected = float(specs_score(cosine(features[other], text)))
        assert stored(context)[item_id, "text_only"] == pytest.approx(expected, abs=1e-6)
        assert stored(context)[item_id, "specs"] != pytest.approx(expected, abs=1e-6)


def test_a_caption_without_another_image_has_no_text_only_until_there_is_one(
    context: AppContext, encoder: Encoder
) -> None:
    first = add(context, CAPTIONS[0])
    assert run(context, encoder) == Done(scored=1)
    assert set(stored(context)) == {(first, metric) for metric in METRICS if metric != "text_only"}
    assert not has_work(context), "nothing is tried that cannot be had"
    assert run(context, encoder) == Done()
    second = add(context, CAPTIONS[1], image=1)
    assert run(context, encoder) == Done(scored=2)
    assert {item_id for item_id, metric in stored(context) if metric == "text_only"} == {first, second}
    assert not has_work(context)


def test_a_caption_that_was_scored_before_gets_the_other_metrics_and_keeps_its_row(
    context: AppContext, encoder: Encoder
) -> None:
    for number in range(2):
        add(context, CAPTIONS[number], image=number)
    run(context, encoder)
    everything = stored(context)
    specs = select(scores).where(scores.c.metric == "specs").order_by(scores.c.item_id)
    with reading(context.engine) as connection:
        before = connection.execute(specs).all()
    forget(context, "length_tokens", "clip_score", "text_only")
    assert has_work(context)
    assert scoring_status(context).waiting == 0, "the curves are all there"
    assert run(context, encoder) == Done(scored=2)
    assert stored(context) == pytest.approx(everything, abs=1e-6)
    with reading(context.engine) as connection:
        assert connection.execute(specs).all() == before
    assert not has_work(context)


def test_a_metric_that_cannot_be_computed_keeps_its_reason_and_is_not_tried_again(
    context: AppContext, encoder: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = add(context, CAPTIONS[0]), add(context, CAPTIONS[1], image=1, damaged=True)
    with caplog.at_level(logging.WARNING):
        assert run(context, encoder) == Done(scored=1, failed=1)
    # The good image is the other one of the caption whose own image is damaged.
    assert {key for key in stored(context) if key[0] == bad} == {(bad, "length_tokens"), (bad, "text_only")}
    with reading(context.engine) as connection:
        rows = connection.execute(select(score_failures.c.item_id, score_failures.c.metric))
        assert {tuple(row) for row in rows} == {(good, "text_only"), (bad, "specs"), (bad, "clip_score")}
    assert f"item {good} has no text_only: None of 1 other images" in caplog.text
    assert caplog.text.count(f"item {bad} cannot be scored") == 1
    assert not has_work(context)
    caplog.clear()
    assert run(context, encoder) == Done()
    assert caplog.text == ""


def test_one_item_scored_on_its_own_gets_the_same_rows(context: AppContext, encoder: Encoder) -> None:
    ids = [add(context, caption, image=number) for number, caption in enumerate(CAPTIONS)]
    run(context, encoder)
    together = stored(context)
    forget(context, *METRICS)
    for item_id in ids:
        score_item(context, item_id, encoder)
    assert stored(context) == pytest.approx(together, abs=1e-6)
    forget(context, *METRICS)
    score_item(context, ids[0], encoder, metrics=("specs",))
    assert set(stored(context)) == {(ids[0], "specs")}, (
        "a rater who waits for the curve waits for nothing else"
    )


@pytest.mark.slow
def test_the_command_stores_f_clip_score_where_it_is_asked_for(context: AppContext) -> None:
    item = add(context, CAPTIONS[0])
    for options in ([], ["--all-metrics"]):
        result = subprocess.run(
            [sys.executable, "-m", "app.score_items", *options],
            env=background_scores._environment(context.settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        assert ((item, "f_clip_score") in stored(context)) == bool(options)
