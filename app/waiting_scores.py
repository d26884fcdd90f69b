"""The captions that have no score yet, scored many at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from annotations.batch_cuts import cut_items
from annotations.items import Item, get_item
from annotations.score_queue import (
    Failure,
    NewScore,
    lacking_metrics,
    save_many_scores,
    waiting_items,
)
from app.image_features import ImageFeatures
from app.item_cuts import cut_captions
from app.item_metrics import metrics_of
from app.stored_scores import METRIC, METRICS, TEXT_ONLY

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from annotations.score_queue import WaitingItem
    from app.pictures import PictureStore
    from specs_core.encoder import Encoder

TOGETHER: Final = 16
"""Captions that are scored and stored together: a batch is a fraction of a second, and its transaction
milliseconds."""

_READ_AT_ONCE: Final = 512
_LOG = logging.getLogger("specs_lens")


Write = Callable[[Callable[[], Any]], Any]


@dataclass(frozen=True)
class Done:
    """What a round of scoring has come to.

    Attributes:
        scored: Captions that got a score.
        failed: Captions that cannot be scored.
    """

    scored: int = 0
    failed: int = 0


def score_waiting(
    engine: Engine,
    pictures: PictureStore,
    encoder: Encoder,
    *,
    metrics: Sequence[str] = METRICS,
    stopped: Callable[[float], bool] = lambda _: False,
    write: Write = lambda change: change(),
) -> Done:
    """Score all captions of running campaigns that lack a score of a model, a few at a time.

    A caption that cannot be scored is told of once, and its reason is stored; the others go on.

    Args:
        engine: The open database.
        pictures: The stored images.
        encoder: The loaded model.
        metrics: What is wanted of every caption: of `app.stored_scores.METRICS` and `DEARER_METRICS`.
        stopped: Asked before each batch whether to leave the rest, and told how many seconds the one before
            took; it may rest as long.
        write: Calls what writes to the database, and returns what that does.

    Returns:
        How many were scored, and how many cannot be.

    Raises:
        StorageError: If the database fails.
        ConfigError: If the segmenter's pipeline cannot be loaded.
    """
    images = ImageFeatures(engine, pictures, encoder)
    last: WaitingItem | None = None
    scored = failed = 0
    seconds = 0.0
    of_model: dict[str, Any] = {"metrics": metrics, "model_sha256": encoder.weights_sha256}
    across = [TEXT_ONLY] if TEXT_ONLY in metrics else []
    while queue := waiting_items(engine, limit=_READ_AT_ONCE, across=across, after=last, **of_model):
        last = queue[-1]
        for start in range(0, len(queue), TOGETHER):
            if stopped(seconds):
                return Done(scored, failed)
            began = time.monotonic()
            batch = queue[start : start + TOGETHER]
            items, failures = _cut(engine, [one.item_id for one in batch], metrics, write)
            wanted = lacking_metrics(engine, [item.id for item in items], **of_model)
            captions, wanted = images.seen_by(items, wanted)
            found, unscorable = metrics_of(encoder, captions, wanted)
            failures += unscorable
            _tell(failures)
            written = write(partial(save_rows, engine, found, failures, encoder))
            unscored = {failure.item_id for failure in failures if failure.metric == METRIC}
            scored += len(written - unscored)
            failed += len(unscored)
            seconds = time.monotonic() - began
    return Done(scored, failed)


def save_rows(
    engine: Engine, found: Sequence[NewScore], failures: Sequence[Failure], encoder: Encoder
) -> frozenset[str]:
    """Store scores of a model in one short transaction, and why others are missing.

    Args:
        engine: The open database.
        found: The scores.
        failures: Why others are missing.
        encoder: The model.

    Returns:
        Ids of the items that got a score.

    Raises:
        StorageError: If the database fails.
    """
    return save_many_scores(
        engine,
        found,
        failures,
        metric=METRIC,
        model=encoder.checkpoint.label,
        model_sha256=encoder.weights_sha256,
    )


def _tell(failures: Sequence[Failure]) -> None:
    """Tell of each caption and reason once."""
    without: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        without.setdefault((failure.item_id, failure.reason), []).append(failure.metric)
    for (item_id, why), metrics in without.items():
        if METRIC in metrics:
            _LOG.warning("item %s cannot be scored: %s", item_id, why)
        else:
            _LOG.warning("item %s has no %s: %s", item_id, ", ".join(metrics), why)


def _cut(
    engine: Engine, item_ids: Sequence[str], metrics: Sequence[str], write: Write
) -> tuple[list[Item], list[Failure]]:
    """Read items, and cut those that nobody has cut."""
    items = [get_item(engine, item_id) for item_id in item_ids]
    uncut = [item for item in items if not item.is_cut]
    if not uncut:
        return items, []
    version, cuts = cut_captions([item.caption for item in uncut])
    pairs = list(zip(uncut, cuts, strict=True))
    refused = write(lambda: cut_items(engine, pairs, segmenter_version=version))
    # Read again, because a rater may have come first.
    items = [item if item.is_cut else get_item(engine, item.id) for item in items if item.id not in refused]
    failures = [Failure(item_id, "", why, metric) for item_id, why in refused.items() for metric in metrics]
    return items, failures
