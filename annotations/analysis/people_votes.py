"""The answers of people as rows, question by question; of many, those of a random sample of images.

In comments: N items, B battles, C images.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from annotations.analysis.table import AnalysisTable, BattleTable, UnitTable
from annotations.long_form import Value
from annotations.resampling import Counts, numbered

VERDICTS: Final = "verdicts"
"""The question of the verdicts on units."""

WINNER: Final = "winner"
"""The question which of two captions is better."""

BOTH_POOR: Final = "both_poor"
"""The question whether two captions are both poor, a judgement of its own beside the winner."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What is compared.

    Attributes:
        items: (N,) whether an item of the table is.
        battles: (B,) whether an answer in a battle is.
        n_items: Captions and battles that are compared.
        n_ratings: Their ratings, one for each person and caption or battle.
        total_items: Captions and battles there are.
        total_ratings: Their ratings.
        note: That a sample was drawn, how large, and its seed; otherwise empty.
    """

    items: npt.NDArray[np.bool_]
    battles: npt.NDArray[np.bool_]
    n_items: int
    n_ratings: int
    total_items: int
    total_ratings: int
    note: str


@dataclass(frozen=True)
class Votes:
    """The answers to one question, a row an answer.

    Attributes:
        question: Name of the scale, or `VERDICTS`, `WINNER` or `BOTH_POOR`.
        level: "ordinal" for scales, "nominal" for the others.
        items: What was judged: an item, a unit, or two captions.
        raters: Ids of who judged it.
        values: The answers.
        images: Ids of the images.
        campaigns: Names of the campaigns; "" where it is not known.
    """

    question: str
    level: Literal["nominal", "ordinal"]
    items: Sequence[Hashable]
    raters: Sequence[str]
    values: Sequence[Value]
    images: Sequence[str]
    campaigns: Sequence[str]


def draw_sample(
    table: AnalysisTable, units: UnitTable, battles: BattleTable, *, at_most: int | None, seed: int
) -> Sample:
    """Choose what is compared: images in a drawn order, with all that was said of them, up to a number.

    Args:
        table: The rated captions.
        units: Their units.
        battles: The battles.
        at_most: About how many ratings, one for each person and caption or battle; all when None.
        seed: Of the order.
    """
    of_item = np.zeros(len(table), dtype=np.int64)
    for given in table.answers.values():
        of_item = np.maximum(of_item, np.bincount(given.item, minlength=len(table)))
    # Who judged units may have answered no scale; a unit has one verdict a rater.
    np.maximum.at(of_item, units.item, np.array([len(said) for said in units.verdicts], dtype=np.int64))
    image, names = numbered([*table.images, *battles.image])
    of_image = np.bincount(
        image, weights=np.concatenate([of_item, np.ones(len(battles))]), minlength=len(names)
    )
    taken = _some(of_image, at_most, np.random.default_rng(seed))[image]
    items, fought = taken[: len(table)], taken[len(table) :]
    here, all_of_them = (
        (_count(of_item[at], battles, rows), int(of_item[at].sum() + rows.sum()))
        for at, rows in ((items, fought), (items | True, fought | True))
    )
    note = ""
    if here != all_of_them:
        note = (
            f"{here[1]:,} of {all_of_them[1]:,} ratings are compared, those of a random sample of images "
            f"(seed {seed})"
        )
    return Sample(items, fought, *here, *all_of_them, note)


def scale_votes(table: AnalysisTable, question: str, sample: Sample) -> Votes:
    """Lay the answers on a scale out."""
    given = table.answers[question]
    rows = np.flatnonzero(sample.items[given.item])
    item = given.item[rows].tolist()
    return Votes(
        question=question,
        level="ordinal",
        items=item,
        raters=[table.raters[rater] for rater in given.rater[rows].tolist()],
        values=given.value[rows].tolist(),
        images=[table.images[one] for one in item],
        campaigns=[table.campaigns[one] for one in item],
    )


def unit_votes(table: AnalysisTable, units: UnitTable, sample: Sample) -> Votes:
    """Lay the verdicts out."""
    rows = [
        (unit, rater, verdict)
        for unit in np.flatnonzero(sample.items[units.item]).tolist()
        for rater, verdict in zip(units.raters[unit], units.verdicts[unit], strict=True)
    ]
    item = units.item.tolist()
    return Votes(
        question=VERDICTS,
        level="nominal",
        items=[unit for unit, _, _ in rows],
        raters=[table.raters[rater] for _, rater, _ in rows],
        values=[verdict for _, _, verdict in rows],
        images=[units.image[unit] for unit, _, _ in rows],
        campaigns=[table.campaigns[item[unit]] for unit, _, _ in rows],
    )


def battle_votes(table: AnalysisTable, battles: BattleTable, sample: Sample) -> tuple[Votes, Votes]:
    """Lay out who won the battles, and whether both captions were called poor."""
    rows = np.flatnonzero(sample.battles).tolist()
    campaign = dict(zip(table.items, table.campaigns, strict=True))
    shared: dict[str, Any] = {
        "level": "nominal",
        "items": [_fighters(battles, row) for row in rows],
        "raters": [battles.rater[row] for row in rows],
        "images": [battles.image[row] for row in rows],
        "campaigns": [
            battles.campaign[row] if battles.campaign else campaign.get(battles.first[row], "")
            for row in rows
        ],
    }
    winners = [_winner(battles, row) for row in rows]
    poor = ["yes" if battles.both_poor[row] else "no" for row in rows]
    return Votes(WINNER, values=winners, **shared), Votes(BOTH_POOR, values=poor, **shared)


def _count(of_item: Counts, battles: BattleTable, rows: npt.NDArray[np.bool_]) -> int:
    return int((of_item > 0).sum()) + len({_fighters(battles, row) for row in np.flatnonzero(rows).tolist()})


def _some(
    counts: npt.NDArray[np.number], at_most: int | None, generator: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Take images in a drawn order as long as their ratings are no more than `at_most`, and one at least."""
    taken = np.ones(len(counts), dtype=np.bool_)
    if at_most is not None and counts.sum() > at_most:
        order = generator.permutation(len(counts))
        enough = int(np.searchsorted(np.cumsum(counts[order]), at_most, side="right"))
        taken[order[max(1, enough) :]] = False
    return taken


def _fighters(battles: BattleTable, row: int) -> tuple[str, str]:
    first, second = battles.first[row], battles.second[row]
    return (first, second) if first <= second else (second, first)


def _winner(battles: BattleTable, row: int) -> str:
    """Say which of the two wins, whichever of them the row has first."""
    said = battles.winner[row]
    if said == "tie" or battles.first[row] <= battles.second[row]:
        return said
    return {"a": "b", "b": "a"}[said]
