"""What metrics read: the rows of a chunk, and what the run that they belong to has loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from specs_core.batch import Row
from specs_core.curve import DEFAULT_SEGMENTER
from specs_core.scoring import FloatArray, cosine

if TYPE_CHECKING:
    from specs_core.baselines.cider import DocumentFrequencies
    from specs_core.baselines.sentinels import ImageCircle
    from specs_core.batch import RememberedImages
    from specs_core.encoder import Encoder
    from specs_core.judge import Judge
    from specs_core.segmentation.units import DetailUnit

#: Stands before a caption whose CLIPScore is wanted.
TEMPLATE = "A photo depicts "


@dataclass(frozen=True)
class Value:
    """A score and what is to be said of it.

    Attributes:
        score: NaN where there is none.
        note: Why there is none, or what it leaves out, which the user is told; "" for nothing.
        reason: What else belongs to it; "" for nothing.
    """

    score: float
    note: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Inputs:
    """What a run has loaded; a metric finds here what it needs, and may not look at the rest.

    Attributes:
        encoder: The model.
        images: Features of images, by path.
        segmenter: Cuts captions for the number of units, and those beyond the context.
        seed: Of the sentinels.
        frequencies: Of the references of the whole data set.
        circle: The images of the whole data set.
        wordnet: A reader of WordNet.
        judge: A language model.
    """

    encoder: Encoder | None = None
    images: RememberedImages | None = None
    segmenter: str = DEFAULT_SEGMENTER
    seed: int = 0
    frequencies: DocumentFrequencies | None = None
    circle: ImageCircle | None = None
    wordnet: Any = None
    judge: Judge | None = None


@dataclass(frozen=True, eq=False)
class Texts:
    """As much of N captions as the model reads behind a template.

    Attributes:
        read: Those whole units, without the template; "" where not even the first fits.
        features: (N, D) float32 of template and text; NaN where nothing fits.
        notes: What is left out, "" for nothing.
    """

    read: tuple[str, ...]
    features: npt.NDArray[np.float32]
    notes: tuple[str, ...]


class Chunk:
    """Rows that are scored together; what several metrics need is computed once.

    Attributes:
        rows: N rows.
        inputs: Of the run.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        inputs: Inputs,
        *,
        units: Sequence[tuple[DetailUnit, ...]] | None = None,
        images: tuple[npt.NDArray[np.float32], tuple[str, ...]] | None = None,
    ) -> None:
        """Take rows, and what is known of them already.

        Args:
            rows: N rows.
            inputs: Of the run.
            units: Of each caption, where something else than the run's segmenter has cut them.
            images: (N, D) features, NaN for images that cannot be read, and why they cannot, "" where they
                can; those of the rows' paths when None.
        """
        self.rows = rows
        self.inputs = inputs
        if units is not None:
            self.units = list(units)
        if images is not None:
            self._images = images

    @property
    def encoder(self) -> Encoder:
        """The model of a run that has one."""
        assert self.inputs.encoder is not None, "the metric's table entry does not say that it needs a model"
        return self.inputs.encoder

    @cached_property
    def _images(self) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
        assert self.inputs.images is not None
        found, problems = self.inputs.images.features(row.image for row in self.rows)
        features = np.full((len(self.rows), self.encoder.width), np.nan, dtype=np.float32)
        for place, row in enumerate(self.rows):
            if row.image in found:
                features[place] = found[row.image]
        return features, tuple(problems.get(row.image, "") for row in self.rows)

    @property
    def image_features(self) -> npt.NDArray[np.float32]:
        """(N, D), NaN for images that cannot be read."""
        return self._images[0]

    @property
    def image_problems(self) -> tuple[str, ...]:
        """Why they cannot, "" where they can."""
        return self._images[1]

    @cached_property
    def units(self) -> list[tuple[DetailUnit, ...]]:
        """The detail units of every caption."""
        from specs_core.segmentation import segment_many

        return list(segment_many([row.caption for row in self.rows], segmenter=self.inputs.segmenter))

    @cached_property
    def plain(self) -> Texts:
        """The captions as they are."""
        return self._texts("")

    @cached_property
    def prompted(self) -> Texts:
        """The captions behind `TEMPLATE`."""
        return self._texts(TEMPLATE)

    def similarity(self, texts: Texts) -> FloatArray:
        """(N,) cosines of images and texts; NaN where either is missing."""
        return cosine(self.image_features, texts.features)

    def noted(self, scores: FloatArray, texts: Texts) -> list[Value]:
        """Return scores with what is missing of images and texts."""
        notes = zip(self.image_problems, texts.notes, strict=True)
        return [
            Value(float(score), problem or note) for score, (problem, note) in zip(scores, notes, strict=True)
        ]

    def _texts(self, template: str) -> Texts:
        read, notes = zip(*(self._readable(place, template) for place in range(len(self.rows))), strict=True)
        features = np.full((len(self.rows), self.encoder.width), np.nan, dtype=np.float32)
        inside = [place for place, text in enumerate(read) if text]
        features[inside] = self.encoder.text_features([template + read[place] for place in inside])
        return Texts(read, features, notes)

    def _readable(self, place: int, template: str) -> tuple[str, str]:
        """Return as many whole units as fit the context behind the template, and a note on the others."""
        caption, texts = self.rows[place].caption, self.encoder.texts
        if texts.fits(texts.tokens(template + caption)):
            return caption, ""
        units = self._cut(place)
        read, count = "", 0
        for unit in units:
            if not texts.fits(texts.tokens(template + read + unit.text)):
                break
            read, count = read + unit.text, count + 1
        limit = f"the model's {self.encoder.context_length} tokens"
        if not count:
            return "", f"not even the first unit fits {limit}"
        return read, f"scored up to unit {count} of {len(units)}; the others lie beyond {limit}"

    def _cut(self, place: int) -> tuple[DetailUnit, ...]:
        from specs_core.segmentation import segment

        if "units" in self.__dict__:  # a metric needed those of all rows
            return self.units[place]
        return segment(self.rows[place].caption, segmenter=self.inputs.segmenter)
