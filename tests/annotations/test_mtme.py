"""A campaign in the folder format of mt-metrics-eval: what stands in which line, and what is left out."""

from pathlib import Path

import pytest

from annotations.campaigns import create_campaign
from annotations.cli import main
from annotations.errors import InvalidRecordError
from annotations.items import delete_item
from annotations.mtme import export_mtme
from annotations.scores import save_scores
from annotations.store import NewRating, save_rating, withdraw_rating


@pytest.fixture
def campaign_id(engine) -> str:
    return create_campaign(engine, "study", asks_verdicts=False)


@pytest.fixture
def add(make_item, campaign_id):
    """Add a caption that is not cut."""

    def run(image: int, source: str, caption: str = "A\ncar.", **options: object) -> str:
        values = {"units": None, "segmenter_version": "", "campaign_id": campaign_id, **options}
        return make_item(image=image, source=source, caption=caption, **values)

    return run


@pytest.fixture
def rate(engine):
    nonces = iter(range(100))

    def run(item_id: str, rater: str, overall: int) -> None:
        answers = {"correctness": 1, "thoroughness": 1, "overall": overall}
        form = {"nonce": str(next(nonces)), "guideline_version": "1", "application_version": "1"}
        save_rating(engine, NewRating(item_id=item_id, rater=rater, answers=answers, verdicts=(), **form))

    return run


def lines(folder: Path, name: str) -> list[str]:
    return (folder / name).read_text().split("\n")[:-1]


def test_folder_has_a_line_for_each_image_in_every_file(engine, tmp_path, campaign_id, add, rate):
    first, second = add(0, "model_a"), add(0, "model_b", "B.")
    alone = add(1, "model_a", "C.")
    rate(first, "Ada", 4)
    rate(first, "Bo", 5)
    rate(alone, "Ada", 1)
    rate(second, "Ada", 2)
    withdraw_rating(engine, "Ada", second, application_version="1")
    summary = export_mtme(engine, tmp_path / "set", campaign_id)
    assert (summary.segments, summary.systems, summary.left_out) == (2, 2, 0)
    assert lines(tmp_path / "set", "sources/image-text.txt") == ["0.png", "1.png"]
    documents = lines(tmp_path / "set", "documents/image-text.docs")
    assert [line.split()[0] for line in documents] == ["all", "all"]
    assert len({line.split()[1] for line in documents}) == 2
    assert lines(tmp_path / "set", "references/image-text.none.txt") == ["", ""]
    assert lines(tmp_path / "set", "system-outputs/image-text/model_a.txt") == ["A car.", "C."]
    assert lines(tmp_path / "set", "system-outputs/image-text/model_b.txt") == ["B.", ""]
    assert lines(tmp_path / "set", "human-scores/image-text.overall.seg.score") == [
        "model_a\t4.5",
        "model_a\t1.0",
        "model_b\tNone",
        "model_b\tNone",
    ]
    assert lines(tmp_path / "set", "human-scores/image-text.overall.sys.score") == [
        "model_a\t2.75",
        "model_b\tNone",
    ]
    names = {path.name for path in (tmp_path / "set" / "human-scores").iterdir()}
    assert {name.split(".")[1] for name in names} == {"correctness", "thoroughness", "overall"}


def test_metric_scores_are_written_only_where_every_caption_has_one(engine, tmp_path, campaign_id, add):
    model = {"model": "scenes-1", "model_sha256": "c" * 64}
    found = [add(image, source) for source in ("a", "b") for image in (0, 1)]
    for number, item_id in enumerate(found):
        save_scores(engine, item_id, metric="specs", score=number / 4, **model)
    save_scores(engine, found[0], metric="half", score=1.0, **model)
    summary = export_mtme(engine, tmp_path / "set", campaign_id)
    assert [name.split("_")[0] for name in summary.incomplete_metrics] == ["half"]
    files = sorted(path.name for path in (tmp_path / "set" / "metric-scores" / "image-text").iterdir())
    assert [name.rsplit("-", 1)[1] for name in files] == ["src.seg.score", "src.sys.score"]
    # The part in front of "-src" may hold neither dashes nor dots.
    assert not set(files[0].removesuffix("-src.seg.score")) & set("-.")
    assert lines(tmp_path / "set" / "metric-scores" / "image-text", files[0]) == [
        "a\t0.0",
        "a\t0.25",
        "b\t0.5",
        "b\t0.75",
    ]


def test_captions_without_a_place_and_items_of_other_kinds_are_left_out(engine, tmp_path, campaign_id, add):
    add(0, "a", "One.")
    add(0, "a", "Two.")
    delete_item(engine, add(1, "b"))
    summary = export_mtme(engine, tmp_path / "set", campaign_id)
    assert (summary.segments, summary.systems, summary.left_out) == (1, 1, 1)
    assert lines(tmp_path / "set", "system-outputs/image-text/a.txt") == ["One."]


@pytest.mark.parametrize("source", ["../../evil", "a b", "a\tb\nc", "$(touch x)", "a.b-c", "", "é" * 300])
def test_source_becomes_a_name_that_a_file_and_a_line_can_hold(engine, tmp_path, campaign_id, add, source):
    add(0, source)
    add(0, "plain")
    export_mtme(engine, tmp_path / "in" / "set", campaign_id)
    files = list((tmp_path / "in" / "set" / "system-outputs" / "image-text").iterdir())
    assert len(files) == 2
    assert all(path.stem.replace("_", "a").isalnum() and path.stem.isascii() for path in files)
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"set"}


def test_folder_that_is_not_empty_or_campaign_without_captions_is_refused(engine, tmp_path, campaign_id, add):
    with pytest.raises(InvalidRecordError, match="'study' has no captions"):
        export_mtme(engine, tmp_path / "set", campaign_id)
    add(0, "a")
    with pytest.raises(InvalidRecordError, match="is not empty"):
        export_mtme(engine, tmp_path, campaign_id)


def test_command_writes_the_folder_and_tells_what_it_left_out(
    engine, tmp_path, database_url, campaign_id, add, capsys
):
    add(0, "a", "One.")
    add(0, "a", "Two.")
    command = ["export", "--format", "mtme", "--database", database_url]
    assert main([*command, "--campaign", "study", "-o", str(tmp_path / "set")]) == 0
    told = capsys.readouterr().err
    assert "1 images and 1 sources written" in told
    assert "1 captions left out" in told
    assert main([*command, "-o", str(tmp_path / "set")]) == 2
    assert "name it with --campaign" in capsys.readouterr().err
    assert main([*command, "--campaign", "study"]) == 2
    assert "name a file with -o" in capsys.readouterr().err
