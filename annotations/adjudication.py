"""The queue of disputed items, and what an adjudicator decides of them; the votes stay as they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, func, insert, select

from annotations.audit import record_act
from annotations.campaigns import Campaign, find_campaign
from annotations.disagreement import Disagreement, item_disagreements
from annotations.engine import reading, writing
from annotations.errors import UnknownRecordError
from annotations.forms import NewRating, check_answers, check_form
from annotations.items import Item, find_item
from annotations.questions import BATTLE_QUESTIONS, Question
from annotations.raters import find_rater
from annotations.revisions import Rating, Verdict, ratings
from annotations.schema import final_labels, items, new_id, raters, timestamp
from annotations.votes import MAX_RATINGS, Answer, rated_by_several, read_answers, read_verdicts


@dataclass(frozen=True)
class FinalLabel:
    """What an adjudicator decided of an item.

    Attributes:
        item_id: Of the item.
        adjudicator: Name of the person.
        number: 1 for the first decision on the item; the latest counts.
        answers: By the name of the question.
        verdicts: On every unit, in the caption's order; empty where none are asked.
        segmenter_version: What cut the caption; "" for a battle.
        comment: Free text.
        decided_at: UTC, ISO 8601.
    """

    item_id: str
    adjudicator: str
    number: int
    answers: dict[str, int]
    verdicts: tuple[Verdict, ...]
    segmenter_version: str
    comment: str
    decided_at: str


@dataclass(frozen=True)
class Disputed:
    """An item in the queue.

    Attributes:
        item_id: Of the item.
        kind: ``caption`` or ``battle``.
        image_id: Of its image.
        captions: The caption, or the two of a battle.
        disagreement: How much its raters disagree.
        decided_at: When the latest final label was given, or None.
    """

    item_id: str
    kind: str
    image_id: str
    captions: tuple[str, ...]
    disagreement: Disagreement
    decided_at: str | None


@dataclass(frozen=True)
class Queue:
    """One page of the queue.

    Attributes:
        items: The page, the most disputed first.
        compared: How many items the queue is made of.
        total: How many items at least two raters have judged; more than were compared in a large campaign.
        decided: How many of the compared ones have a final label.
    """

    items: tuple[Disputed, ...]
    compared: int
    total: int
    decided: int


@dataclass(frozen=True)
class Case:
    """All that an adjudicator needs to decide of an item.

    Attributes:
        item: The item.
        captions: The caption, or the two of a battle, the first one first.
        campaign: Its campaign.
        questions: What the item asks.
        votes: The current ratings, in the order in which they were saved.
        label: The latest final label, or None.
    """

    item: Item
    captions: tuple[str, ...]
    campaign: Campaign
    questions: tuple[Question, ...]
    votes: tuple[Rating, ...]
    label: FinalLabel | None


def adjudication_queue(
    engine: Engine, campaign_id: str, limit: int = 50, offset: int = 0, *, at_most: int = MAX_RATINGS
) -> Queue:
    """List the items that at least two raters have judged, the most disputed first.

    A verdict counts as much as a scale (`annotations.disagreement`); for a battle the disagreement is that of
    who wins, where any two answers that are not equal disagree alike, and of whether both are poor.

    Args:
        engine: From `open_database`.
        campaign_id: Of the campaign.
        limit: At most this many.
        offset: How many of the first to leave out.
        at_most: How many ratings are compared; in a larger campaign items without a final label come first.

    Raises:
        UnknownRecordError: If there is no such campaign.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        campaign = find_campaign(connection, campaign_id)
        pool = rated_by_several(connection, campaign.id, at_most=at_most, undecided_first=True)
        apart = _disagreements(
            read_answers(connection, pool.items), read_verdicts(connection, pool.items), pool.items
        )
        newest = (
            select(final_labels.c.item_id, func.max(final_labels.c.created_at))
            .where(final_labels.c.item_id.in_(pool.items))
            .group_by(final_labels.c.item_id)
        )
        decided = {row[0]: row[1] for row in connection.execute(newest)}
        # Where two are as disputed, their ids decide, so that pages neither repeat an item nor leave one out.
        order = sorted(pool.items, key=lambda item_id: (-(apart[item_id].combined or 0), item_id))
        page = []
        for item_id in order[offset : offset + limit]:
            item = find_item(connection, item_id)
            captions = _captions(connection, item)
            found = apart[item_id], decided.get(item_id)
            page.append(Disputed(item_id, item.kind, item.image_id, captions, *found))
    return Queue(tuple(page), len(pool.items), pool.total_items, len(decided))


def read_case(engine: Engine, item_id: str) -> Case:
    """Read an item with everybody's votes and the latest final label.

    Args:
        engine: From `open_database`.
        item_id: Of the item, deleted or not; the votes on a deleted one are left out.

    Raises:
        UnknownRecordError: If there is no such item.
        StorageError: If the database fails.
    """
    votes = tuple(ratings(engine, item_id=item_id))
    with reading(engine) as connection:
        item = find_item(connection, item_id)
        campaign = find_campaign(connection, item.campaign_id)
        return Case(
            item=item,
            captions=_captions(connection, item),
            campaign=campaign,
            questions=BATTLE_QUESTIONS if item.kind == "battle" else campaign.questions,
            votes=votes,
            label=_latest(connection, item_id),
        )


