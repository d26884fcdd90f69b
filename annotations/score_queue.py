"""Which captions wait for a score of a model, many scores stored at once, and why some have none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    FromClause,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
)

from annotations.engine import reading, writing
from annotations.schema import campaigns, items, score_failures, scores, timestamp
from annotations.scores import check_score


@dataclass(frozen=True)
class WaitingItem:
    """A caption that a model has not scored as it is cut now.

    Attributes:
        item_id: Of the item.
        image_id: Of its image.
        created_at: When the item was added; with the id the place in the queue.
    """

    item_id: str
    image_id: str
    created_at: str


@dataclass(frozen=True)
class NewScore:
    """The score of one item, as a cut gave it.

    Attributes:
        item_id: Of the item.
        segmenter_version: Of the units that were scored.
        score: What the metric reports.
        similarity: The cosine behind it, or None.
        curve: The whole curve, as an object that JSON can hold, or None.
        metric: Name of the metric; "" for the one that is given with all of them.
    """

    item_id: str
    segmenter_version: str
    score: float
    similarity: float | None = None
    curve: Mapping[str, Any] | None = None
    metric: str = ""


@dataclass(frozen=True)
class Failure:
    """Why an item has no score.

    Attributes:
        item_id: Of the item.
        segmenter_version: Of the units that could not be scored; "" where the caption could not be cut.
        reason: One sentence.
        metric: Name of the metric; "" for the one that is given with all of them.
    """

    item_id: str
    segmenter_version: str
    reason: str
    metric: str = ""


@dataclass(frozen=True)
class QueueCounts:
    """How far the scoring of the running campaigns' captions by one model has come.

    Attributes:
        scored: Captions with a score of the model, as they are cut now.
        waiting: Captions that will be tried.
        failed: Captions that were tried in vain.
    """

    scored: int
    waiting: int
    failed: int


def waiting_items(
    engine: Engine,
    *,
    metrics: Sequence[str],
    model_sha256: str,
    limit: int,
    across: Sequence[str] = (),
    after: WaitingItem | None = None,
) -> tuple[WaitingItem, ...]:
    """Read the captions of running campaigns that lack a score of a model, with no reason why.

    A caption that was cut in another way since its scores were stored waits again.

    Args:
        engine: From `open_database`.
        metrics: Names of the metrics; who lacks one of them waits.
        model_sha256: Of the model's weights.
        limit: How many to read at most.
        across: Those of the metrics that take another image of the campaign; nobody waits for them in a
            campaign that has only one.
        after: Only those behind this one in the queue, unless None.

    Returns:
        The items in the order in which they were added. Those of paused and deleted campaigns, deleted ones,
        battles and those to learn on are left out.

    Raises:
        StorageError: If the database fails.
    """
    lacking = [
        ~_has_row(scores, metric, model_sha256) & ~_has_row(score_failures, metric, model_sha256)
        for metric in metrics
        if metric not in across
    ]
    if across:
        # Under another name, or it would be the same row as outside.
        all_items = items.alias()
        several = (
            select(all_items.c.campaign_id)
            .where(*_are_judged(all_items))
            .group_by(all_items.c.campaign_id)
            .having(func.min(all_items.c.image_id) < func.max(all_items.c.image_id))
        )
        lacking += [
            items.c.campaign_id.in_(several)
            & ~_has_row(scores, metric, model_sha256)
            & ~_has_row(score_failures, metric, model_sha256)
            for metric in across
        ]
    query = (
        select(items.c.id, items.c.image_id, items.c.created_at)
        .join(campaigns, campaigns.c.id == items.c.campaign_id)
        .where(_is_wanted(), or_(*lacking))
        .order_by(items.c.created_at, items.c.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(items.c.created_at, items.c.id) > (after.created_at, after.item_id))
    with reading(engine) as connection:
        return tuple(WaitingItem(row.id, row.image_id, row.created_at) for row in connection.execute(query))


def lacking_metrics(
    engine: Engine, item_ids: Sequence[str], *, metrics: Sequence[str], model_sha256: str
) -> dict[str, frozenset[str]]:
    """Read which scores some items lack, as they are cut now, and of which nobody knows why.

    Args:
        engine: From `open_database`.
        item_ids: Of the items.
        metrics: Names of the metrics.
        model_sha256: Of the model's weights.

    Returns:
        By item, those of the metrics of which it has neither a score nor a failure.

    Raises:
        StorageError: If the database fails.
    """
    lacking = {item_id: set(metrics) for item_id in item_ids}
    with reading(engine) as connection:
        for table in (scores, score_failures):
            query = (
                select(table.c.item_id, table.c.metric)
                .join(items, items.c.id == table.c.item_id)
                .where(
                    table.c.item_id.in_(list(lacking)),
                    table.c.model_sha256 == model_sha256,
                    table.c.segmenter_version == items.c.segmenter_version,
                )
            )
            for item_id, metric in connection.execute(query):
                lacking[item_id].discard(metric)
    return {item_id: frozenset(names) for item_id, names in lacking.items()}


def save_many_scores(
    engine: Engine,
    found: Sequence[NewScore],
    failed: Sequence[Failure] = (),
    *,
    metric: str,
    model: str,
    model_sha256: str,
) -> frozenset[str]:
    """Write scores of many items in one short transaction, and why others are missing.

    What an item was scored by must still be how it is cut; where it was cut in another way meanwhile, it
    keeps waiting.

    Args:
        engine: From `open_database`.
        found: At most one for each item and metric.
        failed: One for each that could not be computed.
        metric: Name of the metric of those that name none, for example ``specs``.
        model: Name of the model.
        model_sha256: Of its weights.

    Returns:
        Ids of the items that got a score.

    Raises:
        InvalidRecordError: If a number is not finite, a name is empty, or a curve is no JSON object.
        StorageError: If the database fails; then nothing of it is stored.
    """
    now = timestamp()
    # All that takes time is done before the writers' queue is entered.
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for new in found:
        name = new.metric or metric
        encoded = check_score(
            new.item_id,
            metric=name,
            model=model,
            model_sha256=model_sha256,
            score=new.score,
            similarity=new.similarity,
            curve=new.curve,
        )
        rows[new.item_id, name] = {
            "item_id": new.item_id,
            "metric": name,
            "model_sha256": model_sha256,
            "model": model,
            "score": float(new.score),
            "similarity": None if new.similarity is None else float(new.similarity),
            "curve": encoded,
            "segmenter_version": new.segmenter_version,
            "created_at": now,
        }
    missed = {
        (failure.item_id, failure.metric or metric): {
            "item_id": failure.item_id,
            "metric": failure.metric or metric,
            "model_sha256": model_sha256,
            "segmenter_version": failure.segmenter_version,
            "reason": failure.reason,
            "created_at": now,
        }
        for failure in failed
    }
    both = {item_id for item_id, _ in (*rows, *missed)}
    if not both:
        return frozenset()
    with writing(engine) as connection:
        versions = select(items.c.id, items.c.segmenter_version).where(items.c.id.in_(both))
        cut = {row.id: row.segmenter_version for row in connection.execute(versions)}
        fresh = {key: row for key, row in rows.items() if cut.get(key[0]) == row["segmenter_version"]}
        tried = {key: row for key, row in missed.items() if cut.get(key[0]) is not None}
        for table, keys in ((scores, list(fresh)), (score_failures, [*fresh, *tried])):
            if keys:
                connection.execute(
                    delete(table).where(
                        table.c.item_id.in_({item_id for item_id, _ in keys}),
                        table.c.model_sha256 == model_sha256,
                        tuple_(table.c.item_id, table.c.metric).in_(keys),
                    )
                )
        if fresh:
            connection.execute(insert(scores), list(fresh.values()))
        if tried:
            connection.execute(insert(score_failures), list(tried.values()))
    return frozenset(item_id for item_id, _ in fresh)


def count_scores(engine: Engine, *, metric: str, model_sha256: str) -> QueueCounts:
    """Count how far the scoring of the running campaigns' captions by one model has come.

    Args:
        engine: From `open_database`.
        metric: Name of the metric.
        model_sha256: Of the model's weights; of unknown weights everything waits.

    Raises:
        StorageError: If the database fails.
    """
    of_running = (
        select(func.count()).select_from(items).join(campaigns, campaigns.c.id == items.c.campaign_id)
    )
    has_score, has_failed = (_has_row(table, metric, model_sha256) for table in (scores, score_failures))
    with reading(engine) as connection:
        total, scored, failed = (
            connection.scalar(of_running.where(_is_wanted(), *wanted)) or 0
            for wanted in ((), (has_score,), (~has_score, has_failed))
        )
    return QueueCounts(scored=scored, waiting=total - scored - failed, failed=failed)


def failures(engine: Engine, *, metric: str, model_sha256: str, limit: int = 100) -> tuple[Failure, ...]:
    """Read why captions of running campaigns have no score of a model, the latest first.

    Args:
        engine: From `open_database`.
        metric: Name of the metric.
        model_sha256: Of the model's weights.
        limit: How many to read at most.

    Raises:
        StorageError: If the database fails.
    """
    query = (
        select(*(score_failures.c[name] for name in ("item_id", "segmenter_version", "reason", "metric")))
        .join(items, items.c.id == score_failures.c.item_id)
        .join(campaigns, campaigns.c.id == items.c.campaign_id)
        .where(
            _is_wanted(),
            ~_has_row(scores, metric, model_sha256),
            score_failures.c.metric == metric,
            score_failures.c.model_sha256 == model_sha256,
            score_failures.c.segmenter_version == items.c.segmenter_version,
        )
        .order_by(score_failures.c.created_at.desc(), score_failures.c.item_id)
        .limit(limit)
    )
    with reading(engine) as connection:
        return tuple(Failure(*row) for row in connection.execute(query))


def try_again(engine: Engine, *, metrics: Sequence[str], model_sha256: str) -> int:
    """Let all captions that could not be scored wait for another try.

    Args:
        engine: From `open_database`.
        metrics: Names of the metrics.
        model_sha256: Of the model's weights.

    Returns:
        How many failures are forgotten.

    Raises:
        StorageError: If the database fails.
    """
    with writing(engine) as connection:
        return connection.execute(
            delete(score_failures).where(
                score_failures.c.metric.in_(metrics), score_failures.c.model_sha256 == model_sha256
            )
        ).rowcount


def _is_wanted() -> ColumnElement[bool]:
    return and_(
        campaigns.c.deleted_at.is_(None),
        campaigns.c.paused_at.is_(None),
        *_are_judged(items),
    )


def _are_judged(table: FromClause) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.deleted_at.is_(None),
        table.c.kind == "caption",
        table.c.role.in_(("regular", "gold")),
    )


def _has_row(table: Table, metric: str, model_sha256: str) -> ColumnElement[bool]:
    """Tell whether a table has a row of an item under a model, as the item is cut now."""
    return exists().where(
        table.c.item_id == items.c.id,
        table.c.metric == metric,
        table.c.model_sha256 == model_sha256,
        table.c.segmenter_version == items.c.segmenter_version,
    )
