"""What a report from the store is of: filters in words, and the tables that they let through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine, select

from annotations.analysis.battle_reading import read_battles
from annotations.analysis.reading import read_table
from annotations.analysis.report import Origin
from annotations.analysis.score_settings import read_score_settings
from annotations.analysis.table import AnalysisTable, BattleTable, Choice, UnitTable
from annotations.analysis.unit_reading import read_units
from annotations.campaigns import get_campaign
from annotations.engine import reading
from annotations.errors import UnknownRecordError
from annotations.hashes import find_sha256
from annotations.schema import campaigns, items, raters


@dataclass(frozen=True)
class Filters:
    """What of a store goes into a report, in the words of people; everything, as it stands here.

    Attributes:
        campaigns: Names.
        raters: Names.
        systems: What wrote the captions; "" is an unknown one.
        since: First day of the ratings, ``2026-01-31``, UTC, or None.
        until: Last day, or None.
        shortest: Fewest tokens of a caption, or None.
        longest: Most tokens, or None.
        blind_only: Whether ratings are left out that were given after the rater had seen the metric.
        weights: SHA-256 of the weights whose scores are taken, or how it begins; None for those that have
            scored the most rated captions.
    """

    campaigns: Sequence[str] = ()
    raters: Sequence[str] = ()
    systems: Sequence[str] = ()
    since: str | None = None
    until: str | None = None
    shortest: float | None = None
    longest: float | None = None
    blind_only: bool = False
    weights: str | None = None


@dataclass(frozen=True, eq=False)
class ReportTables:
    """What a report is made of.

    Attributes:
        table: The rated captions.
        units: Their units.
        battles: The battles.
        origin: Where all of it comes from.
    """

    table: AnalysisTable
    units: UnitTable
    battles: BattleTable
    origin: Origin


def read_report_tables(
    engine: Engine,
    filters: Filters,
    *,
    names: bool = False,
    tell: Callable[[str], None] = lambda step: None,
) -> ReportTables:
    """Read from a store what a report is made of.

    Args:
        engine: From `open_database`.
        filters: What goes in.
        names: Whether the filters name raters in the report; otherwise it says how many are chosen.
        tell: Called with the name of each step before it begins.

    Raises:
        UnknownRecordError: If there is no such campaign, rater, system, or no score of such weights.
        InvalidRecordError: If a day is not written as ``2026-01-31``.
        StorageError: If the database fails.
    """
    choice = choice_of(engine, filters)
    tell("ratings")
    table = read_table(engine, choice)
    if filters.weights is not None:
        sha256 = _weights(table, filters.weights)
        if table.model is None or table.model.sha256 != sha256:
            choice = replace(choice, model_sha256=sha256)
            table = read_table(engine, choice)
    tell("units")
    units = read_units(engine, table, choice)
    tell("fought battles")
    battles = read_battles(engine, table, choice)
    return ReportTables(table, units, battles, origin_of(engine, table, choice, names=names))


def choice_of(engine: Engine, filters: Filters) -> Choice:
    """Return filters by their ids.

    Raises:
        UnknownRecordError: If there is no such campaign, rater or system.
        StorageError: If the database fails.
    """
    chosen = [get_campaign(engine, name).id for name in filters.campaigns]
    with reading(engine) as connection:
        people = {row.name: row.id for row in connection.execute(select(raters.c.name, raters.c.id))}
        systems = set(connection.scalars(select(items.c.source).where(items.c.kind == "caption").distinct()))
    for what, wanted, known in (("rater", filters.raters, people), ("system", filters.systems, systems)):
        missing = [name for name in wanted if name not in known]
        if missing:
            listed = ", ".join(sorted(repr(name) for name in known)[:20]) or "none"
            raise UnknownRecordError(f"there is no {what} {missing[0]!r}; there are {listed}")
    return Choice(
        campaigns=tuple(chosen),
        raters=tuple(people[name] for name in filters.raters),
        systems=tuple(filters.systems),
        shortest=filters.shortest,
        longest=filters.longest,
        since=filters.since,
        until=filters.until,
        blind_only=filters.blind_only,
        model_sha256=filters.weights,
    )


def origin_of(
    engine: Engine, table: AnalysisTable, choice: Choice, *, source: str = "", names: bool = False
) -> Origin:
    """Say where the tables of a report come from, and how the scores were made.

    Args:
        engine: That they were read from.
        table: The rated captions.
        choice: The one that they were read with.
        source: The store in words; the names of the campaigns, where not given.
        names: Whether raters are named; otherwise it says how many are chosen.

    Raises:
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        campaign = {row.id: row.name for row in connection.execute(select(campaigns.c.id, campaigns.c.name))}
        person = {row.id: row.name for row in connection.execute(select(raters.c.id, raters.c.name))}
    people = f"{len(choice.raters):,} chosen"
    if names:
        people = ", ".join(person.get(rater, rater) for rater in choice.raters)
    chosen = ", ".join(campaign.get(one, one) for one in choice.campaigns)
    said = {
        "campaigns": chosen,
        "raters": people if choice.raters else "",
        "systems": ", ".join(system or "unknown" for system in choice.systems),
        "since": choice.since or "",
        "until": choice.until or "",
        "fewest tokens": "" if choice.shortest is None else f"{choice.shortest:g}",
        "most tokens": "" if choice.longest is None else f"{choice.longest:g}",
        "ratings": "given before the rater had seen the metric" if choice.blind_only else "",
        "weights": choice.model_sha256 or "",
    }
    return Origin(
        source=source or chosen or "all campaigns",
        choice={name: value for name, value in said.items() if value},
        settings=read_score_settings(engine, table),
    )


def _weights(table: AnalysisTable, wanted: str) -> str:
    return find_sha256(
        wanted,
        {of.sha256: of.model for of in table.models},
        missing=f"no rated caption of this choice has a score of the weights {wanted!r}",
    )
