"""Images and items: harmless twice, soft deletion, and units that must fit their caption."""

import pytest
from sqlalchemy import func, select

from annotations.analysis.reading import read_table
from annotations.assignment import next_item
from annotations.campaigns import DEFAULT_OVERLAP
from annotations.engine import reading
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.images import add_image, get_image
from annotations.items import Unit, add_item, delete_item, get_item, restore_item
from annotations.revisions import ratings
from annotations.schema import images, items, units
from annotations.store import save_rating

SHA = "0" * 63 + "a"


def stored(engine, table) -> int:
    with reading(engine) as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_add_image_twice_is_one_image_that_keeps_its_first_name(engine):
    first = add_image(engine, sha256=SHA, filename="first.png", width=4, height=3)
    assert add_image(engine, sha256=SHA, filename="second.png", width=4, height=3) == first
    assert get_image(engine, first).filename == "first.png"
    assert stored(engine, images) == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sha256": "A" * 64}, "64 lower-case"),
        ({"sha256": "a" * 63}, "64 lower-case"),
        ({"width": 0}, "0 x 3"),
        ({"height": -1}, "4 x -1"),
        ({"filename": "a\x00.png"}, "file name may not hold the character NUL"),
    ],
)
def test_add_image_with_a_malformed_value_says_which_and_stores_nothing(engine, changes, sentence):
    values = {"sha256": SHA, "filename": "a.png", "width": 4, "height": 3, **changes}
    with pytest.raises(InvalidRecordError, match=sentence):
        add_image(engine, **values)
    assert stored(engine, images) == 0


def test_get_image_that_is_not_there_names_it(engine):
    with pytest.raises(UnknownRecordError, match="'nowhere'"):
        get_image(engine, "nowhere")


def test_add_item_reads_back_with_its_units(engine, make_item):
    item = get_item(engine, make_item(source="captioner-7"))
    assert item.units[1] == Unit(" Above it flies a kite,", 10, 33)
    assert "".join(unit.text for unit in item.units) == item.caption
    assert (item.overlap, item.source, item.deleted_at) == (DEFAULT_OVERLAP, "captioner-7", None)


def test_add_item_twice_is_one_item_that_keeps_its_first_values(engine, make_item):
    first = make_item(image=1, overlap=5, source="a")
    assert make_item(image=1, overlap=2, source="a") == first
    assert get_item(engine, first).overlap == 5
    assert make_item(image=1, overlap=2, source="b") != first
    assert (stored(engine, items), stored(engine, units)) == (2, 3)


def test_add_item_with_another_segmenter_is_another_item(engine, make_item):
    first, other = make_item(image=1), make_item(image=1, segmenter_version="test-2")
    assert first != other
    assert stored(engine, units) == 6


def test_add_item_for_two_images_with_one_caption_shares_the_units(engine, make_item):
    assert make_item() != make_item()
    assert (stored(engine, items), stored(engine, units)) == (2, 3)


def test_add_item_counts_characters_beyond_the_basic_plane_as_one(engine, make_item):
    caption = "A 🪁 kite.\u202e تحت"
    item = get_item(engine, make_item(caption=caption, units=[("A 🪁 kite.", 0, 9), ("\u202e تحت", 9, 14)]))
    assert [unit.text for unit in item.units] == ["A 🪁 kite.", "\u202e تحت"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"caption": " \n", "units": [(" \n", 0, 2)]}, "this one is empty"),
        ({"caption": "", "units": []}, "this one is empty"),
        ({"caption": "ab", "units": [("a", 0, 1)]}, "end at 1, but the caption has 2"),
        ({"caption": "ab", "units": [("b", 1, 2)]}, "unit 0 is 'b' at 1:2"),
        ({"caption": "ab", "units": [("a", 0, 1), ("ab", 0, 2)]}, "unit 1 is 'ab' at 0:2"),
        ({"caption": "ab", "units": [("x", 0, 1), ("b", 1, 2)]}, "unit 0 is 'x'.*reads 'a'"),
        ({"caption": "ab", "units": [("", 0, 0), ("ab", 0, 2)]}, "unit 0 is ''"),
        ({"caption": "ab", "units": [("a", 0, 1), ("b", 1, 3)]}, "units end at 3|unit 1"),
        ({"caption": "a\x00", "units": [("a\x00", 0, 2)]}, "character NUL"),
        ({"caption": "a\ud800", "units": [("a\ud800", 0, 2)]}, "not valid Unicode at character 1"),
        ({"segmenter_version": ""}, "give both or neither"),
        ({"overlap": 0}, "overlap of 0"),
    ],
)
def test_add_item_with_a_malformed_value_says_which_and_stores_nothing(engine, make_item, changes, sentence):
    with pytest.raises(InvalidRecordError, match=sentence):
        make_item(**changes)
    assert (stored(engine, items), stored(engine, units)) == (0, 0)


def test_add_item_when_the_same_version_cuts_differently_is_refused(engine, make_item):
    make_item(caption="ab", units=[("a", 0, 1), ("b", 1, 2)])
    with pytest.raises(InvalidRecordError, match="into 2 units before and into 1 now"):
        make_item(caption="ab", units=[("ab", 0, 2)])
    assert (stored(engine, items), stored(engine, units)) == (1, 2)


def test_add_item_of_an_unknown_image_names_it(engine):
    with pytest.raises(UnknownRecordError, match="'nowhere'"):
        add_item(engine, image_id="nowhere", caption="ab", units=[("ab", 0, 2)], segmenter_version="1")
    assert stored(engine, units) == 0


def test_delete_item_takes_it_out_of_circulation_and_restore_brings_all_back(engine, make_item, make_rating):
    item_id = make_item()
    save_rating(engine, make_rating(item_id, "Ada"))
    delete_item(engine, item_id)
    assert next_item(engine, "Bo") is None
    assert list(ratings(engine)) == []
    assert len(list(ratings(engine, all_revisions=True))) == 1
    assert len(read_table(engine)) == 0
    assert get_item(engine, item_id).deleted_at is not None

    restore_item(engine, item_id)
    assert [rating.rater for rating in ratings(engine)] == ["Ada"]
    assert next_item(engine, "Bo").item_id == item_id


def test_add_item_that_was_deleted_brings_it_back(engine, make_item):
    item_id = make_item(image=1)
    delete_item(engine, item_id)
    assert make_item(image=1) == item_id
    assert get_item(engine, item_id).deleted_at is None


@pytest.mark.parametrize("change", [delete_item, restore_item, get_item])
def test_item_that_is_not_there_is_named(engine, change):
    with pytest.raises(UnknownRecordError, match="'nowhere'"):
        change(engine, "nowhere")
