"""What each rater of a campaign has done, how fast, and how it agrees with others and with gold items."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median

from sqlalchemy import Connection, and_, func, select

from annotations.cuts import stored_spans
from annotations.gold import check_gold, parse_gold
from annotations.items import Unit
from annotations.leave_one_out import leave_one_out
from annotations.rater_quality import Expected, GoldAccuracy, gold_accuracy
from annotations.schema import assignments, current_ratings, drafts, items, raters, sessions
from annotations.votes import MAX_RATINGS, Answer, read_answers, read_verdicts

_PACE_OF = 200
"""The latest ratings of a rater from which the pace is taken."""


@dataclass(frozen=True)
class WithOthers:
    """How far one rater agrees with the others.

    Attributes:
        value: NaN where it is not defined.
        n: How many answers it rests on.
        note: Why the value is NaN, or what of it is missing; otherwise empty.
    """

    value: float
    n: int
    note: str


@dataclass(frozen=True)
class RaterRow:
    """One rater of a campaign.

    Attributes:
        id: Of the rater.
        name: Of the rater.
        disabled: Whether the person may not sign in any more.
        ratings: Current ratings, of items of every role.
        median_seconds: Median time of the latest 200 of them: active time, or from taking the item to saving
            where the page counted none; None without any.
        gold: Expected answers given; None where the rater has judged no gold item.
        scales: spearman_rho with the mean of the others' answers, averaged over the questions.
        verdicts: Share of units with the others' majority verdict.
        in_hand: Items held now, the lease of some may be over.
        returned: Items handed back that wait for the rater.
        skips: Reason and how often, the most frequent first.
        last_seen_at: The last thing the rater did that was stored; UTC, ISO 8601, or None.
    """

    id: str
    name: str
    disabled: bool
    ratings: int
    median_seconds: float | None
    gold: GoldAccuracy | None
    scales: WithOthers
    verdicts: WithOthers
    in_hand: int
    returned: int
    skips: tuple[tuple[str, int], ...]
    last_seen_at: str | None


@dataclass(frozen=True)
class DayCount:
    """What one rater saved on one day.

    Attributes:
        rater_id: Of the rater.
        day: For example ``2026-01-31``, UTC.
        ratings: Current ratings, of items of every role.
        lately: Those of items to be judged that are recent enough to tell the present pace.
        first: When the first of all was saved.
        last: When the last one was.
    """

    rater_id: str
    day: str
    ratings: int
    lately: int
    first: str
    last: str


def rater_rows(
    connection: Connection,
    campaign_id: str,
    counts: Sequence[DayCount],
    answered: Sequence[Answer],
    judged: Sequence[Answer],
) -> tuple[RaterRow, ...]:
    """Describe everybody who has had an item of a campaign, by name, in an open transaction.

    Args:
        connection: From `annotations.engine.reading`.
        campaign_id: Of the campaign.
        counts: What everybody saved on each day.
        answered: Answers to compare, from `annotations.votes.read_answers`.
        judged: Verdicts to compare, from `annotations.votes.read_verdicts`.
    """
    places: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    skips: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    seen: dict[str, str] = {}
    for row in connection.execute(
        select(
            assignments.c.rater_id,
            assignments.c.state,
            assignments.c.skip_reason,
            func.count().label("times"),
            func.max(assignments.c.claimed_at).label("last"),
        )
        .join(items, items.c.id == assignments.c.item_id)
        .where(items.c.campaign_id == campaign_id)
        .group_by(assignments.c.rater_id, assignments.c.state, assignments.c.skip_reason)
    ):
        places[row.rater_id][row.state] += row.times
        if row.state == "released" and row.skip_reason:
            skips[row.rater_id][row.skip_reason] += row.times
        seen[row.rater_id] = max(seen.get(row.rater_id, ""), row.last)
    ratings: dict[str, int] = defaultdict(int)
    for count in counts:
        ratings[count.rater_id] += count.ratings
        seen[count.rater_id] = max(seen.get(count.rater_id, ""), count.last)
    _see(connection, seen)
    times = _times(connection, campaign_id, list(ratings))
    gold = _gold(connection, campaign_id)
    scales, verdicts = _with_others(answered), _verdicts_with_others(judged)
    nothing = WithOthers(math.nan, 0, "nobody else has rated the same items")
    people = connection.execute(
        select(raters.c.id, raters.c.name, raters.c.disabled_at)
        .where(raters.c.id.in_(list(seen)))
        .order_by(raters.c.name)
    )
    return tuple(
        RaterRow(
            id=person.id,
            name=person.name,
            disabled=person.disabled_at is not None,
            ratings=ratings.get(person.id, 0),
            median_seconds=times.get(person.id),
            gold=gold.get(person.id),
            scales=scales.get(person.id, nothing),
            verdicts=verdicts.get(person.id, nothing),
            in_hand=places[person.id]["held"],
            returned=places[person.id]["returned"],
            skips=tuple(sorted(skips[person.id].items(), key=lambda skip: (-skip[1], skip[0]))),
            last_seen_at=seen[person.id] or None,
        )
        for person in people
    )


def _see(connection: Connection, seen: dict[str, str]) -> None:
    """Note when those who are known already last saved a draft or signed in."""
    for table, moment in ((drafts, drafts.c.saved_at), (sessions, sessions.c.created_at)):
        last = select(table.c.rater_id, func.max(moment)).where(table.c.rater_id.in_(list(seen)))
        for rater_id, at in connection.execute(last.group_by(table.c.rater_id)):
            seen[rater_id] = max(seen[rater_id], at)


def _times(connection: Connection, campaign_id: str, rater_ids: Sequence[str]) -> dict[str, float]:
    medians = {}
    for rater_id in rater_ids:
        rows = connection.execute(
            select(current_ratings.c.active_seconds, current_ratings.c.created_at, assignments.c.claimed_at)
            .join(items, items.c.id == current_ratings.c.item_id)
            .join(
                assignments,
                and_(assignments.c.item_id == items.c.id, assignments.c.rater_id == rater_id),
            )
            .where(items.c.campaign_id == campaign_id, current_ratings.c.rater_id == rater_id)
            .order_by(current_ratings.c.receipt.desc())
            .limit(_PACE_OF)
        ).all()
        seconds = [
            _seconds_between(row.claimed_at, row.created_at)
            if row.active_seconds is None
            else row.active_seconds
            for row in rows
        ]
        if seconds:
            medians[rater_id] = median(seconds)
    return medians


def _seconds_between(start: str, end: str) -> float:
    return max(0.0, (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())


def _with_others(answered: Sequence[Answer]) -> dict[str, WithOthers]:
    """Average each rater's agreement with the others over the scales."""
    by_question: dict[str, list[Answer]] = defaultdict(list)
    for answer in answered:
        if answer.kind == "caption":
            by_question[answer.question].append(answer)
    found: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
    for rows in by_question.values():
        compared = leave_one_out(
            [row.item_id for row in rows],
            [row.rater_id for row in rows],
            [row.value for row in rows],
            groups=[row.image_id for row in rows],
            level="ordinal",
            n_resamples=0,
        )
        for rater_id, agreement in compared.raters.items():
            one = agreement.statistic
            reason = one.note if math.isnan(one.value) else ""
            found[str(rater_id)].append((one.value, one.n, reason))
    return {rater_id: _average(values) for rater_id, values in found.items()}


