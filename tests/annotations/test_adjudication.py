"""The queue of disputed items, and final labels that leave the votes as they are."""

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from annotations.adjudication import adjudication_queue, final_label, read_case, save_final_label
from annotations.audit import audit_log
from annotations.campaign_tables import INSPECT_CAMPAIGN
from annotations.engine import reading, writing
from annotations.errors import AnnotationError, InvalidRecordError, UnknownRecordError
from annotations.items import add_battle, delete_item
from annotations.raters import ensure_rater
from annotations.revisions import ratings
from annotations.schema import final_labels
from annotations.store import save_rating, withdraw_rating

SUPPORTED = ("supported", "supported", "supported")
HALLUCINATED = ("hallucinated", "hallucinated", "hallucinated")
DECIDED = {"correctness": 1, "thoroughness": 2, "overall": 3}


@pytest.fixture
def judge(engine):
    """Somebody whom the store knows."""
    with writing(engine) as connection:
        ensure_rater(connection, "Judy")
    return "Judy"


def queue(engine, **options):
    return adjudication_queue(engine, INSPECT_CAMPAIGN, **options)


def rate(engine, make_rating, item_id, *forms):
    for rater, form in zip(("Ada", "Bo", "Cy"), forms, strict=False):
        save_rating(engine, make_rating(item_id, rater, **form))


def test_queue_puts_the_most_disputed_first_and_leaves_single_ratings_out(engine, make_item, make_rating):
    agreed, disputed, mild, single = (make_item() for _ in range(4))
    rate(engine, make_rating, agreed, {"verdicts": SUPPORTED}, {"verdicts": SUPPORTED})
    rate(
        engine,
        make_rating,
        disputed,
        {"verdicts": SUPPORTED, "correctness": 1, "thoroughness": 1, "overall": 1},
        {"verdicts": HALLUCINATED, "correctness": 5, "thoroughness": 5, "overall": 5},
    )
    rate(
        engine,
        make_rating,
        mild,
        {"verdicts": SUPPORTED, "overall": 3},
        {"verdicts": SUPPORTED, "overall": 5},
    )
    rate(engine, make_rating, single, {})
    found = queue(engine)
    assert [one.item_id for one in found.items] == [disputed, mild, agreed]
    assert [one.disagreement.combined for one in found.items] == pytest.approx([1, (2 / 4 / 3) / 2, 0])
    assert (found.compared, found.total, found.decided) == (3, 3, 0)
    assert [one.item_id for one in queue(engine, limit=1, offset=1).items] == [mild]
    withdraw_rating(engine, "Bo", disputed, application_version="1")
    assert [one.item_id for one in queue(engine).items] == [mild, agreed]


def test_queue_of_a_large_campaign_takes_undecided_items_first(engine, make_item, make_rating, judge):
    items = [make_item() for _ in range(4)]
    for item in items:
        rate(engine, make_rating, item, {}, {})
    labelled = min(items)
    save_final_label(engine, labelled, adjudicator=judge, answers=DECIDED, verdicts=SUPPORTED)
    found = queue(engine, at_most=6)
    assert {one.item_id for one in found.items} == set(items) - {labelled}
    assert (found.compared, found.total, found.decided) == (3, 4, 0)
    every = queue(engine)
    assert {one.item_id for one in every.items if one.decided_at} == {labelled}
    assert every.decided == 1


def test_battle_is_as_disputed_whichever_two_winners_are_named(engine, make_item, make_rating):
    first = make_item(image=1)
    second = make_item(image=1, caption="one", units=[("one", 0, 3)])
    battle = add_battle(engine, first, second)
    for rater, winner in (("Ada", 0), ("Bo", 1), ("Cy", 2)):
        answers = {"winner": winner, "both_poor": 0}
        save_rating(engine, make_rating(battle, rater, answers=answers, verdicts=()))
    (found,) = queue(engine).items
    # All three pairs name different winners, none differs on "both poor": (1 + 0) / 2.
    assert (found.disagreement.verdicts, found.disagreement.scales) == (1, 0)
    assert found.kind == "battle"
    assert set(found.captions) == {"one", "A red car. Above it flies a kite, blue and small."}


def test_final_label_leaves_the_votes_and_the_latest_counts(engine, make_item, make_rating, judge):
    item = make_item()
    rate(engine, make_rating, item, {}, {"overall": 1})
    before = list(ratings(engine))
    save_final_label(engine, item, adjudicator=judge, answers=DECIDED, verdicts=SUPPORTED, comment="first")
    second = save_final_label(
        engine,
        item,
        adjudicator=judge,
        answers={**DECIDED, "overall": 5},
        verdicts=("supported", None, "unsure"),
        comment="second thoughts",
    )
    assert final_label(engine, item) == second
    assert (second.number, second.answers["overall"], second.comment) == (2, 5, "second thoughts")
    assert [verdict.verdict for verdict in second.verdicts] == ["supported", None, "unsure"]
    assert [(verdict.start, verdict.end) for verdict in second.verdicts] == [(0, 10), (10, 33), (33, 49)]
    assert list(ratings(engine)) == before
    case = read_case(engine, item)
    assert case.label == second
    assert [vote.rater for vote in case.votes] == ["Ada", "Bo"]
    assert [question.name for question in case.questions] == ["correctness", "thoroughness", "overall"]
    assert [(act.actor, act.action) for act in audit_log(engine)] == [(judge, "decide item")] * 2


def test_final_label_has_to_answer_what_the_item_asks(engine, make_item, judge):
    item = make_item()
    for changes, message in (
        ({"answers": {"overall": 3}}, "is missing"),
        ({"answers": {**DECIDED, "beauty": 3}}, "none of these"),
        ({"answers": {**DECIDED, "overall": 6}}, "from 1 to 5"),
        ({"answers": {**DECIDED, "overall": True}}, "from 1 to 5"),
        ({"verdicts": SUPPORTED[:2]}, "2 verdicts were given"),
        ({"verdicts": ("supported", "true", None)}, "verdict on unit 1"),
        ({"comment": "x" * 10_001}, "10,001"),
    ):
        form = {"answers": DECIDED, "verdicts": SUPPORTED, **changes}
        with pytest.raises(InvalidRecordError, match=message):
            save_final_label(engine, item, adjudicator=judge, **form)
    good = {"answers": DECIDED, "verdicts": SUPPORTED}
    with pytest.raises(UnknownRecordError, match="nobody called 'Eve'"):
        save_final_label(engine, item, adjudicator="Eve", **good)
    delete_item(engine, item)
    with pytest.raises(UnknownRecordError, match="was deleted"):
        save_final_label(engine, item, adjudicator=judge, **good)
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(final_labels)) == 0
    assert audit_log(engine) == ()


def test_final_labels_can_neither_be_altered_nor_removed(engine, make_item, judge):
    item = make_item()
    label = save_final_label(engine, item, adjudicator=judge, answers=DECIDED, verdicts=SUPPORTED)
    for statement in (update(final_labels).values(comment="x"), delete(final_labels)):
        with pytest.raises((DBAPIError, AnnotationError)), writing(engine) as connection:
            connection.execute(statement)
    assert final_label(engine, item) == label
