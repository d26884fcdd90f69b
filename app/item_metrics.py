"""The metrics of stored captions: each as `specs metrics` defines it, on the units that are stored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annotations.score_queue import Failure, NewScore
from app.stored_scores import METRIC, TEXT_ONLY

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from annotations.items import Item
    from specs_core.encoder import Encoder
    from specs_core.metrics.inputs import Chunk
    from specs_core.segmentation.units import DetailUnit
    from specs_core.text_features import TreeFeatures

    Features = npt.NDArray[np.float32]

UNSCORABLE: Final = (ArithmeticError, LookupError, MemoryError, RuntimeError, ValueError)
"""What a tower may raise of one caption or image that it cannot take. A full disk is not among them: it is
not the item's fault, and the program ends and tries again later."""


@dataclass(frozen=True)
class Seen:
    """An item with what of the images its metrics take.

    Attributes:
        item: Cut already.
        image: (D,) features of its image, or why it has none.
        other: (D,) features of another image of its campaign, or why there are none.
    """

    item: Item
    image: Features | str
    other: Features | str = "there is no other image"


class CaptionMetrics:
    """The metrics of some captions, which share what several of them need.

    Args:
        encoder: The loaded model.
        captions: N captions, each with its image.
    """

    def __init__(self, encoder: Encoder, captions: Sequence[Seen]) -> None:
        self._encoder = encoder
        self._captions = captions

    def results(self, metric: str) -> list[NewScore | Failure]:
        """Compute a metric; what spoils it for all is looked for one by one.

        Args:
            metric: One of `app.stored_scores.METRICS` or `DEARER_METRICS`.

        Returns:
            For each caption its score, or why it has none.
        """
        try:
            return self.compute(metric)
        except UNSCORABLE as error:
            if len(self._captions) > 1:
                alone = (CaptionMetrics(self._encoder, [caption]) for caption in self._captions)
                return [result for one in alone for result in one.results(metric)]
            item = self._captions[0].item
            return [Failure(item.id, item.segmenter_version, reason(error), metric)]

    def compute(self, metric: str) -> list[NewScore | Failure]:
        """Compute a metric.

        Args:
            metric: As for `results`.

        Returns:
            For each caption its score, or why it has none.

        Raises:
            SpecsError: If a caption cannot be encoded, and whatever else a tower raises.
        """
        if metric == METRIC:
            return self._curves()
        if metric == TEXT_ONLY:
            return self._text_only()
        from specs_core.metrics.table import METRICS

        values = METRICS[metric].compute(self._chunk)
        return [self._result(place, metric, value.score, value.note) for place, value in enumerate(values)]

    def _curves(self) -> list[NewScore | Failure]:
        from specs_core.curve import curve_record, curves_of_units

        curves = curves_of_units(
            self._encoder, self._images, self._units, segmenter="stored", encoded=self._trees
        )
        results: list[NewScore | Failure] = []
        for place, (caption, curve) in enumerate(zip(self._captions, curves, strict=True)):
            item = caption.item
            record = curve_record(replace(curve, segmenter_version=item.segmenter_version), self._encoder)
            if record["score"] is None:
                why = caption.image if isinstance(caption.image, str) else self._too_long
                results.append(self._failure(place, METRIC, why))
                continue
            new = NewScore(item.id, item.segmenter_version, record["score"], record["similarity"], record)
            results.append(replace(new, metric=METRIC))
        return results

    def _text_only(self) -> list[NewScore | Failure]:
        """Return SPECS of every caption with the other image."""
        from specs_core.scoring import cosine, specs_score

        results = []
        for place, (caption, tree) in enumerate(zip(self._captions, self._trees, strict=True)):
            inside = tree.readable(self._encoder.context_length)
            if isinstance(caption.other, str) or not inside:
                why = caption.other if isinstance(caption.other, str) else self._too_long
                results.append(self._failure(place, TEXT_ONLY, why))
                continue
            score = float(specs_score(cosine(caption.other, tree.prefixes[inside - 1])))
            results.append(self._result(place, TEXT_ONLY, score, ""))
        return results

    def _result(self, place: int, metric: str, score: float, note: str) -> NewScore | Failure:
        item = self._captions[place].item
        if math.isnan(score):
            return self._failure(place, metric, note or "The model gives no number.")
        return NewScore(item.id, item.segmenter_version, score, metric=metric)

    def _failure(self, place: int, metric: str, why: str) -> Failure:
        item = self._captions[place].item
        return Failure(item.id, item.segmenter_version, why, metric)

    @property
    def _too_long(self) -> str:
        return (
            f"Its first unit is longer than the {self._encoder.context_length} tokens that the model reads."
        )

    @cached_property
    def _units(self) -> list[tuple[DetailUnit, ...]]:
        return [item_units(caption.item) for caption in self._captions]

    @cached_property
    def _trees(self) -> list[TreeFeatures]:
        from specs_core.text_features import TextTree

        return self._encoder.tree_features([TextTree(units) for units in self._units])

    @cached_property
    def _images(self) -> Features:
        """(N, D), NaN where there are none."""
        import numpy as np

        features = np.full((len(self._captions), self._encoder.width), np.nan, dtype=np.float32)
        for place, caption in enumerate(self._captions):
            if not isinstance(caption.image, str):
                features[place] = caption.image
        return features

    @cached_property
    def _chunk(self) -> Chunk:
        from specs_core.batch import Row
        from specs_core.metrics.inputs import Chunk, Inputs

        rows = [
            Row(number, caption.item.id, Path(caption.item.image_id), caption.item.caption)
            for number, caption in enumerate(self._captions, 1)
        ]
        problems = tuple(one.image if isinstance(one.image, str) else "" for one in self._captions)
        images = (self._images, problems)
        return Chunk(rows, Inputs(encoder=self._encoder), units=self._units, images=images)


def metrics_of(
    encoder: Encoder, captions: Sequence[Seen], wanted: Mapping[str, frozenset[str]]
) -> tuple[list[NewScore], list[Failure]]:
    """Compute what is wanted of some captions.

    Args:
        encoder: The loaded model.
        captions: Those captions.
        wanted: By item, names of metrics.

    Returns:
        The scores, and why others are missing.
    """
    found: list[NewScore] = []
    failures: list[Failure] = []
    groups: dict[frozenset[str], list[Seen]] = {}
    for caption in captions:
        groups.setdefault(wanted[caption.item.id], []).append(caption)
    for names, group in groups.items():
        metrics = CaptionMetrics(encoder, group)
        for name in sorted(names):
            for result in metrics.results(name):
                if isinstance(result, Failure):
                    failures.append(result)
                else:
                    found.append(result)
    return found, failures


def item_units(item: Item) -> tuple[DetailUnit, ...]:
    """Return the units of an item as the metric takes them."""
    from specs_core.segmentation.units import DetailUnit

    return tuple(DetailUnit(unit.text, unit.start, unit.end) for unit in item.units)


def reason(error: Exception) -> str:
    """Return what an error says, in one sentence."""
    return str(error) or type(error).__name__