def _average(values: Sequence[tuple[float, int, str]]) -> WithOthers:
    defined = [(value, n) for value, n, _ in values if not math.isnan(value)]
    if not defined:
        return WithOthers(math.nan, max(n for _, n, _ in values), values[0][2])
    left_out = len(values) - len(defined)
    note = f"{left_out} of {len(values)} scales left out: no value" if left_out else ""
    return WithOthers(fmean(value for value, _ in defined), max(n for _, n in defined), note)


def _verdicts_with_others(judged: Sequence[Answer]) -> dict[str, WithOthers]:
    compared = leave_one_out(
        [(row.item_id, row.question) for row in judged],
        [row.rater_id for row in judged],
        [row.value for row in judged],
        groups=[row.image_id for row in judged],
        level="nominal",
        n_resamples=0,
    )
    return {
        str(rater_id): WithOthers(
            agreement.statistic.value,
            agreement.statistic.n,
            agreement.statistic.note if math.isnan(agreement.statistic.value) else "",
        )
        for rater_id, agreement in compared.raters.items()
    }


def _gold(connection: Connection, campaign_id: str) -> Mapping[str, GoldAccuracy]:
    """Hold the ratings of gold items against what is known of them, for each rater."""
    known = connection.execute(
        select(items.c.id, items.c.gold, items.c.caption, items.c.caption_sha256, items.c.segmenter_version)
        .where(
            items.c.campaign_id == campaign_id,
            items.c.role == "gold",
            items.c.gold.is_not(None),
            items.c.deleted_at.is_(None),
            items.c.done > 0,
        )
        .order_by(items.c.id)
        .limit(MAX_RATINGS)
    ).all()
    ids = [row.id for row in known]
    answers: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    verdicts: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    people: dict[str, set[str]] = defaultdict(set)
    for answer in read_answers(connection, ids):
        answers[answer.item_id, answer.rater_id][answer.question] = int(answer.value)
        people[answer.item_id].add(answer.rater_id)
    for said in read_verdicts(connection, ids):
        verdicts[said.item_id, said.rater_id][int(said.question)] = str(said.value)
        people[said.item_id].add(said.rater_id)
    who: list[str] = []
    given: list[str | float | None] = []
    expected: list[Expected] = []
    for row in known:
        gold = parse_gold(json.loads(row.gold), length=len(row.caption or ""))
        spans = stored_spans(connection, row.caption_sha256 or "", row.segmenter_version)
        units = [Unit((row.caption or "")[start:end], start, end) for start, end in spans]
        for rater_id in sorted(people[row.id]):
            said_here = verdicts[row.id, rater_id]
            checks = check_gold(
                gold,
                units,
                verdicts=[said_here.get(unit.start) for unit in units],
                answers=answers[row.id, rater_id],
            )
            who += [rater_id] * len(checks)
            given += [check.given for check in checks]
            expected += [check.expected for check in checks]
    return {str(rater_id): accuracy for rater_id, accuracy in gold_accuracy(who, given, expected).items()}
