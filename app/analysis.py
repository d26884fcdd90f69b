"""The ratings and scores as the Analyse page reads them: read once, kept for a while, put together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from annotations.analysis.options import Options, read_options
from annotations.analysis.reading import KeptRows, database_stamp, read_battles, read_table, read_units
from app.analysis_choice import DEFAULT_METRIC, DEFAULT_QUESTION
from app.analysis_parts import Asked, Reading
from app.kept import Kept
from app.stored_scores import METRIC

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from annotations.analysis.table import AnalysisTable, BattleTable, Choice, UnitTable

_READINGS: Final = 3
_RESULTS: Final = 24
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Shown:
    """What a page shows: what was asked for, and the state of the database that it was read in.

    Attributes:
        asked: With a question and a metric that there are.
        stamp: From `database_stamp`.
    """

    asked: Asked
    stamp: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Tables:
    """What a choice gave, and what was worked out of it.

    Attributes:
        table: The rated captions.
        units: Reads their units once.
        battles: Reads the battles once.
        results: What was worked out.
    """

    table: AnalysisTable
    units: Callable[[], UnitTable]
    battles: Callable[[], BattleTable]
    results: Kept = field(default_factory=lambda: Kept(_RESULTS))

    def once(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """Return a result of these tables and a key alone, and make it where it is not kept."""
        return self.results.once(key, make)


class Readings:
    """The readings of one database that were asked for last.

    Args:
        engine: The open ratings database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept = Kept(_READINGS)
        self._options = Kept(1)
        self._rows = KeptRows()

    def stamp(self) -> tuple[Any, ...]:
        """Return what changes whenever the database does.

        Raises:
            StorageError: If the database fails.
        """
        return database_stamp(self._engine)

    def options(self, stamp: tuple[Any, ...]) -> Options:
        """Return what a reading can be narrowed to.

        Args:
            stamp: Of the database.

        Raises:
            StorageError: If the database fails.
        """
        return self._options.once(stamp, lambda: read_options(self._engine))

    def tables(self, choice: Choice, stamp: tuple[Any, ...]) -> Tables:
        """Return the tables of a choice; they are read where they are not kept.

        Args:
            choice: What of the ratings goes in.
            stamp: Of the database, when the page began to show this choice.

        Raises:
            AnnotationError: If the choice cannot be read or the database fails.
        """
        return self._kept.once((choice, stamp), lambda: self._read(choice))

    def _read(self, choice: Choice) -> Tables:
        table = read_table(self._engine, choice, self._rows)
        later, ratings = Kept(2), self._rows.ratings
        return Tables(
            table,
            units=lambda: later.once("units", lambda: read_units(self._engine, table, choice, ratings)),
            battles=lambda: later.once("battles", lambda: read_battles(self._engine, table, choice, ratings)),
        )


def shown_of(readings: Readings, asked: Asked) -> tuple[Shown, Tables]:
    """Read what is asked for as the database stands now.

    Args:
        readings: Of the running app.
        asked: Its question and its metric need not be there: then the first that is takes their place.

    Raises:
        AnnotationError: If the choice cannot be read or the database fails.
    """
    stamp = readings.stamp()
    tables = readings.tables(asked.choice, stamp)
    table = tables.table
    asked = replace(
        asked,
        question=_one_of(table.answers, asked.question, DEFAULT_QUESTION),
        metric=_one_of(table.metrics, asked.metric, DEFAULT_METRIC),
    )
    return Shown(asked, stamp), tables


def reading_of(shown: Shown, tables: Tables) -> Reading:
    """Return what a part of the page is given."""
    return Reading(shown.asked, tables.table, tables.units, tables.battles, tables.once)


def unscored_items(table: AnalysisTable, model_sha256: str) -> tuple[str, ...]:
    """Return the ids of the items of a table that weights have not scored.

    Args:
        table: Read with these weights as its choice; they need not have scored anything.
        model_sha256: Of the weights.
    """
    if table.model is None or table.model.sha256 != model_sha256 or METRIC not in table.metrics:
        return table.items
    return tuple(table.items[row] for row in np.flatnonzero(np.isnan(table.metrics[METRIC])))


def _one_of(names: Iterable[str], wanted: str, otherwise: str) -> str:
    known = list(names)
    if wanted in known or not known:
        return wanted
    return otherwise if otherwise in known else known[0]
