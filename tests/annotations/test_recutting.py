"""A caption cut anew: what becomes of ratings, of unfinished work, and of what is taken back."""

import json

import pytest
from sqlalchemy import select

from annotations.assignment import claim_item
from annotations.engine import reading
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.items import add_battle, get_item
from annotations.recutting import captions_of, map_draft, recut_item, verdicts_on
from annotations.revisions import Verdict, ratings
from annotations.schema import audit
from annotations.store import save_rating, undo_rating

CAPTION = "A red car. Above it flies a kite, blue and small."
NEW = [("A red car. Above it", 0, 19), (" flies a kite,", 19, 33), (" blue", 33, 38), (" and small.", 38, 49)]
JOINED = [(CAPTION, 0, 49)]
S, H, U = "supported", "hallucinated", "unsure"


def acts(engine):
    with reading(engine) as connection:
        return [
            (row.actor, row.action, row.subject, json.loads(row.details))
            for row in connection.execute(select(audit).order_by(audit.c.created_at))
        ]


@pytest.fixture
def save_draft():
    # Where unfinished work is kept is another module's matter.
    from annotations.drafts import save_draft

    return save_draft


def draft_of(engine, rater, item):
    return claim_item(engine, rater, item).draft


def test_recut_gives_the_item_its_new_units_and_is_written_down(engine, make_item):
    item = make_item()
    recut = recut_item(engine, item, NEW, "test-2", actor="Ada")
    assert recut.item == get_item(engine, item)
    assert [(unit.text, unit.start, unit.end) for unit in recut.item.units] == NEW
    assert (recut.before, recut.drafts, recut.stale) == ("test-1", 0, ())
    details = {"before": "test-1", "after": "test-2", "drafts": 0, "stale": {}}
    assert acts(engine) == [("Ada", "recut item", item, details)]


def test_recut_by_the_same_version_changes_nothing(engine, make_item):
    item = make_item()
    units = [(unit.text, unit.start, unit.end) for unit in get_item(engine, item).units]
    assert recut_item(engine, item, units, "test-1", actor="Ada").item == get_item(engine, item)
    assert acts(engine) == []
    with pytest.raises(InvalidRecordError, match="needs another version"):
        recut_item(engine, item, NEW, "test-1", actor="Ada")


def test_ratings_stay_on_the_units_that_their_raters_saw(engine, make_item, make_rating):
    item = make_item()
    save_rating(engine, make_rating(item, "Ada", verdicts=(S, None, H)))
    before = list(ratings(engine, all_revisions=True))
    recut_item(engine, item, NEW, "test-2", actor="Ada")
    assert list(ratings(engine, all_revisions=True)) == before
    save_rating(engine, make_rating(item, "Bea", verdicts=(S, H, U, None)))
    (ada, bea) = ratings(engine, item_id=item)
    assert [(one.segmenter_version, len(one.verdicts)) for one in (ada, bea)] == [
        ("test-1", 3),
        ("test-2", 4),
    ]


def test_verdicts_are_read_on_any_cut_and_what_is_stale_stands_apart(engine, make_item, make_rating):
    item = make_item()
    save_rating(engine, make_rating(item, "Ada", verdicts=(S, S, H)))
    recut_item(engine, item, NEW, "test-2", actor="Ada")
    save_rating(engine, make_rating(item, "Bea", verdicts=(S, H, U, None)))

    ada, bea = verdicts_on(engine, item, "test-2")
    assert (ada.rater, ada.segmenter_version) == ("Ada", "test-1")
    assert [one.verdict for one in ada.verdicts] == [S, S, None, None]
    assert [(one.start, one.end) for one in ada.verdicts] == [(start, end) for _, start, end in NEW]
    assert ada.stale == (Verdict(33, 49, H),)
    assert ([one.verdict for one in bea.verdicts], bea.stale) == ([S, H, U, None], ())

    ada, bea = verdicts_on(engine, item, "test-1")
    assert [one.verdict for one in ada.verdicts] == [S, S, H]
    assert [one.verdict for one in bea.verdicts] == [S, H, None]
    assert bea.stale == (Verdict(33, 38, U),)


def test_verdicts_on_a_cut_that_there_never_was_is_refused(engine, make_item):
    with pytest.raises(UnknownRecordError, match="'test-9' has not cut the caption"):
        verdicts_on(engine, make_item(), "test-9")


