"""Take scores of metrics in from a table: all is checked first, then written in one transaction."""

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from annotations.audit import record_act
from annotations.campaigns import clean_campaign_name, find_campaign
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, StorageError
from annotations.import_report import write_report
from annotations.importing import SHOWN_REFUSALS
from annotations.reading import Row, read_rows
from annotations.schema import campaigns, items, scores, timestamp
from annotations.score_rows import NamedScore, ScoreRows
from annotations.spool import Refusal

_AT_ONCE: Final = 1000
_TABLES: Final = """
CREATE TABLE items (name TEXT, item_id TEXT, is_own INTEGER, kind TEXT);
CREATE TABLE models (number INTEGER PRIMARY KEY, model TEXT, sha256 TEXT, UNIQUE (model, sha256));
CREATE TABLE scores (item_id TEXT, metric TEXT, sha256 TEXT, model INTEGER, score REAL,
    is_changed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (item_id, metric, sha256)) WITHOUT ROWID;
CREATE TABLE refusals (number INTEGER, file TEXT, reason TEXT);
"""
_COLUMNS: Final = ("item_id", "metric", "model_sha256", "model", "score", "is_changed")
_PART: Final = f"""
SELECT item_id, metric, scores.sha256, models.model, score, is_changed
FROM scores JOIN models ON models.number = scores.model
WHERE (item_id, metric, scores.sha256) > (?, ?, ?) ORDER BY item_id, metric, scores.sha256 LIMIT {_AT_ONCE}
"""
_Key = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class ScoresPlan:
    """What to do with the rows.

    Attributes:
        campaign: Name of the campaign whose items the ids mean; None for those of all.
        metrics: Columns that hold a metric each; none for a table of ``specs metrics``.
        model: What made the scores of those columns, or None.
        skip_invalid: Whether to take the good rows where others are refused.
        report: A file for all refused rows, ``.csv`` or ``.json``, or None.
        actor: Who does it, for the audit log, unless None.
    """

    campaign: str | None = None
    metrics: tuple[str, ...] = ()
    model: str | None = None
    skip_invalid: bool = False
    report: Path | None = None
    actor: str | None = None


@dataclass(frozen=True, kw_only=True)
class WrittenScores:
    """What an import of scores has changed.

    Attributes:
        added: Scores of an item, metric and model that had none.
        changed: Scores that were others before.
        already: Scores that were there.
        kept: Scores that stayed as they were, because the app has computed them itself.
        difference: The largest absolute difference between one of these and the table's.
    """

    added: int = 0
    changed: int = 0
    already: int = 0
    kept: int = 0
    difference: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ScoresReport:
    """What came of an import of scores.

    Attributes:
        rows: Rows that were read.
        refused: Rows that were not taken.
        refusals: The first of them.
        missing: By metric, how many rows have no score of it.
        repeated: Scores that the table holds more than once.
        written: What was written, or None where refused rows kept everything out.
    """

    rows: int
    refused: int
    refusals: tuple[Refusal, ...]
    missing: Mapping[str, int]
    repeated: int
    written: WrittenScores | None


def import_scores(engine: Engine, path: Path, plan: ScoresPlan) -> ScoresReport:
    """Import scores of items: what ``specs metrics`` writes, or a table with a column for each metric.

    Nothing is written unless all rows are good, or ``plan.skip_invalid`` says to leave the others out.
    A score of the same item, metric and model replaces the one before; one that the app has computed from the
    stored image and units stays, with its curve.

    Args:
        engine: From `open_database`.
        path: The table, see `annotations.reading.read_rows`; ``id`` is an item's id or its ``external_id``.
        plan: What to do.

    Returns:
        What came of it.

    Raises:
        InvalidRecordError: If the plan or the table will not do.
        UnknownRecordError: If there is no such campaign.
        StorageError: If the database fails. After any of these nothing is written.
        OSError: If the table cannot be read.
    """
    if plan.report is not None and plan.report.suffix.lower() not in (".csv", ".json"):
        raise InvalidRecordError(f"a report ends in .csv or .json; got {plan.report.name!r}")
    try:
        with tempfile.TemporaryDirectory(prefix="specs-scores-") as folder:
            spool = _Spool(Path(folder) / "spool")
            try:
                campaign_id = spool.read_items(engine, plan.campaign)
                rows, missing, repeated = _gather(spool, path, plan)
                if plan.report is not None:
                    write_report(plan.report, spool.refusals())
                refused = spool.count("refusals")
                written = None
                if not refused or plan.skip_invalid:
                    written = _write(engine, spool, plan, campaign_id, path.name)
                first = tuple(one for one, _ in zip(spool.refusals(), range(SHOWN_REFUSALS), strict=False))
            finally:
                spool.connection.close()
    except sqlite3.Error as error:
        raise StorageError(f"cannot keep the rows in {tempfile.gettempdir()} meanwhile: {error}") from error
    return ScoresReport(
        rows=rows, refused=refused, refusals=first, missing=missing, repeated=repeated, written=written
    )


