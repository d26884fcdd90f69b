"""The units of rated captions with the verdicts on them, and the metric's delta where it has scored that cut.

In comments: N items, R ratings, U units, V verdicts.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from sqlalchemy import Connection, Engine, case, func, select

from annotations.analysis.chosen_ratings import Flags, RatingRows, apply_choice, read_ratings
from annotations.analysis.kept_ratings import KeptRatings
from annotations.analysis.rated_items import rated_ids
from annotations.analysis.table import AnalysisTable, Choice, UnitTable
from annotations.analysis.wide_queries import read_columns
from annotations.engine import reading
from annotations.resampling import Counts, Floats
from annotations.schema import VERDICTS, scores, verdicts
from annotations.scores import MAIN_METRIC

_EVERYTHING: Final = Choice()


@dataclass(frozen=True, eq=False)
class _Spans:
    """Pieces of captions under cuts, S rows."""

    item: Counts
    cut: Counts
    start: Counts
    end: Counts


def read_units(
    engine: Engine, table: AnalysisTable, choice: Choice = _EVERYTHING, kept: KeptRatings | None = None
) -> UnitTable:
    """Read the units of those captions of a table on which somebody has given a verdict.

    Every unit of the cut that the chosen weights have scored is there, judged or not, and of other cuts those
    units that somebody has judged. A verdict has a delta where caption, version of the cut, start and end are
    those that were scored; it is never carried over to another cut.

    Args:
        engine: From `open_database`.
        table: From `read_table`.
        choice: The one that it was read with.
        kept: The ratings of this database that were read before; None reads all.

    Returns:
        The units, in the order of the table's items.

    Raises:
        InvalidRecordError: If a day of the choice is not written as ``2026-01-31``.
        StorageError: If the database fails.
    """
    places = {item_id: number for number, item_id in enumerate(table.items)}
    cuts: dict[str, int] = {}
    with reading(engine) as connection:
        rated = read_ratings(connection, places, (kept or KeptRatings()).read(connection))
        is_in, _ = apply_choice(rated, choice, np.ones(len(rated.item), dtype=np.bool_))
        rating, said, verdict = _read_verdicts(connection, rated, is_in, cuts)
        judged = set(said.item.tolist())
        scored, delta = _read_curves(connection, table, places, judged, cuts)
    number_of = {rater_id: number for number, rater_id in enumerate(table.raters)}
    person = np.array([number_of.get(rater_id, -1) for rater_id in rated.raters], dtype=np.int64)

    # Curves stand before verdicts, and sorting keeps that order inside a unit.
    columns = [np.concatenate(pair) for pair in zip(astuple(scored), astuple(said), strict=True)]
    order = np.lexsort(columns[::-1])
    is_new = np.ones(len(order), dtype=np.bool_)
    is_new[1:] = np.any([np.diff(column[order]) != 0 for column in columns], axis=0)
    unit_of = np.empty(len(order), dtype=np.int64)
    unit_of[order] = np.cumsum(is_new) - 1
    first = order[is_new]  # (U,) the row that each unit comes from
    is_scored = first < len(delta)
    deltas = np.full(len(first), math.nan)
    deltas[is_scored] = delta[first[is_scored]]

    unit, rater = unit_of[len(delta) :], person[rated.rater[rating]]  # (V,) each
    by_unit = np.lexsort((rater, unit))
    by_unit = by_unit[rater[by_unit] >= 0]
    ends = np.searchsorted(unit[by_unit], np.arange(len(first) + 1)).tolist()
    words = [VERDICTS[code] for code in verdict[by_unit].tolist()]
    people = rater[by_unit].tolist()
    item = columns[0][first]
    return UnitTable(
        item=item,
        image=tuple([table.images[number] for number in item.tolist()]),
        start=columns[2][first],
        end=columns[3][first],
        delta=deltas,
        verdicts=tuple([tuple(words[low:high]) for low, high in pairwise(ends)]),
        raters=tuple([tuple(people[low:high]) for low, high in pairwise(ends)]),
        n_stale=int(np.count_nonzero(~is_scored[unit[by_unit]])),
    )


def _read_verdicts(
    connection: Connection, rated: RatingRows, is_in: Flags, cuts: dict[str, int]
) -> tuple[Counts, _Spans, Counts]:
    """Read verdicts: the number of the rating, the unit, and the number of the word of each, (V,) all.

    The caption of an item never changes, so the number of the item stands for the caption's hash.
    """
    # One version cuts what a rating judges, so its name is read once a rating and not once a verdict.
    versions = read_columns(
        connection,
        select(verdicts.c.revision_id, func.min(verdicts.c.segmenter_version).label("version")).group_by(
            verdicts.c.revision_id
        ),
    )
    cut_of = {
        revision_id: cuts.setdefault(cut, len(cuts)) for revision_id, cut in zip(*versions, strict=True)
    }
    cut = np.array([cut_of.get(revision_id, -1) for revision_id in rated.revisions], dtype=np.int64)
    row_of = {rated.revisions[row]: row for row in np.flatnonzero(is_in).tolist()}
    word = case({word: number for number, word in enumerate(VERDICTS)}, value=verdicts.c.verdict)
    revision_ids, *numbers = read_columns(
        connection,
        select(verdicts.c.revision_id, verdicts.c.start, verdicts.c.end, word.label("word")),
    )
    rating = np.array([row_of.get(revision_id, -1) for revision_id in revision_ids], dtype=np.int64)
    kept = rating >= 0
    rating = rating[kept]
    start, end, verdict = (np.array(column, dtype=np.int64)[kept] for column in numbers)
    return rating, _Spans(rated.item[rating], cut[rating], start, end), verdict


def _read_curves(
    connection: Connection,
    table: AnalysisTable,
    places: Mapping[str, int],
    judged: set[int],
    cuts: dict[str, int],
) -> tuple[_Spans, Floats]:
    """Read the units of stored curves and their deltas, (S,)."""
    spans: list[tuple[int, int, int, int]] = []
    deltas: list[float] = []
    if table.model is not None:
        query = select(scores.c.item_id, scores.c.segmenter_version, scores.c.curve).where(
            scores.c.metric == MAIN_METRIC,
            scores.c.model_sha256 == table.model.sha256,
            scores.c.curve.is_not(None),
            scores.c.item_id.in_(rated_ids()),
        )
        # Some at a time: all curves together are larger than all else that is read.
        for part in connection.execute(query.execution_options(yield_per=1000)).partitions():
            for item_id, version, curve in part:
                item = places.get(item_id, -1)
                if item not in judged:
                    continue
                record = json.loads(curve)
                version = version or record["provenance"]["segmenter_version"]
                cut = cuts.setdefault(version, len(cuts))
                for unit in record["units"]:
                    spans.append((item, cut, unit["start"], unit["end"]))
                    deltas.append(math.nan if unit["delta"] is None else unit["delta"])
    columns = np.array(spans, dtype=np.int64).reshape(-1, 4).T
    return _Spans(*columns), np.array(deltas, dtype=np.float64)
