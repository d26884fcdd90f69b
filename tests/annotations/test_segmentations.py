"""Corrected cuts: a version of its own for each, by whom and when, beside the automatic ones."""

import json
from dataclasses import asdict

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from annotations.cli import main
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.images import add_image
from annotations.items import add_item, get_item
from annotations.revisions import ratings
from annotations.segmentations import corrected_version, read_segmentations, save_segmentation
from annotations.store import save_rating

CAPTION = "A red car. Above it flies a kite, blue and small."
UNITS = [("A red car.", 0, 10), (" Above it flies a kite,", 10, 33), (" blue and small.", 33, 49)]
MERGED = [("A red car. Above it flies a kite,", 0, 33), (" blue and small.", 33, 49)]
SPLIT = [*UNITS[:2], (" blue", 33, 38), (" and small.", 38, 49)]


@pytest.fixture
def image_id(engine):
    return add_image(engine, sha256="a" * 64, filename="a.png", width=2, height=3)


def save(engine, image_id, cut=MERGED, rater="Ada", **changes):
    values = {"caption": CAPTION, "based_on": "auto-1", "based_on_cut": UNITS, **changes}
    return save_segmentation(engine, image_id=image_id, cut=cut, rater=rater, **values)


def count(engine, table):
    with reading(engine) as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_save_keeps_who_when_and_what_it_was_based_on(engine, image_id):
    saved = save(engine, image_id, rater="  Ada   Lovelace ")
    assert (saved.rater, saved.based_on, saved.image_id) == ("Ada Lovelace", "auto-1", image_id)
    assert saved.segmenter_version == corrected_version([(0, 33), (33, 49)])
    assert len(saved.saved_at) == 27
    assert [(unit.text, unit.start, unit.end) for unit in saved.units] == MERGED
    assert list(read_segmentations(engine)) == [saved]


def test_save_twice_by_one_person_is_one_row(engine, image_id):
    assert save(engine, image_id) == save(engine, image_id)
    assert (count(engine, "segmentations"), count(engine, "units")) == (1, 5)


def test_save_by_two_people_is_one_version_with_two_names(engine, image_id):
    ada, bo = save(engine, image_id), save(engine, image_id, rater="Bo")
    assert ada.segmenter_version == bo.segmenter_version
    assert [row.rater for row in read_segmentations(engine)] == ["Ada", "Bo"]
    assert count(engine, "units") == 5


def test_save_of_another_cut_leaves_the_one_before_as_it_was(engine, image_id):
    first = save(engine, image_id)
    second = save(
        engine, image_id, cut=SPLIT, based_on=first.segmenter_version, based_on_cut=MERGED, rater="Bo"
    )
    assert list(read_segmentations(engine)) == [first, second]


def test_read_by_image_and_caption_gives_those_alone(engine, image_id):
    saved = save(engine, image_id)
    other = add_image(engine, sha256="b" * 64, filename="b.png", width=2, height=3)
    save(engine, other)
    assert list(read_segmentations(engine, image_sha256="a" * 64, caption=CAPTION)) == [saved]
    assert list(read_segmentations(engine, image_sha256="a" * 64, caption="Another.")) == []
    assert list(read_segmentations(engine, image_sha256="c" * 64)) == []


def test_rating_hangs_on_the_version_that_was_rated(engine, image_id, make_rating):
    def item(cut, version):
        return add_item(engine, image_id=image_id, caption=CAPTION, units=cut, segmenter_version=version)

    automatic = item(UNITS, "auto-1")
    save_rating(engine, make_rating(automatic, "Ada"))
    saved = save(engine, image_id)
    corrected = item(MERGED, saved.segmenter_version)
    assert corrected != automatic
    save_rating(engine, make_rating(corrected, "Ada", verdicts=("supported", "unsure")))

    found = {rating.segmenter_version: rating for rating in ratings(engine)}
    assert set(found) == {"auto-1", saved.segmenter_version}
    assert [verdict.end for verdict in found["auto-1"].verdicts] == [10, 33, 49]
    assert [verdict.end for verdict in found[saved.segmenter_version].verdicts] == [33, 49]
    assert [unit.end for unit in get_item(engine, automatic).units] == [10, 33, 49]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cut": UNITS}, r"these 3 units are those of auto-1; nothing was corrected"),
        ({"cut": MERGED[:1]}, r"the units end at 33, but the caption has 49 characters"),
        ({"cut": [MERGED[0], (" blue and small.", 32, 48)]}, r"unit 1 is .* the unit before it ends at 33"),
        ({"cut": [("", 0, 0), (CAPTION, 0, 49)]}, r"unit 0 is '' at 0:0"),
        ({"cut": [(CAPTION, 0, 49)], "caption": "Another caption."}, r"unit 0 is 'A red car"),
        ({"based_on_cut": MERGED[:1]}, r"the units end at 33"),
        ({"cut": [], "caption": "", "based_on_cut": []}, r"needs a caption"),
        ({"based_on": ""}, r"1 to 120 characters; got ''"),
        ({"rater": " "}, r"a rater needs a name"),
        ({"rater": "A\x1b"}, r"control characters"),
    ],
)
def test_save_of_what_is_no_correction_says_why_and_keeps_nothing(engine, image_id, changes, sentence):
    with pytest.raises(InvalidRecordError, match=sentence):
        save(engine, image_id, **changes)
    assert (count(engine, "segmentations"), count(engine, "units"), count(engine, "raters")) == (0, 0, 0)


def test_save_against_another_cut_of_the_same_version_is_refused_and_keeps_nothing(engine, image_id):
    save(engine, image_id)
    with pytest.raises(InvalidRecordError, match=r"'auto-1' cut this caption into 3 units before and into 4"):
        save(engine, image_id, rater="Bo", cut=[(CAPTION, 0, 49)], based_on_cut=SPLIT)
    assert (count(engine, "segmentations"), count(engine, "raters")) == (1, 1)


def test_save_for_an_image_that_is_not_there_says_so(engine):
    with pytest.raises(UnknownRecordError, match=r"no image 'f+'"):
        save(engine, "f" * 32)


@pytest.mark.parametrize("table", ["segmentations", "units"])
@pytest.mark.parametrize("change", ["UPDATE {} SET caption_sha256 = caption_sha256", "DELETE FROM {}"])
def test_stored_cut_cannot_be_altered_or_removed(engine, image_id, table, change):
    save(engine, image_id)
    with pytest.raises(DatabaseError, match="append-only"), writing(engine) as connection:
        connection.execute(text(change.format(table)))


def test_export_writes_who_when_and_both_versions(engine, image_id, database_url, tmp_path):
    saved = save(engine, image_id, rater="Zoë")
    output = tmp_path / "corrected.jsonl"
    assert main(["segmentations", "--database", database_url, "-o", str(output)]) == 0
    (line,) = output.read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == json.loads(json.dumps(asdict(saved)))
    assert [unit["text"] for unit in json.loads(line)["units"]] == [text for text, _, _ in MERGED]