def save_final_label(
    engine: Engine,
    item_id: str,
    *,
    adjudicator: str,
    answers: Mapping[str, int],
    verdicts: Sequence[str | None],
    comment: str = "",
    now: datetime | None = None,
) -> FinalLabel:
    """Write down what an adjudicator decides of an item; the latest decision counts, earlier ones stay.

    Args:
        engine: From `open_database`.
        item_id: Of the item.
        adjudicator: Name of a person whom the store knows.
        answers: By the name of the question, one for each that the item asks.
        verdicts: One for each unit in order; None where nothing can be said. Empty where none are asked.
        comment: Free text, at most 10,000 characters.
        now: The time; the clock's when None.

    Returns:
        The label as it is stored.

    Raises:
        InvalidRecordError: If an answer is off its scale or the verdicts do not fit the item's units.
        UnknownRecordError: If there is no such item or person, or the item was deleted.
        StorageError: If the database fails.
    """
    form = NewRating(
        item_id=item_id,
        rater=adjudicator,
        answers=answers,
        verdicts=tuple(verdicts),
        comment=comment,
        # A label is no rating and has none of these; the form's own checks need them.
        nonce="final label",
        guideline_version="final label",
        application_version="final label",
    )
    check_form(form)
    with writing(engine) as connection:
        item = find_item(connection, item_id)
        if item.deleted_at is not None:
            raise UnknownRecordError(f"item {item_id} was deleted; restore it to decide on it")
        check_answers(connection, form, item)
        rater_id = find_rater(connection, adjudicator)
        if rater_id is None:
            raise UnknownRecordError(f"there is nobody called {adjudicator!r}")
        earlier = connection.scalar(
            select(func.max(final_labels.c.number)).where(final_labels.c.item_id == item_id)
        )
        label = FinalLabel(
            item_id=item_id,
            adjudicator=adjudicator,
            number=(earlier or 0) + 1,
            answers=dict(answers),
            verdicts=tuple(
                Verdict(unit.start, unit.end, verdict)
                for unit, verdict in zip(item.units, form.verdicts, strict=False)
            ),
            segmenter_version=item.segmenter_version,
            comment=comment,
            decided_at=timestamp(now or datetime.now(UTC)),
        )
        content = {
            "answers": label.answers,
            "verdicts": [astuple(verdict) for verdict in label.verdicts],
            "segmenter_version": label.segmenter_version,
        }
        connection.execute(
            insert(final_labels).values(
                id=new_id(),
                item_id=item_id,
                rater_id=rater_id,
                number=label.number,
                content=json.dumps(content),
                comment=comment,
                created_at=label.decided_at,
            )
        )
        details = {"number": label.number, "answers": label.answers, "caption": item.caption[:80]}
        record_act(connection, adjudicator, "decide item", item_id, details)
    return label


def final_label(engine: Engine, item_id: str) -> FinalLabel | None:
    """Read the latest final label of an item, or None where there is none.

    Raises:
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        return _latest(connection, item_id)


def _latest(connection: Connection, item_id: str) -> FinalLabel | None:
    row = connection.execute(
        select(final_labels, raters.c.name)
        .join(raters, raters.c.id == final_labels.c.rater_id)
        .where(final_labels.c.item_id == item_id)
        .order_by(final_labels.c.number.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    content = json.loads(row.content)
    return FinalLabel(
        item_id=item_id,
        adjudicator=row.name,
        number=row.number,
        answers=content["answers"],
        verdicts=tuple(Verdict(*verdict) for verdict in content["verdicts"]),
        segmenter_version=content["segmenter_version"],
        comment=row.comment,
        decided_at=row.created_at,
    )


def _captions(connection: Connection, item: Item) -> tuple[str, ...]:
    if item.battle is None:
        return (item.caption,)
    kept = connection.execute(select(items.c.id, items.c.caption).where(items.c.id.in_(item.battle))).all()
    caption_of = {row.id: row.caption for row in kept}
    return tuple(caption_of[one] for one in item.battle)


def _disagreements(
    scales: Sequence[Answer], said: Sequence[Answer], item_ids: Sequence[str]
) -> dict[str, Disagreement]:
    """Compute the disagreement of each item; who wins a battle is no scale, so it counts as a verdict."""
    numbers, words = [], []
    for answer in scales:
        row = (answer.item_id, answer.rater_id, answer.question)
        if (answer.kind, answer.question) == ("battle", "winner"):
            words.append((*row, str(answer.value)))
        else:
            share = (float(answer.value) - answer.low) / (answer.high - answer.low)
            numbers.append((*row, share))
    words += [(answer.item_id, answer.rater_id, answer.question, str(answer.value)) for answer in said]
    found = item_disagreements(numbers, words, scale=(0, 1))
    nothing = Disagreement(scales=None, verdicts=None, combined=None, n_raters=0)
    return {item_id: found.get(item_id, nothing) for item_id in item_ids}