class _Spool:
    """A file with the names of the items and what was checked, so that memory is not a limit."""

    def __init__(self, path: Path) -> None:
        # Nothing in it has to outlive the process.
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
        self.connection.execute("BEGIN")
        self._found: tuple[tuple[str, ...], str] = ((), "")
        self._models: dict[tuple[str, str], int] = {}

    def read_items(self, engine: Engine, campaign: str | None) -> str:
        """Note what the items are called; return the campaign's id, or "" for all campaigns."""
        query = select(items.c.id, items.c.external_id, items.c.kind, items.c.deleted_at)
        with reading(engine) as connection:
            campaign_id = ""
            if campaign is not None:
                found_campaign = find_campaign(connection, clean_campaign_name(campaign))
                if found_campaign.deleted_at is not None:
                    raise InvalidRecordError(f"campaign {campaign!r} was deleted; restore it first")
                campaign_id = found_campaign.id
                query = query.where(items.c.campaign_id == campaign_id)
            else:
                gone = select(campaigns.c.id).where(campaigns.c.deleted_at.is_not(None))
                query = query.where(items.c.campaign_id.not_in(gone))
            with connection.execute(query.execution_options(yield_per=_AT_ONCE)) as found:
                for part in found.partitions():
                    names = [(row.id, row.id, 1, row.kind) for row in part]
                    names += [
                        (row.external_id, row.id, 0, row.kind)
                        for row in part
                        if row.external_id is not None and row.deleted_at is None
                    ]
                    self.connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", names)
        self.connection.execute("CREATE INDEX by_name ON items (name)")
        return campaign_id

    def item(self, names: tuple[str, ...], where: str) -> str:
        """Return the id of the item that is called one of the names; the first that is known counts."""
        # The metrics of an item mostly stand below each other.
        if self._found[0] != names:
            self._found = (names, self._look_up(names, where))
        return self._found[1]

    def _look_up(self, names: tuple[str, ...], where: str) -> str:
        query = "SELECT item_id, kind FROM items WHERE name = ? ORDER BY is_own DESC LIMIT 2"
        for name in names:
            found = self.connection.execute(query, (name,)).fetchall()
            if not found:
                continue
            if len(found) > 1 and name not in (found[0][0], found[1][0]):
                raise InvalidRecordError(
                    f"{name!r:.80} is the name of several captions{where}; give the items' own ids, which "
                    "`specs-ratings export --what captions` writes"
                )
            if found[0][1] == "battle":
                raise InvalidRecordError(f"item {name!r:.80} is a battle; scores are of captions")
            return str(found[0][0])
        raise InvalidRecordError(f"there is no item {names[0]!r:.80}{where}, by its id or its external_id")

    def add(self, item_id: str, score: NamedScore) -> bool:
        """Note a score; return whether it is new, and refuse another one of the same item and metric."""
        assert score.score is not None
        key = (score.model, score.model_sha256)
        number = self._models.get(key)
        if number is None:
            number = self._models[key] = len(self._models)
            self.connection.execute("INSERT INTO models VALUES (?, ?, ?)", (number, *key))
        place = (item_id, score.metric, score.model_sha256)
        added = self.connection.execute(
            "INSERT OR IGNORE INTO scores VALUES (?, ?, ?, ?, ?, 0)", (*place, number, score.score)
        )
        if added.rowcount:
            return True
        before = self.connection.execute(
            "SELECT score FROM scores WHERE item_id = ? AND metric = ? AND sha256 = ?", place
        ).fetchone()[0]
        if before != score.score:
            raise InvalidRecordError(
                f"{score.metric} of this item is {score.score!r} here and {before!r} in a row before"
            )
        return False

    def refuse(self, row: Row, reason: str) -> None:
        """Note a row that is not taken."""
        self.connection.execute("INSERT INTO refusals VALUES (?, ?, ?)", (row.number, row.file, reason))

    def refusals(self) -> Iterator[Refusal]:
        """Yield the rows that were not taken, in the order in which they came."""
        for row in self.connection.execute("SELECT number, file, reason FROM refusals ORDER BY rowid"):
            yield Refusal(*row)

    def count(self, table: str) -> int:
        """Return how many rows one of the tables has."""
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def settle(self, needless: list[_Key], changed: list[_Key]) -> None:
        """Forget scores that need not be written, and note which of the others replace one."""
        key = "WHERE item_id = ? AND metric = ? AND sha256 = ?"
        self.connection.executemany(f"DELETE FROM scores {key}", needless)
        self.connection.executemany(f"UPDATE scores SET is_changed = 1 {key}", changed)

    def parts(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the scores in the order of their keys, some at a time; what came may be settled meanwhile."""
        last: tuple[str, ...] = ("", "", "")
        while part := self.connection.execute(_PART, last).fetchall():
            last = part[-1][:3]
            yield [dict(zip(_COLUMNS, row, strict=True)) for row in part]


def _gather(spool: _Spool, path: Path, plan: ScoresPlan) -> tuple[int, dict[str, int], int]:
    rows = read_rows(path)
    first = next(rows, None)
    if first is None:
        raise InvalidRecordError(f"{path.name} has no rows")
    if first.problem is not None:
        raise InvalidRecordError(f"{path.name}, row {first.number}: {first.problem}")
    table = ScoreRows(list(first.values), plan.metrics, plan.model)
    where = "" if plan.campaign is None else f" in campaign {plan.campaign!r}"
    missing: Counter[str] = Counter()
    read = repeated = 0
    for row in chain([first], rows):
        read += 1
        try:
            if row.problem is not None:
                raise InvalidRecordError(row.problem)
            # All of a row is looked at before any of it is taken.
            found = [(spool.item(one.names, where), one) for one in table.scores(row.values)]
            for item_id, score in found:
                if score.score is None:
                    missing[score.metric] += 1
                else:
                    repeated += not spool.add(item_id, score)
        except InvalidRecordError as error:
            spool.refuse(row, str(error))
    return read, dict(missing), repeated


def _compare(engine: Engine, spool: _Spool) -> WrittenScores:
    """Take away what need not be written; all that lasts is done before anybody has to wait for it."""
    counts: Counter[str] = Counter()
    difference = 0.0
    with reading(engine) as connection:
        for part in spool.parts():
            stored = _stored(connection, part)
            needless, changed = [], []
            for row in part:
                key = (row["item_id"], row["metric"], row["model_sha256"])
                before = stored.get(key)
                if before is None:
                    counts["added"] += 1
                elif before.segmenter_version is not None:
                    counts["kept"] += 1
                    difference = max(difference, abs(before.score - row["score"]))
                    needless.append(key)
                elif (before.score, before.model) == (row["score"], row["model"]):
                    counts["already"] += 1
                    needless.append(key)
                else:
                    counts["changed"] += 1
                    changed.append(key)
            spool.settle(needless, changed)
    return WrittenScores(**counts, difference=difference)


def _write(engine: Engine, spool: _Spool, plan: ScoresPlan, campaign_id: str, file: str) -> WrittenScores:
    written = _compare(engine, spool)
    now = timestamp()
    is_sqlite = engine.dialect.name == "sqlite"
    # What the app has stored since the comparison is as good, and stays.
    add: Any = sqlite.insert(scores) if is_sqlite else postgresql.insert(scores)
    add = add.on_conflict_do_nothing()
    if not is_sqlite:
        # With RETURNING many rows go to a server in one statement.
        add = add.returning(scores.c.item_id)
    with writing(engine) as connection:
        for part in spool.parts():
            new: list[dict[str, Any]] = []
            changed: list[dict[str, Any]] = []
            for row in part:
                (changed if row.pop("is_changed") else new).append(row)
            if new:
                # Of no cut: the app scores a caption itself where it needs the curve.
                more = {"segmenter_version": None, "created_at": now}
                connection.execute(add, [row | more for row in new]).close()
            if changed:
                renamed = [{f"new_{name}": value for name, value in row.items()} for row in changed]
                connection.execute(_REPLACE, [row | {"new_at": now} for row in renamed])
        record_act(connection, plan.actor, "import scores", campaign_id, {"file": file} | asdict(written))
    return written


_REPLACE: Final = (
    update(scores)
    .where(
        scores.c.item_id == bindparam("new_item_id"),
        scores.c.metric == bindparam("new_metric"),
        scores.c.model_sha256 == bindparam("new_model_sha256"),
    )
    .values(
        score=bindparam("new_score"),
        model=bindparam("new_model"),
        created_at=bindparam("new_at"),
    )
)


def _stored(connection: Connection, part: list[dict[str, Any]]) -> dict[tuple[str, str, str], Any]:
    query = select(
        scores.c.item_id,
        scores.c.metric,
        scores.c.model_sha256,
        scores.c.model,
        scores.c.score,
        scores.c.segmenter_version,
    ).where(scores.c.item_id.in_({row["item_id"] for row in part}))
    return {(row.item_id, row.metric, row.model_sha256): row for row in connection.execute(query)}
