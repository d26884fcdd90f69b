"""How a campaign goes: how much is done, until when, how far the raters agree, and who they are."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, and_, case, func, literal_column, or_, select

from annotations.agreement import Alpha, krippendorff_alpha
from annotations.campaigns import Campaign, find_campaign
from annotations.engine import reading
from annotations.rater_overview import DayCount, RaterRow, rater_rows
from annotations.schema import answers, current_ratings, final_labels, items, timestamp
from annotations.votes import MAX_RATINGS, Answer, Pool, rated_by_several, read_answers, read_verdicts

DAYS_SHOWN: Final = 14
PACE_DAYS: Final = 7
"""The last days from which the present pace is taken."""

N_RESAMPLES: Final = 500
SEED: Final = 0


@dataclass(frozen=True)
class Agreement:
    """How far raters agree on one question.

    Attributes:
        name: Of the question; ``verdicts`` or ``winner`` for what is no scale.
        label: What people read.
        alpha: Krippendorff's alpha: ordinal for scales, nominal for verdicts and for who wins a battle.
    """

    name: str
    label: str
    alpha: Alpha


@dataclass(frozen=True)
class SourceShare:
    """How one source of captions does in battles.

    Attributes:
        source: Where the captions come from; "" where nobody knows.
        wins: Ratings by which its caption is better.
        losses: Ratings by which the other one is.
        ties: Ratings that call both equal.
    """

    source: str
    wins: int
    losses: int
    ties: int


@dataclass(frozen=True)
class Battles:
    """What battles have given so far.

    Attributes:
        items: Battles of the campaign.
        ratings: Current ratings of them.
        first_wins: Ratings by which the first caption is better.
        second_wins: Ratings by which the second is.
        ties: Ratings that call both equal.
        both_poor: Ratings by which both are poor, whoever wins.
        sources: By source, the most wins first; a battle within one source is left out.
    """

    items: int
    ratings: int
    first_wins: int
    second_wins: int
    ties: int
    both_poor: int
    sources: tuple[SourceShare, ...]


@dataclass(frozen=True)
class Overview:
    """How a campaign goes.

    Attributes:
        campaign: The campaign.
        items: Items to be judged, deleted ones and those to learn on or to check raters with left out.
        training: Items to learn on.
        gold: Items to check raters with.
        wanted: Ratings that all items to be judged may get.
        done: Those that are there.
        ratings: Current ratings of items of every role.
        decided: Items with a final label.
        days: The last 14 days, UTC, the oldest first, with the ratings that were saved on each.
        per_day: Ratings of items to be judged a day, over the last 7 days or since the first rating.
        expected_end: Day on which all would be done at this pace, or None.
        end_note: Why there is no such day; otherwise empty.
        agreement: Of each question, verdicts after the scales and battles last.
        compared: What the agreement rests on.
        raters: Everybody who has had an item, by name.
        battles: What battles have given, or None where there are none.
    """

    campaign: Campaign
    items: int
    training: int
    gold: int
    wanted: int
    done: int
    ratings: int
    decided: int
    days: tuple[tuple[date, int], ...]
    per_day: float
    expected_end: date | None
    end_note: str
    agreement: tuple[Agreement, ...]
    compared: Pool
    raters: tuple[RaterRow, ...]
    battles: Battles | None


def campaign_overview(
    engine: Engine, campaign_id: str, *, now: datetime | None = None, at_most: int = MAX_RATINGS
) -> Overview:
    """Describe how a campaign goes.

    Args:
        engine: From `open_database`.
        campaign_id: Of the campaign.
        now: The time; the clock's when None.
        at_most: How many ratings the agreement is computed from; of more a random sample of items is taken.

    Raises:
        UnknownRecordError: If there is no such campaign.
        StorageError: If the database fails.
    """
    now = (now or datetime.now(UTC)).astimezone(UTC)
    with reading(engine) as connection:
        campaign = find_campaign(connection, campaign_id)
        counted = _count_items(connection, campaign.id)
        regular = counted["regular"]
        counts = _counts(connection, campaign.id, now)
        decided = connection.scalar(
            select(func.count(final_labels.c.item_id.distinct()))
            .join(items, items.c.id == final_labels.c.item_id)
            .where(items.c.campaign_id == campaign.id, items.c.deleted_at.is_(None))
        )
        pool = rated_by_several(connection, campaign.id, at_most=at_most)
        answered = read_answers(connection, pool.items)
        judged = read_verdicts(connection, pool.items)
        people = rater_rows(connection, campaign.id, counts, answered, judged)
        battles = _battles(connection, campaign.id)
    per_day = _per_day(counts, now)
    end, end_note = _expected_end(regular["wanted"] - regular["done"], per_day, now)
    return Overview(
        campaign=campaign,
        items=regular["items"],
        training=counted["training"]["items"],
        gold=counted["gold"]["items"],
        wanted=regular["wanted"],
        done=regular["done"],
        ratings=sum(count.ratings for count in counts),
        decided=decided or 0,
        days=_days(counts, now),
        per_day=per_day,
        expected_end=end,
        end_note=end_note,
        agreement=_agreement(campaign, answered, judged, with_battles=battles is not None),
        compared=pool,
        raters=people,
        battles=battles,
    )


def _count_items(connection: Connection, campaign_id: str) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = defaultdict(lambda: {"items": 0, "wanted": 0, "done": 0})
    for role, number, wanted, done in connection.execute(
        select(items.c.role, func.count(), func.sum(items.c.overlap), func.sum(items.c.done))
        .where(items.c.campaign_id == campaign_id, items.c.deleted_at.is_(None))
        .group_by(items.c.role)
    ):
        counted[role] = {"items": number, "wanted": int(wanted), "done": int(done)}
    return counted


def _counts(connection: Connection, campaign_id: str, now: datetime) -> list[DayCount]:
    """Count the current ratings of each rater on each day, in one pass over them."""
    saved = current_ratings.c.created_at
    # Written out, because PostgreSQL takes two parameters, even equal ones, for different groups.
    day = func.substr(saved, literal_column("1"), literal_column("10"))
    is_late = and_(items.c.role == "regular", saved > timestamp(now - timedelta(days=PACE_DAYS)))
    rows = connection.execute(
        select(
            current_ratings.c.rater_id,
            day,
            func.count(),
            func.sum(case((is_late, 1), else_=0)),
            func.min(saved),
            func.max(saved),
        )
        .join(items, items.c.id == current_ratings.c.item_id)
        .where(items.c.campaign_id == campaign_id, items.c.deleted_at.is_(None))
        .group_by(current_ratings.c.rater_id, day)
    )
    return [DayCount(rater, name, n, int(lately), *ends) for rater, name, n, lately, *ends in rows]


def _days(counts: Sequence[DayCount], now: datetime) -> tuple[tuple[date, int], ...]:
    by_day: dict[str, int] = defaultdict(int)
    for count in counts:
        by_day[count.day] += count.ratings
    shown = [now.date() - timedelta(days=back) for back in range(DAYS_SHOWN - 1, -1, -1)]
    return tuple((one, by_day[one.isoformat()]) for one in shown)


def _per_day(counts: Sequence[DayCount], now: datetime) -> float:
    if not counts:
        return 0.0
    first = datetime.fromisoformat(min(count.first for count in counts))
    since = (now - first).total_seconds() / 86_400
    # On the first day the ratings of a few hours are not made out to be those of a whole day.
    return sum(count.lately for count in counts) / min(PACE_DAYS, max(1.0, since))


def _expected_end(left: int, per_day: float, now: datetime) -> tuple[date | None, str]:
    if left <= 0:
        return None, "nothing is left to rate"
    if per_day == 0:
        return None, f"nobody has rated within the last {PACE_DAYS} days"
    days = math.ceil(left / per_day)
    if days > 3650:
        return None, "at the present pace it would take more than ten years"
    return now.date() + timedelta(days=days), ""


def _agreement(
    campaign: Campaign, answered: Sequence[Answer], judged: Sequence[Answer], *, with_battles: bool
) -> tuple[Agreement, ...]:
    found = [
        Agreement(
            question.name,
            question.label,
            _alpha([row for row in answered if (row.kind, row.question) == ("caption", question.name)]),
        )
        for question in campaign.questions
    ]
    if campaign.asks_verdicts:
        found.append(Agreement("verdicts", "Verdicts on units", _alpha(judged, nominal=True)))
    if with_battles:
        winners = [row for row in answered if (row.kind, row.question) == ("battle", "winner")]
        found.append(Agreement("winner", "Winner of a battle", _alpha(winners, nominal=True)))
    return tuple(found)


def _alpha(rows: Sequence[Answer], *, nominal: bool = False) -> Alpha:
    return krippendorff_alpha(
        [(row.item_id, row.question) for row in rows],
        [row.rater_id for row in rows],
        [row.value for row in rows],
        groups=[row.image_id for row in rows],
        level="nominal" if nominal else "ordinal",
        n_resamples=N_RESAMPLES,
        seed=SEED,
    )


def _battles(connection: Connection, campaign_id: str) -> Battles | None:
    here = and_(items.c.campaign_id == campaign_id, items.c.kind == "battle", items.c.deleted_at.is_(None))
    number = connection.scalar(select(func.count()).select_from(items).where(here)) or 0
    if not number:
        return None
    first, second = items.alias("first_caption"), items.alias("second_caption")
    rows = connection.execute(
        select(
            first.c.source.label("first"),
            second.c.source.label("second"),
            answers.c.question,
            answers.c.value,
            func.count().label("times"),
        )
        .select_from(items)
        .join(first, first.c.id == items.c.first_id)
        .join(second, second.c.id == items.c.second_id)
        .join(current_ratings, current_ratings.c.item_id == items.c.id)
        .join(answers, answers.c.revision_id == current_ratings.c.id)
        .where(here, or_(answers.c.question == "winner", answers.c.question == "both_poor"))
        .group_by(first.c.source, second.c.source, answers.c.question, answers.c.value)
    ).all()
    winners, poor = [0, 0, 0], 0
    shares: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])  # wins, losses, ties
    for row in rows:
        if row.question == "both_poor":
            poor += row.times * row.value
            continue
        winners[row.value] += row.times
        if row.first != row.second:
            shares[row.first][(2, 0, 1)[row.value]] += row.times
            shares[row.second][(2, 1, 0)[row.value]] += row.times
    sources = sorted(
        (SourceShare(source, *counts) for source, counts in shares.items()),
        key=lambda share: (-share.wins, share.source),
    )
    return Battles(
        items=number,
        ratings=sum(winners),
        first_wins=winners[1],
        second_wins=winners[2],
        ties=winners[0],
        both_poor=poor,
        sources=tuple(sources),
    )
