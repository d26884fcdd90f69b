"""Many captions cut in one transaction."""

import pytest

from annotations.batch_cuts import cut_items
from annotations.errors import InvalidRecordError
from annotations.items import cut_item, get_item

CAPTION = "A red car. Above it flies a kite, blue and small."
THREE = [("A red car.", 0, 10), (" Above it flies a kite,", 10, 33), (" blue and small.", 33, 49)]
ONE = [(CAPTION, 0, 49)]


@pytest.fixture
def uncut(make_item, engine):
    return lambda caption=CAPTION: get_item(
        engine, make_item(caption=caption, units=None, segmenter_version="")
    )


def units_of(engine, item):
    return [(unit.text, unit.start, unit.end) for unit in get_item(engine, item.id).units]


def test_many_items_are_cut_as_each_alone_would_be(engine, uncut):
    first, same, other = uncut(), uncut(), uncut("A dog.")
    dog = [("A dog.", 0, 6)]
    assert cut_items(engine, [(first, THREE), (same, THREE), (other, dog)], segmenter_version="b-1") == {}
    alone = cut_item(engine, uncut().id, THREE, segmenter_version="b-1")
    assert units_of(engine, first) == units_of(engine, same) == THREE
    assert get_item(engine, first.id).units == alone.units
    assert units_of(engine, other) == dog


def test_items_that_are_cut_already_stay_as_they_are(engine, uncut):
    item = uncut()
    cut_item(engine, item.id, ONE, segmenter_version="a-1")
    assert cut_items(engine, [(item, THREE)], segmenter_version="b-1") == {}
    assert units_of(engine, item) == ONE


def test_a_version_that_cut_a_caption_otherwise_before_leaves_that_one_out(engine, uncut):
    cut_item(engine, uncut().id, ONE, segmenter_version="b-1")
    item, other = uncut(), uncut("A dog.")
    refused = cut_items(engine, [(item, THREE), (other, [("A dog.", 0, 6)])], segmenter_version="b-1")
    assert list(refused) == [item.id]
    assert "into 1 units before and into 3 now" in refused[item.id]
    assert not get_item(engine, item.id).is_cut
    assert get_item(engine, other.id).is_cut


def test_units_that_do_not_cover_their_caption_store_nothing(engine, uncut):
    good, bad = uncut("A dog."), uncut()
    with pytest.raises(InvalidRecordError, match="the units end at 33"):
        cut_items(engine, [(good, [("A dog.", 0, 6)]), (bad, THREE[:2])], segmenter_version="b-1")
    assert not get_item(engine, good.id).is_cut
