"""What people say among themselves: agreement on each question, and whether each says the same in every task.

Definitions: docs/ratings.md, Agreement between raters, and docs/analysis.md, Agreement and Consistency of a
rater.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from annotations.agreement import Alpha, krippendorff_alpha
from annotations.analysis.people_votes import (
    Sample,
    Votes,
    battle_votes,
    draw_sample,
    scale_votes,
    unit_votes,
)
from annotations.analysis.table import AnalysisTable, BattleTable, UnitTable
from annotations.correlation_report import without_nan
from annotations.errors import InvalidScoresError
from annotations.kappa import Kappa, Weights, kappa_matrix
from annotations.leave_one_out import LeaveOneOut, leave_one_out
from annotations.rater_consistency import RaterConsistency, rater_consistency

AT_ONCE: Final = 10_000
"""Ratings that are compared while somebody waits; of more, those of a random sample of images."""


@dataclass(frozen=True)
class QuestionAgreement:
    """How far people agree on one question.

    Attributes:
        question: Its name, or ``verdicts``, ``winner`` or ``both_poor``.
        campaign: Name of the campaign; "" for all together.
        alpha: Krippendorff's alpha: ordinal for scales, nominal for the others.
    """

    question: str
    campaign: str
    alpha: Alpha


@dataclass(frozen=True)
class QuestionCeiling:
    """What a person reaches when held against the other people.

    Attributes:
        question: As in `QuestionAgreement`.
        ceiling: Each rater against the others; ids are those of the raters.
    """

    question: str
    ceiling: LeaveOneOut


@dataclass(frozen=True)
class Pair:
    """How far two people agree.

    Attributes:
        first: Id of one.
        second: Id of the other.
        kappa: Their kappa.
    """

    first: str
    second: str
    kappa: Kappa


@dataclass(frozen=True)
class QuestionKappas:
    """How far every two people agree on one question.

    Attributes:
        question: As in `QuestionAgreement`.
        weights: "quadratic" for scales, "none" for the others.
        raters: Ids of those who answered, those with the most answers first.
        n_answers: How many each of them gave.
        pairs: Every two with an item in common.
        mean: Of the kappas that are defined (Light's kappa); NaN without any.
        n_defined: How many are.
        note: How many pairs are left out of the mean; empty when none is.
    """

    question: str
    weights: Weights
    raters: tuple[str, ...]
    n_answers: tuple[int, ...]
    pairs: tuple[Pair, ...]
    mean: float
    n_defined: int
    note: str


@dataclass(frozen=True)
class RaterRow:
    """One person's tasks, held against each other.

    Attributes:
        rater: Id.
        name: What the others know them by; the id where nobody knows.
        consistency: Verdicts, scales and battles.
    """

    rater: str
    name: str
    consistency: RaterConsistency


@dataclass(frozen=True)
class PeopleReport:
    """What people say among themselves.

    Attributes:
        agreement: Of every question, over all campaigns and then, where there are several, in each.
        ceilings: Of every question.
        kappas: Of every question.
        consistency: Of every person.
        scale: The scale that `consistency` holds verdicts and battles against; "" where there is none.
        names: The names of the people, by their ids.
        n_items: Captions and battles that are compared.
        n_ratings: Their ratings, one for each person and caption or battle.
        total_items: Captions and battles there are.
        total_ratings: Their ratings.
        sample_note: That a sample was drawn, how large, and its seed; otherwise empty.
        n_resamples: Of the intervals; 0 where none were asked for.
        confidence: Of the intervals.
        seed: Of the resamples and of the sample.
    """

    agreement: tuple[QuestionAgreement, ...]
    ceilings: tuple[QuestionCeiling, ...]
    kappas: tuple[QuestionKappas, ...]
    consistency: tuple[RaterRow, ...]
    scale: str
    names: Mapping[str, str]
    n_items: int
    n_ratings: int
    total_items: int
    total_ratings: int
    sample_note: str
    n_resamples: int
    confidence: float
    seed: int

    def as_record(self) -> dict[str, Any]:
        """Return what JSON can hold: objects for dataclasses, None for what is not defined."""
        record: dict[str, Any] = without_nan(self)
        return record


def people_report(
    table: AnalysisTable,
    units: UnitTable,
    battles: BattleTable,
    *,
    scale: str | None = None,
    at_most: int | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> PeopleReport:
    """Compare what people say with what others say, and with what they say themselves in other tasks.

    Args:
        table: The rated captions.
        units: Their units.
        battles: The battles.
        scale: Which scale each person's verdicts and battles are held against; "correctness", or else the
            first one, when None.
        at_most: Compare about this many ratings of captions and battles, those of a random sample of images;
            all when None.
        n_resamples: How many resamples to draw for the intervals; 0 for none, which is much faster.
        confidence: Of the intervals, between 0 and 1.
        seed: Of the resamples and of the sample.

    Returns:
        The report. What is not defined is NaN with the reason as its note.

    Raises:
        InvalidScoresError: If there is no such scale, or an option is out of range.

    Source:
        Each number as in the function that computes it; the sample is ours.
    """
    if scale is not None and scale not in table.answers:
        asked = ", ".join(table.answers) or "none"
        raise InvalidScoresError(f"nobody was asked {scale!r}; the scales are {asked}")
    if at_most is not None and at_most < 1:
        raise InvalidScoresError(f"at least 1 rating must be compared; got {at_most}")
    if scale is None:
        scale = "correctness" if "correctness" in table.answers else next(iter(table.answers), "")
    sample = draw_sample(table, units, battles, at_most=at_most, seed=seed)
    votes = [scale_votes(table, name, sample) for name in table.answers]
    if any(units.verdicts):
        votes.append(unit_votes(table, units, sample))
    if len(battles):
        votes += battle_votes(table, battles, sample)
    shared: dict[str, Any] = {"n_resamples": n_resamples, "confidence": confidence, "seed": seed}
    names = dict(zip(table.raters, table.names, strict=True))
    return PeopleReport(
        agreement=tuple(row for one in votes for row in _agreements(one, shared)),
        ceilings=tuple(
            QuestionCeiling(
                one.question,
                leave_one_out(
                    one.items, one.raters, one.values, groups=one.images, level=one.level, **shared
                ),
            )
            for one in votes
        ),
        kappas=tuple(_kappas(one) for one in votes),
        consistency=_consistency(table, units, battles, sample, scale, names, shared),
        scale=scale,
        names=names,
        n_items=sample.n_items,
        n_ratings=sample.n_ratings,
        total_items=sample.total_items,
        total_ratings=sample.total_ratings,
        sample_note=sample.note,
        n_resamples=n_resamples,
        confidence=confidence,
        seed=seed,
    )


def _agreements(votes: Votes, shared: Mapping[str, Any]) -> list[QuestionAgreement]:
    # Where it is not known of every answer, the campaigns would not add up to the whole.
    campaigns = [] if "" in votes.campaigns else list(dict.fromkeys(votes.campaigns))
    found = []
    for campaign in ["", *(campaigns if len(campaigns) > 1 else [])]:
        rows = [row for row, name in enumerate(votes.campaigns) if campaign in ("", name)]
        alpha = krippendorff_alpha(
            [votes.items[row] for row in rows],
            [votes.raters[row] for row in rows],
            [votes.values[row] for row in rows],
            groups=[votes.images[row] for row in rows],
            level=votes.level,
            **shared,
        )
        found.append(QuestionAgreement(votes.question, campaign, alpha))
    return found


def _kappas(votes: Votes) -> QuestionKappas:
    weights: Weights = "quadratic" if votes.level == "ordinal" else "none"
    matrix = kappa_matrix(votes.items, votes.raters, votes.values, weights=weights)
    answered = {str(rater): int(matrix.n_items[at, at]) for at, rater in enumerate(matrix.raters)}
    raters = sorted(answered, key=lambda rater: -answered[rater])
    return QuestionKappas(
        question=votes.question,
        weights=weights,
        raters=tuple(raters),
        n_answers=tuple(answered[rater] for rater in raters),
        pairs=tuple(Pair(str(first), str(second), kappa) for (first, second), kappa in matrix.pairs.items()),
        mean=matrix.mean,
        n_defined=matrix.n_defined,
        note=matrix.note,
    )


def _consistency(
    table: AnalysisTable,
    units: UnitTable,
    battles: BattleTable,
    sample: Sample,
    scale: str,
    names: Mapping[str, str],
    shared: Mapping[str, Any],
) -> tuple[RaterRow, ...]:
    images: dict[Hashable, Hashable] = dict(zip(table.items, table.images, strict=True))
    rows = np.flatnonzero(sample.battles).tolist()
    for row in rows:
        images |= {battles.first[row]: battles.image[row], battles.second[row]: battles.image[row]}
    verdicts = [
        (table.raters[rater], table.items[item], verdict)
        for unit, item in enumerate(units.item.tolist())
        if sample.items[item]
        for rater, verdict in zip(units.raters[unit], units.verdicts[unit], strict=True)
    ]
    answers: list[tuple[Hashable, Hashable, float]] = []
    if scale:
        given = table.answers[scale]
        answers = [
            (table.raters[rater], table.items[item], value)
            for item, rater, value in zip(
                given.item.tolist(), given.rater.tolist(), given.value.tolist(), strict=True
            )
            if sample.items[item]
        ]
    fights = [
        (battles.rater[row], battles.first[row], battles.second[row], battles.winner[row]) for row in rows
    ]
    found = rater_consistency(verdicts, answers, fights, images=images, **shared)
    return tuple(
        RaterRow(str(rater), names.get(str(rater), str(rater)), of_rater) for rater, of_rater in found.items()
    )
