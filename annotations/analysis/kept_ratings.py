"""All revisions with their answers, read once: of ratings that come in later only these are read (R, A rows).

Revisions are append-only, and each person's receipts are numbered in the order in which they were given.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from annotations.analysis.wide_queries import read_columns
from annotations.resampling import Counts
from annotations.schema import answers, revisions

_MOST_NEW: Final = 5000
_MOST_PEOPLE: Final = 50

Receipts = Mapping[str, tuple[int, int]]
"""By the id of a rater: how many revisions there are, and the number on the last receipt."""


@dataclass(frozen=True, eq=False)
class RevisionRows:
    """Every revision there is, withdrawn and replaced ones too, in any order.

    Attributes:
        ids: (R,) ids.
        items: Ids of the items, as `item` numbers them.
        item: (R,) numbers of the items.
        raters: Ids of the raters, as `rater` numbers them.
        rater: (R,) numbers of the raters.
        number: (R,) which revision of this rater on this item it is.
        day: (R,) UTC, ``2026-01-31``.
        is_withdrawn: (R,) whether it withdraws the rating.
        is_revealed: (R,) whether the rater had seen the metric before.
        receipts: Of all of them.
        questions: Names, as `question` numbers them.
        revision: (A,) number of the revision of each answer.
        question: (A,) number of the question.
        value: (A,) the answer.
        low: (A,) the lowest that the question allowed when it was given.
        high: (A,) the highest.
    """

    ids: list[str]
    items: list[str]
    item: Counts
    raters: list[str]
    rater: Counts
    number: Counts
    day: npt.NDArray[np.str_]
    is_withdrawn: npt.NDArray[np.bool_]
    is_revealed: npt.NDArray[np.bool_]
    receipts: Receipts
    questions: list[str]
    revision: Counts
    question: Counts
    value: Counts
    low: Counts
    high: Counts

    def joined(self, new: "RevisionRows") -> "RevisionRows":
        """Return these and others, of which none is here.

        Args:
            new: The others, with the receipts of all.
        """
        items, item = _numbered(self.items, new.items)
        raters, rater = _numbered(self.raters, new.raters)
        questions, question = _numbered(self.questions, new.questions)
        renumbered = replace(
            new,
            item=item[new.item],
            rater=rater[new.rater],
            question=question[new.question],
            revision=new.revision + len(self.ids),
        )
        of_revisions = ("item", "rater", "number", "day", "is_withdrawn", "is_revealed")
        of_answers = ("revision", "question", "value", "low", "high")
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(renumbered, name)])
            for name in (*of_revisions, *of_answers)
        }
        return RevisionRows(
            ids=self.ids + new.ids,
            items=items,
            raters=raters,
            questions=questions,
            receipts=new.receipts,
            **columns,
        )


class KeptRatings:
    """The revisions of one database, as they were read last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: RevisionRows | None = None

    def read(self, connection: Connection) -> RevisionRows:
        """Return all revisions in an open transaction; those that were there before are not read again.

        Args:
            connection: From `annotations.engine.reading`, always of the same database.
        """
        receipts = _receipts(connection)
        with self._lock:
            rows = self._rows
            if rows is None or rows.receipts != receipts:
                rows = _more(connection, rows, receipts) or _read(connection, receipts)
                self._rows = rows
            return rows


def _receipts(connection: Connection) -> dict[str, tuple[int, int]]:
    query = select(
        revisions.c.rater_id, func.count().label("given"), func.max(revisions.c.receipt).label("last")
    ).group_by(revisions.c.rater_id)
    return {rater_id: (given, last) for rater_id, given, last in connection.execute(query)}


def _more(connection: Connection, rows: RevisionRows | None, receipts: Receipts) -> RevisionRows | None:
    """Read what has later receipts than all that was read, or None where that cannot be all that is new."""
    if rows is None or set(rows.receipts) - set(receipts):
        return None
    nothing = (0, 0)
    grown = {one: rows.receipts.get(one, nothing) for one in receipts}
    grown = {one: known for one, known in grown.items() if known != receipts[one]}
    n_new = sum(receipts[one][0] - known[0] for one, known in grown.items())
    if not 0 < n_new <= _MOST_NEW or len(grown) > _MOST_PEOPLE:
        return None
    later = or_(
        *(
            and_(revisions.c.rater_id == one, revisions.c.receipt > last)
            for one, (_, last) in sorted(grown.items())
        )
    )
    new = _read(connection, receipts, later)
    # What is there stays for ever, and none of it is read again: as many as there are more are all of them.
    # Only merging another database can bring in earlier receipts.
    per_rater = dict(zip(new.raters, np.bincount(new.rater, minlength=len(new.raters)).tolist(), strict=True))
    if any(per_rater.get(one, 0) != receipts[one][0] - known[0] for one, known in grown.items()):
        return None
    return rows.joined(new)


def _read(
    connection: Connection, receipts: Receipts, which: ColumnElement[bool] | None = None
) -> RevisionRows:
    """Read revisions with their answers: all, or some."""
    of_revisions = select(
        revisions.c.id,
        revisions.c.item_id,
        revisions.c.rater_id,
        revisions.c.number,
        func.substr(revisions.c.created_at, 1, 10).label("day"),
        case((revisions.c.withdrawn, 1), else_=0).label("withdrawn"),
        case((revisions.c.metric_revealed_at.is_(None), 0), else_=1).label("revealed"),
    )
    of_answers = select(
        answers.c.revision_id, answers.c.question, answers.c.value, answers.c.low, answers.c.high
    )
    if which is not None:
        of_revisions = of_revisions.where(which)
        of_answers = of_answers.where(answers.c.revision_id.in_(select(revisions.c.id).where(which)))
    ids, item_ids, rater_ids, number, day, withdrawn, revealed = read_columns(connection, of_revisions)
    revision_ids, names, value, low, high = read_columns(connection, of_answers)
    (items, item), (raters, rater), (questions, question) = map(_coded, (item_ids, rater_ids, names))
    row_of = {revision_id: row for row, revision_id in enumerate(ids)}
    return RevisionRows(
        ids=ids,
        items=items,
        item=item,
        raters=raters,
        rater=rater,
        number=np.array(number, dtype=np.int64),
        day=np.array(day, dtype="U10"),
        is_withdrawn=np.array(withdrawn, dtype=np.bool_),
        is_revealed=np.array(revealed, dtype=np.bool_),
        receipts=receipts,
        questions=questions,
        revision=np.array([row_of[revision_id] for revision_id in revision_ids], dtype=np.int64),
        question=question,
        value=np.array(value, dtype=np.int64),
        low=np.array(low, dtype=np.int64),
        high=np.array(high, dtype=np.int64),
    )


def _coded(texts: Sequence[str]) -> tuple[list[str], Counts]:
    """Return the different texts, and the number of each one among them."""
    number_of: dict[str, int] = {}
    numbers = [number_of.setdefault(text, len(number_of)) for text in texts]
    return list(number_of), np.array(numbers, dtype=np.int64)


def _numbered(known: Sequence[str], new: Sequence[str]) -> tuple[list[str], Counts]:
    """Return the texts of both, and the numbers among them of the new ones."""
    names, numbers = _coded([*known, *new])
    return names, numbers[len(known) :]
