"""The captions that have no score yet, scored many at a time."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from annotations.batch_cuts import cut_items
from annotations.items import Item, get_item
from annotations.schema import timestamp
from annotations.score_queue import Failure, NewScore, save_many_scores, waiting_items
from app.item_cuts import cut_captions
from app.item_scores import MissingImageError, item_picture, item_units
from app.stored_scores import METRIC
from specs_core.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from sqlalchemy import Engine

    from annotations.score_queue import WaitingItem
    from app.pictures import PictureStore
    from specs_core.curve import ScoreCurve
    from specs_core.encoder import Encoder

TOGETHER: Final = 16
"""Captions that are scored and stored together: a batch is a fraction of a second, and its transaction
milliseconds."""

_READ_AT_ONCE: Final = 512
_REMEMBERED_IMAGES: Final = 256
# An import writes its items down before or after its images; a file that is not there yet is no failure.
_IMAGE_COMES_WITHIN: Final = timedelta(minutes=10)
_LOG = logging.getLogger("specs_lens")
# What a tower may raise of one caption or image that it cannot take. A full disk is not among them: it is not
# the item's fault, and the program ends and tries again later.
_UNSCORABLE = (ArithmeticError, LookupError, MemoryError, RuntimeError, ValueError)


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
    stopped: Callable[[float], bool] = lambda _: False,
    write: Write = lambda change: change(),
) -> Done:
    """Score all captions of running campaigns that a model has not scored, a few at a time.

    A caption that cannot be scored is told of once, and its reason is stored; the others go on.

    Args:
        engine: The open database.
        pictures: The stored images.
        encoder: The loaded model.
        stopped: Asked before each batch whether to leave the rest, and told how many seconds the one before
            took; it may rest as long.
        write: Calls what writes to the database, and returns what that does.

    Returns:
        How many were scored, and how many cannot be.

    Raises:
        StorageError: If the database fails.
        ConfigError: If the segmenter's pipeline cannot be loaded.
    """
    images = _Images(pictures, encoder)
    last: WaitingItem | None = None
    scored = failed = 0
    seconds = 0.0
    while queue := waiting_items(
        engine, metric=METRIC, model_sha256=encoder.weights_sha256, limit=_READ_AT_ONCE, after=last
    ):
        last = queue[-1]
        for start in range(0, len(queue), TOGETHER):
            if stopped(seconds):
                return Done(scored, failed)
            began = time.monotonic()
            batch = queue[start : start + TOGETHER]
            items, failures = _cut(engine, [one.item_id for one in batch], write)
            found, unscorable = _score(items, images, encoder)
            failures += unscorable
            for failure in failures:
                _LOG.warning("item %s cannot be scored: %s", failure.item_id, failure.reason)
            scored += write(partial(_save, engine, found, failures, encoder))
            failed += len(failures)
            seconds = time.monotonic() - began
    return Done(scored, failed)


def _save(engine: Engine, found: list[NewScore], failures: list[Failure], encoder: Encoder) -> int:
    return save_many_scores(
        engine,
        found,
        failures,
        metric=METRIC,
        model=encoder.checkpoint.label,
        model_sha256=encoder.weights_sha256,
    )


class _Images:
    """Features of the images seen last: an image with several captions is encoded once."""

    def __init__(self, pictures: PictureStore, encoder: Encoder) -> None:
        self._pictures = pictures
        self._encoder = encoder
        self._features: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()

    def features(
        self, image_ids: Sequence[str]
    ) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Exception]]:
        """Return the features of images by id, and of the others why they have none."""
        problems: dict[str, Exception] = {}
        new = {}
        for image_id in dict.fromkeys(image_ids):
            if image_id in self._features:
                self._features.move_to_end(image_id)
                continue
            try:
                new[image_id] = item_picture(self._pictures, image_id)
            except (ImageError, MemoryError) as error:
                problems[image_id] = error
        if new:
            try:
                self._features.update(zip(new, self._encoder.image_features(list(new.values())), strict=True))
            except _UNSCORABLE:
                for image_id, image in new.items():
                    try:
                        self._features[image_id] = self._encoder.image_features([image])[0]
                    except _UNSCORABLE as error:
                        problems[image_id] = error
        known = {image_id: self._features[image_id] for image_id in image_ids if image_id in self._features}
        while len(self._features) > _REMEMBERED_IMAGES:
            self._features.popitem(last=False)
        return known, problems


def _score(items: Sequence[Item], images: _Images, encoder: Encoder) -> tuple[list[NewScore], list[Failure]]:
    from specs_core.curve import curve_record

    failures = []
    features, problems = images.features([item.image_id for item in items])
    ready, late = [], timestamp(datetime.now(UTC) - _IMAGE_COMES_WITHIN)
    for item in items:
        if item.image_id in features:
            ready.append(item)
            continue
        problem = problems[item.image_id]
        if not isinstance(problem, MissingImageError) or item.created_at < late:
            failures.append(Failure(item.id, item.segmenter_version, _reason(problem)))
    found = []
    for item, curve in zip(ready, _curves(ready, features, encoder), strict=True):
        if isinstance(curve, str):
            failures.append(Failure(item.id, item.segmenter_version, curve))
            continue
        record = curve_record(replace(curve, segmenter_version=item.segmenter_version), encoder)
        if record["score"] is None:
            reason = f"Its first unit is longer than the {curve.context_length} tokens that the model reads."
            failures.append(Failure(item.id, item.segmenter_version, reason))
            continue
        found.append(
            NewScore(item.id, item.segmenter_version, record["score"], record["similarity"], curve=record)
        )
    return found, failures


def _cut(engine: Engine, item_ids: Sequence[str], write: Write) -> tuple[list[Item], list[Failure]]:
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
    return items, [Failure(item_id, "", reason) for item_id, reason in refused.items()]


def _curves(
    items: Sequence[Item], features: dict[str, npt.NDArray[np.float32]], encoder: Encoder
) -> list[ScoreCurve | str]:
    """Return the curve of each caption, or why it has none; what spoils a batch is looked for one by one."""
    import numpy as np

    from specs_core.curve import curves_of_units

    if not items:
        return []
    try:
        stacked = np.stack([features[item.image_id] for item in items])
        return list(
            curves_of_units(encoder, stacked, [item_units(item) for item in items], segmenter="stored")
        )
    except _UNSCORABLE as error:
        if len(items) == 1:
            return [_reason(error)]
        return [found for item in items for found in _curves([item], features, encoder)]


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
