"""Fill the tables of an analysis from the rating database, on SQLite and on PostgreSQL.

Every table is read in one transaction with a handful of wide queries: docs/analysis.md, What goes in.
"""

from typing import Any, Final

import numpy as np
from sqlalchemy import Engine, func, select

from annotations.analysis.battle_reading import read_battles
from annotations.analysis.chosen_ratings import Flags, apply_choice, drop, read_ratings
from annotations.analysis.kept_items import KeptItems, items_stamp
from annotations.analysis.kept_ratings import KeptRatings
from annotations.analysis.metric_columns import (
    chosen_weights,
    metric_columns,
    weights_to_choose,
)
from annotations.analysis.rated_items import (
    answers_by_question,
    items_left_out,
    lengths_outside,
    read_answers,
)
from annotations.analysis.table import AnalysisTable, Choice
from annotations.analysis.unit_reading import read_units
from annotations.engine import reading
from annotations.resampling import Counts
from annotations.schema import revisions
from annotations.scores import MAIN_METRIC

__all__ = ["KeptRows", "database_stamp", "read_battles", "read_table", "read_units"]

_EVERYTHING: Final = Choice()


def database_stamp(engine: Engine) -> tuple[Any, ...]:
    """Tell cheaply whether the tables of an analysis would be read otherwise than before.

    Ratings are append-only, so their number tells of every change; of what else, `items_stamp` tells. A
    default threshold, which a page shows beside the tables, is another row of the audit log.

    Args:
        engine: From `open_database`.

    Returns:
        Numbers and times that are other ones whenever a rating, a score, an item, a campaign or a default
        threshold is.

    Raises:
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        n_revisions = connection.execute(select(func.count()).select_from(revisions)).scalar_one()
        return (n_revisions, *items_stamp(connection))


class KeptRows:
    """What the tables of one database are made of, as it was read last."""

    def __init__(self) -> None:
        self.ratings = KeptRatings()
        self.items = KeptItems()


def read_table(
    engine: Engine, choice: Choice = _EVERYTHING, kept_rows: KeptRows | None = None
) -> AnalysisTable:
    """Read the captions that people have rated, with every metric's scores and the answers.

    Items to learn on or to check raters with, battles, deleted items, items of deleted campaigns and
    withdrawn ratings are never there. A caption without a score of the chosen weights stays, with NaN, and is
    counted in `left_out`. Where the campaigns ask one question on several scales, the answers on the scale
    with the most of them stay.

    Args:
        engine: From `open_database`.
        choice: What goes in. In place of weights that have scored none of it, those are taken that have
            scored the most.
        kept_rows: Of this database: what has not changed since is not read again. None reads all.

    Returns:
        The table. Its `models` count captions before any is left out for its length, which is in tokens of
        the chosen model.

    Raises:
        InvalidRecordError: If a day is not written as ``2026-01-31``.
        StorageError: If the database fails.
    """
    kept_rows = kept_rows or KeptRows()
    with reading(engine) as connection:
        everything = kept_rows.ratings.read(connection)
        columns = kept_rows.items.read(connection, everything)
        found, scored = columns.rows, columns.scored
        n_items = len(found.ids)
        places = {item_id: number for number, item_id in enumerate(found.ids)}
        rated = read_ratings(connection, places, everything)
        given = read_answers(connection, rated, everything)
    reasons = items_left_out(found.campaign_ids, [found.systems], choice)
    kept, left_out = drop(_marked(rated.item, n_items), reasons)
    is_in, of_ratings = apply_choice(rated, choice, kept[rated.item])
    left_out |= of_ratings
    kept = _marked(rated.item[is_in], n_items)

    models = weights_to_choose(scored, kept)
    model = chosen_weights(models, choice.model_sha256)
    sha256 = model.sha256 if model else ""
    lengths = scored.column(("length_tokens", sha256), n_items)
    kept, of_lengths = drop(kept, lengths_outside(lengths, choice))
    left_out |= of_lengths
    is_unscored = kept & np.isnan(scored.column((MAIN_METRIC, sha256), n_items))
    if is_unscored.any():
        by = f"of {model.model}" if model else "of any model"
        left_out[f"captions without a score {by}, kept for other metrics"] = int(is_unscored.sum())

    is_in &= kept[rated.item]
    numbers, item_place = _renumbered(kept)
    people, person_place = _renumbered(_marked(rated.rater[is_in], len(rated.raters)))
    rows = found.only(numbers)
    answers, of_scales = answers_by_question(
        given, np.where(is_in, item_place[rated.item], -1), person_place[rated.rater]
    )
    metrics, provenance = metric_columns(
        scored.only(item_place), sha256, columns.random[numbers], columns.unit_counts[numbers]
    )
    return AnalysisTable(
        items=rows.ids,
        images=rows.images,
        captions=rows.captions,
        systems=rows.systems,
        campaigns=rows.campaigns,
        lengths=lengths[numbers],
        weights=rows.weights,
        metrics=metrics,
        provenance=provenance,
        raters=tuple([rated.raters[person] for person in people]),
        names=tuple([rated.names[person] for person in people]),
        answers=answers,
        n_ratings=int(is_in.sum()),
        n_blind=int((is_in & ~rated.is_revealed).sum()),
        models=models,
        model=model,
        left_out=left_out | of_scales,
    )


def _marked(numbers: Counts, length: int) -> Flags:
    """Mark the places that are named: (length,)."""
    marks = np.zeros(length, dtype=np.bool_)
    marks[numbers] = True
    return marks


def _renumbered(kept: Flags) -> tuple[Counts, Counts]:
    """Return the old numbers of what is kept, and the new number of everything, -1 for what is not."""
    numbers = np.flatnonzero(kept)
    places = np.full(len(kept), -1, dtype=np.int64)
    places[numbers] = np.arange(len(numbers))
    return numbers, places
