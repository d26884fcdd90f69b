"""Battles between captions, with the scores of both."""

from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, Engine, Select, select, union

from annotations.analysis.chosen_ratings import apply_choice, drop, read_ratings
from annotations.analysis.kept_ratings import KeptRatings
from annotations.analysis.metric_columns import (
    chosen_weights,
    metric_columns,
    random_score,
    read_scores,
    weights_to_choose,
)
from annotations.analysis.rated_items import (
    count_units,
    items_left_out,
    lengths_outside,
    rated_ids,
    read_answers,
)
from annotations.analysis.table import AnalysisTable, BattleTable, Choice
from annotations.analysis.wide_queries import read_columns
from annotations.engine import reading
from annotations.schema import campaigns, items

_EVERYTHING: Final = Choice()
_WINNERS: Final = ("tie", "a", "b")  # as `annotations.questions.BATTLE_QUESTIONS` numbers them


class _Battle(NamedTuple):
    added: str
    id: str
    image: str
    first: str
    second: str
    first_system: str
    second_system: str
    campaign_id: str
    campaign: str


def read_battles(
    engine: Engine, table: AnalysisTable, choice: Choice = _EVERYTHING, kept: KeptRatings | None = None
) -> BattleTable:
    """Read what people said of battles that are not deleted, with the scores of both captions.

    Only a battle both of whose captions are from a chosen system and of a chosen length goes in.

    Args:
        engine: From `open_database`.
        table: From `read_table`; its weights are those whose scores are taken. Where it has none, because no
            caption is rated by itself, they are chosen in the same way among those that have scored captions
            of battles.
        choice: The one that it was read with.
        kept: The ratings of this database that were read before; None reads all.

    Returns:
        The answers, those to the battle that was added first at the beginning. Each that the choice leaves
        out is counted under the first reason that it falls under.

    Raises:
        InvalidRecordError: If a day of the choice is not written as ``2026-01-31``.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        battles = _read(connection)
        everything = (kept or KeptRatings()).read(connection)
        places = {one.id: number for number, one in enumerate(battles)}
        rated = read_ratings(connection, places, everything)
        given = read_answers(connection, rated, everything)
        captions = list(dict.fromkeys(item_id for one in battles for item_id in (one.first, one.second)))
        places = {item_id: number for number, item_id in enumerate(captions)}
        scored = read_scores(connection, places, _captions())
        unit_counts = count_units(connection, places, items.c.id.in_(_captions()))
    model = table.model
    if model is None:
        models = weights_to_choose(scored, np.ones(len(captions), dtype=np.bool_))
        model = chosen_weights(models, choice.model_sha256)
    sha256 = model.sha256 if model else ""
    lengths = scored.column(("length_tokens", sha256), len(captions))
    first = np.array([places[one.first] for one in battles], dtype=np.int64)
    second = np.array([places[one.second] for one in battles], dtype=np.int64)
    said = {name: np.full(len(rated.item), -1) for name in ("winner", "both_poor")}
    for number, name in enumerate(given.questions):
        if name in said:
            mine = given.question == number
            said[name][given.rating[mine]] = given.value[mine]
    systems = [[one.first_system for one in battles], [one.second_system for one in battles]]
    reasons = items_left_out([one.campaign_id for one in battles], systems, choice)
    is_in, left_out = drop(said["winner"] >= 0, {why: falls[rated.item] for why, falls in reasons.items()})
    is_in, of_ratings = apply_choice(rated, choice, is_in)
    of_lengths = {
        why: (falls[first] | falls[second])[rated.item]
        for why, falls in lengths_outside(lengths, choice).items()
    }
    is_in, too_long = drop(is_in, of_lengths)
    rows = np.flatnonzero(is_in)
    rows = rows[np.lexsort((rated.rater[rows], rated.item[rows]))]
    drawn = np.array([random_score(item_id) for item_id in captions], dtype=np.float64)
    metrics, _ = metric_columns(scored, sha256, drawn, unit_counts)
    item = rated.item[rows]
    fought = [battles[number] for number in item.tolist()]
    return BattleTable(
        image=tuple([one.image for one in fought]),
        first=tuple([one.first for one in fought]),
        second=tuple([one.second for one in fought]),
        first_system=tuple([one.first_system for one in fought]),
        second_system=tuple([one.second_system for one in fought]),
        winner=tuple([_WINNERS[value] for value in said["winner"][rows].tolist()]),
        both_poor=tuple((said["both_poor"][rows] == 1).tolist()),
        rater=tuple([rated.raters[number] for number in rated.rater[rows].tolist()]),
        first_scores={name: values[first[item]] for name, values in metrics.items()},
        second_scores={name: values[second[item]] for name, values in metrics.items()},
        campaign=tuple([one.campaign for one in fought]),
        left_out=left_out | of_ratings | too_long,
    )


def _captions() -> Select[Any]:
    """Select the ids of the captions of rated battles."""
    sides = [
        select(side.label("id")).where(items.c.id.in_(rated_ids()))
        for side in (items.c.first_id, items.c.second_id)
    ]
    return select(union(*(side.where(items.c.kind == "battle") for side in sides)).subquery().c.id)


def _read(connection: Connection) -> list[_Battle]:
    """Read the battles that somebody has ever rated, those of deleted campaigns left out."""
    first, second = items.alias("first_caption"), items.alias("second_caption")
    columns = read_columns(
        connection,
        select(
            items.c.created_at.label("added"),
            items.c.id,
            items.c.image_id,
            items.c.first_id,
            items.c.second_id,
            first.c.source.label("first_system"),
            second.c.source.label("second_system"),
            items.c.campaign_id,
            campaigns.c.name.label("campaign"),
        )
        .join(first, first.c.id == items.c.first_id)
        .join(second, second.c.id == items.c.second_id)
        .join(campaigns, campaigns.c.id == items.c.campaign_id)
        .where(
            items.c.kind == "battle",
            items.c.role == "regular",
            items.c.deleted_at.is_(None),
            campaigns.c.deleted_at.is_(None),
            items.c.id.in_(rated_ids()),
        ),
    )
    return sorted(_Battle(*row) for row in zip(*columns, strict=True))
