"""What an import makes beside plain captions: gold items, catches, and battles."""

import hashlib
import json

import pytest
from sqlalchemy import func, select

from annotations.engine import reading
from annotations.errors import InvalidRecordError
from annotations.items import EVERYBODY, add_battle, delete_item, get_item
from annotations.schema import items, units


def stored(engine, *columns) -> list[tuple]:
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(select(*columns))]


def refused(report) -> str:
    assert report.written is None
    (refusal,) = report.refusals
    return refusal.reason


# Gold and catches


def test_gold_is_kept_as_json_and_makes_a_gold_item_for_everybody(engine, take):
    right = {
        "verdicts": [{"start": 0, "end": 3, "verdict": "supported"}],
        "answers": {"overall": [4, 5]},
        "feedback": "It is red.",
    }
    take({"image": "red.jpg", "caption": "Red.", "gold": right})
    ((role, overlap, gold),) = stored(engine, items.c.role, items.c.overlap, items.c.gold)
    assert (role, overlap, json.loads(gold)) == ("gold", EVERYBODY, right)


def test_gold_on_items_to_learn_on_stays_with_them(engine, take):
    gold = {"answers": {"overall": [1, 2]}}
    take({"image": "red.jpg", "caption": "Red.", "gold": gold}, role="training")
    assert stored(engine, items.c.role, items.c.overlap) == [("training", EVERYBODY)]


@pytest.mark.parametrize(
    ("gold", "reason"),
    [
        ({"verdict": []}, "are an object with 'verdicts', 'answers' and 'feedback'"),
        ({}, "give verdicts or answers"),
        ({"verdicts": [{"start": 0, "end": 9, "verdict": "supported"}]}, "outside the caption"),
        ({"verdicts": [{"start": 2, "end": 2, "verdict": "supported"}]}, "verdict on 2:2"),
        ({"verdicts": [{"start": 0, "end": 2, "verdict": "true"}]}, "must be one of"),
        ({"verdicts": "all"}, "expected a list; got 'all'"),
        ({"answers": {"beauty": [1, 2]}}, "'beauty', which the campaign does not ask"),
        ({"answers": {"overall": [1, 6]}}, "from 1 to 5; got 6"),
        ({"answers": {"overall": [3, 2]}}, "a lowest and a highest one"),
        ("right", "gold cannot be read as JSON"),
    ],
)
def test_gold_that_cannot_be_right_is_refused(take, gold, reason):
    report = take({"image": "red.jpg", "caption": "Red.", "gold": gold})
    with pytest.raises(InvalidRecordError, match=reason):
        raise InvalidRecordError(refused(report))


def test_catch_makes_a_gold_item_beside_the_caption_with_the_false_text(engine, take):
    caption = "🪁 A red kite. It flies."
    cut = [{"start": 0, "end": 13}, {"start": 13, "end": len(caption)}]
    take(
        {
            "id": "k",
            "image": "red.jpg",
            "caption": caption,
            "source": "m",
            "units": cut,
            "segmenter_version": "v",
            "catch": {"start": 4, "end": 7, "text": "purple"},
        }
    )
    rows = stored(engine, items.c.caption, items.c.role, items.c.source, items.c.gold, items.c.external_id)
    assert (caption, "regular", "m", None, "k") in rows
    (false,) = [row for row in rows if row[1] == "gold"]
    assert (false[0], false[2], false[4]) == ("🪁 A purple kite. It flies.", "m", "k#catch")
    (verdict,) = json.loads(false[3])["verdicts"]
    assert verdict.pop("verdict") == "hallucinated"
    assert false[0][verdict["start"] : verdict["end"]] == "purple"
    digest = hashlib.sha256(false[0].encode()).hexdigest()
    spans = stored(engine, units.c.caption_sha256, units.c.start, units.c.end)
    assert sorted(row[1:] for row in spans if row[0] == digest) == [(0, 16), (16, 26)]


@pytest.mark.parametrize(
    "catch", [{"start": 0, "end": 3, "text": "Red"}, {"start": 0, "end": 3, "text": " "}, "x", {"start": 0}]
)
def test_catch_that_changes_nothing_or_is_none_is_refused(take, catch):
    assert "catch" in refused(take({"image": "red.jpg", "caption": "Red.", "catch": catch}))


# Battles


def test_pairs_are_the_captions_of_an_image_from_different_sources(engine, take):
    report = take(
        {"image": "red.jpg", "captions": [{"caption": text, "source": source} for text, source in SPOKEN]},
        {"image": "blue.png", "caption": "Alone.", "source": "a"},
        pairs=True,
    )
    texts = dict(stored(engine, items.c.id, items.c.caption))
    battles = stored(engine, items.c.first_id, items.c.second_id, items.c.overlap, items.c.kind)
    found = {
        frozenset((texts[first], texts[second])) for first, second, _, kind in battles if kind == "battle"
    }
    wanted = ("One. Two.", "One. Three.", "More. Two.", "More. Three.", "Two. Three.")
    assert found == {frozenset(pair.split()) for pair in wanted}
    assert report.written.battles == 5


# "One." and "More." are of one source.
SPOKEN = [("One.", "a"), ("More.", "a"), ("Two.", "b"), ("Three.", "c")]


def test_pairs_leave_out_equal_texts_gold_and_deleted_captions(engine, take):
    take({"image": "red.jpg", "captions": [{"caption": "Old.", "source": "z"}]})
    ((old,),) = stored(engine, items.c.id)
    delete_item(engine, old)
    report = take(
        {"image": "red.jpg", "captions": [{"caption": "Same.", "source": one} for one in "ab"]},
        {"image": "red.jpg", "caption": "Gold.", "source": "c", "gold": {"answers": {"overall": [1, 1]}}},
        pairs=True,
    )
    assert report.written.battles == 0


def test_pairs_are_those_that_add_battle_makes(engine, take):
    take({"image": "red.jpg", "caption": "One.", "source": "a"}, {"image": "red.jpg", "caption": "Two."})
    first, second = (row[0] for row in stored(engine, items.c.id))
    battle = add_battle(engine, first, second)
    report = take({"image": "red.jpg", "caption": "One.", "source": "a"}, pairs=True)
    assert report.written.battles == 0
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).where(items.c.kind == "battle")) == 1
    assert get_item(engine, battle).deleted_at is None
