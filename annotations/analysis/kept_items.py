"""The rated captions with their scores and units, read once: of captions rated later only these are read."""

import threading
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, case, func, select

from annotations.analysis.kept_ratings import RevisionRows
from annotations.analysis.metric_columns import ScoreRows, random_score, read_scores
from annotations.analysis.rated_items import ItemRows, count_units, is_rated, rated_ids, read_items
from annotations.resampling import Floats
from annotations.schema import audit, campaigns, items, scores

_MOST_NEW: Final = 500


@dataclass(frozen=True, eq=False)
class ItemColumns:
    """What there is of captions beside their ratings.

    Attributes:
        rows: The captions, N of them; each was rated at some time, by now perhaps by nobody.
        scored: Their scores.
        unit_counts: (N,) how many units each has; NaN where it is not cut.
        random: (N,) what `random_score` gives.
    """

    rows: ItemRows
    scored: ScoreRows
    unit_counts: Floats
    random: Floats

    def joined(self, new: "ItemColumns") -> "ItemColumns":
        """Return these and others in the order in which they were added.

        Args:
            new: Of the same state of the database, and none of them is here.
        """
        rows = self.rows.joined(new.rows)
        order = rows.order()
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        scored = self.scored.joined(replace(new.scored, item=new.scored.item + len(self.rows.ids)))
        return ItemColumns(
            rows.only(order),
            replace(scored, item=place[scored.item]),
            np.concatenate([self.unit_counts, new.unit_counts])[order],
            np.concatenate([self.random, new.random])[order],
        )


class KeptItems:
    """The rated captions of one database, as they were read last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: tuple[Any, ...] = ()
        self._seen: frozenset[str] = frozenset()
        self._columns: ItemColumns | None = None

    def read(self, connection: Connection, given: RevisionRows) -> ItemColumns:
        """Return the captions that were ever rated, in an open transaction.

        All are read anew where an item, a score, a cut or a campaign has changed.

        Args:
            connection: From `annotations.engine.reading`, always of the same database.
            given: All revisions, as that transaction sees them.
        """
        state = (*items_stamp(connection), *_campaign_names(connection))
        rated = frozenset(given.items)
        with self._lock:
            new = sorted(rated - self._seen)
            if self._columns is None or state != self._state or len(new) > _MOST_NEW:
                self._columns, self._seen = _read(connection), rated
            elif new:
                self._columns = self._columns.joined(_read(connection, new))
                self._seen |= rated
            self._state = state
            return self._columns


def items_stamp(connection: Connection) -> tuple[Any, ...]:
    """Return numbers and times that are other ones whenever an item, a score or a campaign is.

    The audit log has a row for each caption that is cut anew and for everything that is deleted or brought
    back. A score that replaces another one is newer.

    Args:
        connection: In an open transaction.
    """
    not_cut = func.count(case((items.c.segmenter_version == "", 1)))
    return tuple(
        value
        for query in (
            select(func.count()).select_from(audit),
            select(func.count(), func.max(scores.c.created_at), func.sum(scores.c.score)),
            select(func.count(), not_cut, func.sum(items.c.weight)).select_from(items),
            select(func.count(items.c.deleted_at), func.max(items.c.deleted_at)),
            select(func.count(), func.count(campaigns.c.deleted_at), func.max(campaigns.c.deleted_at)),
        )
        for value in connection.execute(query).one()
    )


def _campaign_names(connection: Connection) -> list[tuple[str, str]]:
    query = select(campaigns.c.id, campaigns.c.name).order_by(campaigns.c.id)
    return [(row.id, row.name) for row in connection.execute(query)]


def _read(connection: Connection, only: list[str] | None = None) -> ItemColumns:
    """Read all captions that were ever rated, or those of some ids."""
    rated = is_rated() if only is None else items.c.id.in_(only)
    rows = read_items(connection, rated)
    places = {item_id: number for number, item_id in enumerate(rows.ids)}
    return ItemColumns(
        rows,
        read_scores(connection, places, rated_ids() if only is None else only),
        count_units(connection, places, rated),
        np.array([random_score(item_id) for item_id in rows.ids], dtype=np.float64),
    )