def test_drafts_are_mapped_and_say_what_is_stale(engine, make_item, save_draft):
    item = make_item()
    for rater, verdicts in (("Ada", [S, None, H]), ("Bea", [S, S, None]), ("Cy", [])):
        claim_item(engine, rater, item)
        save_draft(engine, rater, item, {"verdicts": verdicts, "comment": f"of {rater}"})
    recut = recut_item(engine, item, NEW, "test-2", actor="Dan")
    assert recut.drafts == 2
    assert [(one.rater, one.verdicts) for one in recut.stale] == [("Ada", (Verdict(33, 49, H),))]
    ada = draft_of(engine, "Ada", item)
    assert ada["verdicts"] == [S, None, None, None]
    assert ada["comment"] == "of Ada"
    assert ada["stale_verdicts"] == [
        {"text": " blue and small.", "start": 33, "end": 49, "verdict": H},
    ]
    bea = draft_of(engine, "Bea", item)
    assert bea == {"verdicts": [S, S, None, None], "comment": "of Bea"}
    assert draft_of(engine, "Cy", item) == {"verdicts": [], "comment": "of Cy"}
    assert acts(engine)[0][3] == {"before": "test-1", "after": "test-2", "drafts": 2, "stale": {"Ada": 1}}


def test_a_draft_that_is_not_of_the_item_s_units_is_put_beside_none_of_the_new_ones():
    mapped, stale = map_draft({"verdicts": [S, S, H, H], "comment": "kept"}, (), [(0, 3), (3, 9)])
    assert mapped == {"verdicts": [None, None], "comment": "kept"}
    assert stale == ()


def test_a_draft_mapped_twice_keeps_what_was_stale_before(engine, make_item, save_draft):
    item = make_item()
    claim_item(engine, "Ada", item)
    save_draft(engine, "Ada", item, {"verdicts": [None, None, H]})
    recut_item(engine, item, NEW, "test-2", actor="Dan")
    draft = draft_of(engine, "Ada", item)
    save_draft(engine, "Ada", item, {**draft, "verdicts": [U, None, None, None]})
    recut_item(engine, item, JOINED, "test-3", actor="Dan")
    stale = draft_of(engine, "Ada", item)["stale_verdicts"]
    assert [(one["start"], one["verdict"]) for one in stale] == [(33, H), (0, U)]


def test_a_form_that_was_open_while_the_caption_was_cut_anew_is_refused(engine, make_item, make_rating):
    item = make_item()
    other = [("A red car. Above", 0, 16), (" it flies a kite,", 16, 33), (" blue and small.", 33, 49)]
    recut_item(engine, item, other, "test-2", actor="Dan")
    with pytest.raises(InvalidRecordError, match="'test-2' while a form on the units of 'test-1' was open"):
        save_rating(engine, make_rating(item, verdicts=(S, S, H), segmenter_version="test-1"))
    assert list(ratings(engine)) == []
    save_rating(engine, make_rating(item, verdicts=(S, S, H), segmenter_version="test-2"))


def test_what_is_taken_back_after_a_recut_keeps_its_verdicts_on_their_units(engine, make_item, make_rating):
    item = make_item()
    save_rating(engine, make_rating(item, "Ada", verdicts=(S, U, H)))
    recut_item(engine, item, NEW, "test-2", actor="Dan")
    save_rating(engine, make_rating(item, "Ada", verdicts=(H, H, S, S)))
    undo_rating(engine, "Ada", item, application_version="1")
    (current,) = ratings(engine, item_id=item)
    assert current.segmenter_version == "test-1"
    assert current.verdicts == (Verdict(0, 10, S), Verdict(10, 33, U), Verdict(33, 49, H))
    assert draft_of(engine, "Ada", item)["verdicts"] == [H, H, S, S]


def test_a_first_rating_taken_back_after_a_recut_is_a_draft_on_the_new_units(engine, make_item, make_rating):
    item = make_item()
    save_rating(engine, make_rating(item, "Ada", verdicts=(S, S, H)))
    recut_item(engine, item, NEW, "test-2", actor="Dan")
    undo_rating(engine, "Ada", item, application_version="1")
    assert draft_of(engine, "Ada", item)["verdicts"] == [S, S, None, None]


def test_recut_of_what_cannot_be_cut_is_refused_and_changes_nothing(engine, make_item):
    first = make_item(image=500)
    second = make_item(image=500, caption="A dog.", units=[("A dog.", 0, 6)])
    twin = make_item(image=500, units=NEW, segmenter_version="test-2")
    battle = add_battle(engine, first, second)
    for item, units, version, actor, sentence in (
        (battle, JOINED, "test-3", "Dan", "is a battle"),
        (first, NEW, "test-2", "Dan", f"item {twin} is the caption of item {first}"),
        (first, NEW[1:], "test-3", "Dan", "the unit before it ends at 0"),
        (first, NEW, "test-3", "", "1 to 80 characters"),
        (first, NEW, "", "Dan", "1 to 120 characters"),
    ):
        with pytest.raises(InvalidRecordError, match=sentence):
            recut_item(engine, item, units, version, actor=actor)
    assert get_item(engine, first).segmenter_version == "test-1"
    assert acts(engine) == []


def test_captions_of_a_campaign_are_neither_battles_nor_of_others(engine, make_item):
    first = make_item(image=500)
    second = make_item(image=500, caption="A dog.", units=None, segmenter_version="")
    add_battle(engine, first, second)
    assert captions_of(engine, get_item(engine, first).campaign_id) == (first, second)
    assert captions_of(engine, "0" * 32) == ()
