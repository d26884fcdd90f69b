"""Write records beside what the database holds, in one open transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, and_, func, insert, select, tuple_, update

from annotations.campaign_tables import INSPECT_CAMPAIGN
from annotations.places import FINISHED
from annotations.schema import (
    answers,
    assignments,
    campaigns,
    final_labels,
    guidelines,
    images,
    items,
    questions,
    raters,
    revisions,
    units,
    verdicts,
)

Parts = Callable[[str], Iterator[list[dict[str, Any]]]]
"""Gives the records of a kind, some hundreds at a time."""


@dataclass(frozen=True)
class Conflict:
    """A record that contradicts what the database holds.

    Attributes:
        kind: Of the record.
        key: Of the record.
        reason: One sentence.
    """

    kind: str
    key: str
    reason: str


@dataclass(frozen=True)
class _Rule:
    """How the rows of a table are told apart.

    Attributes:
        table: The table.
        fixed: Columns that no stored row may have otherwise.
        unique: Sets of columns in which no two rows are equal.
        name: What the record is called in messages.
    """

    table: Table
    fixed: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]
    name: Callable[[Mapping[str, Any]], str]


_RULES: Final = {
    "image": _Rule(images, ("sha256",), (("sha256",),), lambda row: f"image {row['filename']!r}"),
    "rater": _Rule(raters, ("name",), (("name",),), lambda row: f"rater {row['name']!r}"),
    "caption": _Rule(
        items,
        ("campaign_id", "kind", "image_id", "caption_sha256", "source"),
        (("campaign_id", "image_id", "caption_sha256", "segmenter_version", "source"),),
        lambda row: f"item {row['id']}",
    ),
    "battle": _Rule(
        items,
        ("campaign_id", "kind", "image_id", "first_id", "second_id"),
        (("campaign_id", "first_id", "second_id"),),
        lambda row: f"battle {row['id']}",
    ),
    "rating": _Rule(
        revisions,
        tuple(column.name for column in revisions.c),
        (("item_id", "rater_id", "number"), ("rater_id", "receipt"), ("nonce",)),
        lambda row: f"rating {row['id']}",
    ),
    "label": _Rule(
        final_labels,
        tuple(column.name for column in final_labels.c),
        (("item_id", "number"),),
        lambda row: f"final label {row['id']}",
    ),
}


def merge(connection: Connection, parts: Parts) -> tuple[dict[str, int], list[Conflict]]:
    """Write what is new and compare the rest.

    Args:
        connection: From `writing`. Where there are conflicts, the caller rolls the transaction back.
        parts: Gives the records.

    Returns:
        How many are new by kind, and the conflicts.
    """
    conflicts: list[Conflict] = []
    added = {"campaigns": _campaigns(connection, parts, conflicts)}
    for kind, name in (("image", "images"), ("rater", "raters")):
        added[name] = _merge(connection, kind, parts, conflicts)
    _cuts(connection, parts, conflicts)
    if not conflicts:
        _require_campaigns(connection, parts, conflicts)
    # Whoever contradicts these may lack what the rest points at.
    for kind, name in (("caption", "items"), ("battle", "items"), ("rating", "ratings"), ("label", "labels")):
        if not conflicts:
            added[name] = added.get(name, 0) + _merge(connection, kind, parts, conflicts)
    if not conflicts:
        _places(connection, parts, conflicts)
    return added, conflicts


def _merge(connection: Connection, kind: str, parts: Parts, conflicts: list[Conflict]) -> int:
    rule, added = _RULES[kind], 0
    table = rule.table
    for part in parts(kind):
        query = select(table).where(table.c.id.in_([row["id"] for row in part]))
        stored = {row.id: row._mapping for row in connection.execute(query)}
        said = _said(connection, list(stored)) if kind == "rating" else {}
        new = [row for row in part if row["id"] not in stored]
        for row in part:
            before = stored.get(row["id"])
            if before is None:
                continue
            odd = next((name for name in rule.fixed if row[name] != before[name]), None)
            if odd is None and kind == "rating" and _said_in(row) != said.get(row["id"], ([], [])):
                odd = "answers or verdicts"
            if kind == "caption" and before["segmenter_version"] == "" != row["segmenter_version"]:
                # Otherwise the cut of today stays: a caption may have been cut anew since.
                version = {"segmenter_version": row["segmenter_version"]}
                connection.execute(update(items).where(items.c.id == row["id"]).values(version))
            if odd is not None:
                reason = f"{rule.name(row)} is stored with other content ({odd})"
                conflicts.append(Conflict(kind, row["id"], reason))
        taken = [row for columns in rule.unique for row in _taken(connection, rule, columns, new)]
        conflicts += [
            Conflict(kind, row["id"], f"{rule.name(row)} is stored under another id") for row in taken
        ]
        if new and not conflicts:
            _insert(connection, kind, table, new)
        added += len(new)
    return added


def _taken(
    connection: Connection, rule: _Rule, columns: Sequence[str], new: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    if not new:
        return []
    found = [rule.table.c[name] for name in columns]
    wanted = {tuple(row[name] for name in columns): row for row in new}
    stored = connection.execute(select(*found).where(tuple_(*found).in_(list(wanted))))
    return [wanted[tuple(row)] for row in stored]


def _insert(connection: Connection, kind: str, table: Table, new: list[dict[str, Any]]) -> None:
    names = [column.name for column in table.c]
    if kind in ("caption", "battle"):
        new = [{**row, "done": 0} for row in new]
    if kind == "rater":
        # Whoever was more elsewhere is nobody special here.
        names = ["id", "name", "created_at"]
    connection.execute(insert(table), [{name: row[name] for name in names} for row in new])
    if kind != "rating":
        return
    given = [
        {"revision_id": row["id"], "question": name, "value": value, "low": low, "high": high}
        for row in new
        for name, value, low, high in row["answers"]
    ]
    said = [
        {
            "revision_id": row["id"],
            "caption_sha256": row["caption_sha256"],
            "segmenter_version": row["segmenter_version"],
            "start": start,
            "end": end,
            "verdict": verdict,
        }
        for row in new
        for start, end, verdict in row["verdicts"]
    ]
    for target, rows in ((answers, given), (verdicts, said)):
        if rows:
            connection.execute(insert(target), rows)


def _said(connection: Connection, ids: list[str]) -> dict[str, tuple[list[Any], list[Any]]]:
    """Read answers and verdicts of revisions in the form in which records have them."""
    found: dict[str, tuple[list[Any], list[Any]]] = {}
    query = select(answers).where(answers.c.revision_id.in_(ids)).order_by(answers.c.question)
    for revision_id, *answer in connection.execute(query):
        found.setdefault(revision_id, ([], []))[0].append(answer)
    judged = (
        select(verdicts.c.revision_id, verdicts.c.start, verdicts.c.end, verdicts.c.verdict)
        .where(verdicts.c.revision_id.in_(ids))
        .order_by(verdicts.c.start)
    )
    for revision_id, *verdict in connection.execute(judged):
        found.setdefault(revision_id, ([], []))[1].append(verdict)
    return found


def _said_in(row: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    return (sorted(row["answers"]), sorted(row["verdicts"]))


def _cuts(connection: Connection, parts: Parts, conflicts: list[Conflict]) -> None:
    for part in parts("cut"):
        stored: dict[tuple[str, str], list[list[int]]] = {}
        query = (
            select(units)
            .where(units.c.caption_sha256.in_({row["caption_sha256"] for row in part}))
            .order_by(units.c.start)
        )
        for caption_sha256, version, start, end in connection.execute(query):
            stored.setdefault((caption_sha256, version), []).append([start, end])
        new = []
        for row in part:
            key = (row["caption_sha256"], row["segmenter_version"])
            if key not in stored:
                names = dict(zip(("caption_sha256", "segmenter_version"), key, strict=True))
                new += [{**names, "start": start, "end": end} for start, end in row["spans"]]
            elif stored[key] != row["spans"]:
                reason = f"segmenter version {key[1]!r} has cut this caption in another way"
                conflicts.append(Conflict("cut", " ".join(key), reason))
        if new:
            connection.execute(insert(units), new)


def _campaigns(connection: Connection, parts: Parts, conflicts: list[Conflict]) -> int:
    added = 0
    for row in (row for part in parts("campaign") for row in part):
        columns = {column.name: row[column.name] for column in campaigns.c}
        same = _same(connection, row)
        if any(one.id != row["id"] for one in same):
            reason = f"there is another campaign {row['name']!r} already"
            conflicts.append(Conflict("campaign", row["id"], reason))
            continue
        if not same:
            connection.execute(insert(campaigns).values(columns))
            _ask(connection, row)
            added += 1
        elif same[0].name != row["name"]:
            reason = f"campaign {row['name']!r} is called {same[0].name!r} here"
            conflicts.append(Conflict("campaign", row["id"], reason))
            continue
        elif row["id"] == INSPECT_CAMPAIGN and _is_empty(connection, row["id"]):
            # Every database has it from the start; while it is empty, its settings are nobody's.
            connection.execute(update(campaigns).where(campaigns.c.id == row["id"]).values(columns))
            connection.execute(questions.delete().where(questions.c.campaign_id == row["id"]))
            _ask(connection, row)
        elif _asked(connection, row["id"]) != {
            (one["name"], one["low"], one["high"]) for one in row["questions"]
        }:
            reason = f"campaign {row['name']!r} asks other questions here"
            conflicts.append(Conflict("campaign", row["id"], reason))
            continue
        _guide(connection, row, conflicts)
    return added


def _same(connection: Connection, row: Mapping[str, Any]) -> list[Any]:
    """Read the campaigns with the id or the name of a record."""
    query = select(campaigns).where((campaigns.c.id == row["id"]) | (campaigns.c.name == row["name"]))
    return list(connection.execute(query))


def _is_empty(connection: Connection, campaign_id: str) -> bool:
    query = select(items.c.id).where(items.c.campaign_id == campaign_id).limit(1)
    return connection.scalar(query) is None


def _asked(connection: Connection, campaign_id: str) -> set[tuple[str, int, int]]:
    query = select(questions.c.name, questions.c.low, questions.c.high)
    return {(*row,) for row in connection.execute(query.where(questions.c.campaign_id == campaign_id))}


def _ask(connection: Connection, row: Mapping[str, Any]) -> None:
    if row["questions"]:
        asked = [{"campaign_id": row["id"], **one} for one in row["questions"]]
        connection.execute(insert(questions), asked)


def _guide(connection: Connection, row: Mapping[str, Any], conflicts: list[Conflict]) -> None:
    query = select(guidelines.c.version, guidelines.c.text).where(guidelines.c.campaign_id == row["id"])
    stored = {row.version: row.text for row in connection.execute(query)}
    for one in row["guidelines"]:
        if one["version"] not in stored:
            connection.execute(insert(guidelines).values(campaign_id=row["id"], **one))
        elif stored[one["version"]] != one["text"]:
            reason = f"guideline {one['version']} of campaign {row['name']!r} reads otherwise here"
            conflicts.append(Conflict("campaign", row["id"], reason))


def _require_campaigns(connection: Connection, parts: Parts, conflicts: list[Conflict]) -> None:
    known = set(connection.scalars(select(campaigns.c.id)))
    for kind in ("caption", "battle"):
        for row in (row for part in parts(kind) for row in part):
            if row["campaign_id"] not in known:
                reason = (
                    f"no row holds the settings of campaign {row['campaign_id']}; import the export whole, "
                    "with its first row"
                )
                conflicts.append(Conflict(kind, row["id"], reason))


def _places(connection: Connection, parts: Parts, conflicts: list[Conflict]) -> None:
    for part in parts("place"):
        item_ids = {row["item_id"] for row in part}
        query = select(assignments.c.item_id, assignments.c.rater_id, assignments.c.state)
        stored = {
            (row.item_id, row.rater_id): row.state
            for row in connection.execute(query.where(assignments.c.item_id.in_(item_ids)))
        }
        new = []
        for row in part:
            state = stored.get((row["item_id"], row["rater_id"]))
            if state is None:
                new.append(row)
            elif row["state"] in FINISHED and state not in FINISHED and _is_current(connection, row):
                mine = and_(
                    assignments.c.item_id == row["item_id"], assignments.c.rater_id == row["rater_id"]
                )
                connection.execute(update(assignments).where(mine).values(row))
        if new:
            connection.execute(insert(assignments), new)
        _count(connection, item_ids, conflicts)


def _is_current(connection: Connection, place: Mapping[str, Any]) -> bool:
    """Whether the rater's latest revision of the item stands: a place that was freed since stays free."""
    query = (
        select(revisions.c.withdrawn)
        .where(revisions.c.item_id == place["item_id"], revisions.c.rater_id == place["rater_id"])
        .order_by(revisions.c.number.desc())
        .limit(1)
    )
    return connection.scalar(query) is False


def _count(connection: Connection, item_ids: set[str], conflicts: list[Conflict]) -> None:
    finished = (
        select(func.count())
        .select_from(assignments)
        .where(assignments.c.item_id == items.c.id, assignments.c.state.in_(FINISHED))
        .scalar_subquery()
    )
    mine = items.c.id.in_(item_ids)
    full = connection.execute(
        select(items.c.id, items.c.kind, items.c.overlap, finished.label("done")).where(
            mine, finished > items.c.overlap
        )
    ).all()
    for row in full:
        reason = f"item {row.id} has room for {row.overlap} raters, and with these it would have {row.done}"
        conflicts.append(Conflict(row.kind, row.id, reason))
    if not full:
        connection.execute(update(items).where(mine, items.c.done != finished).values(done=finished))
