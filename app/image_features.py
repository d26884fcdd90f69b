"""The features of stored images: a caption's own, and another one's of its campaign."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from annotations.other_images import other_images
from annotations.schema import timestamp
from app.item_metrics import UNSCORABLE, Seen, reason
from app.stored_scores import TEXT_ONLY
from specs_core.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image
    from sqlalchemy import Engine

    from annotations.items import Item
    from annotations.other_images import OtherImage
    from app.pictures import PictureStore
    from specs_core.encoder import Encoder

    Features = npt.NDArray[np.float32]

OTHERS_TRIED: Final = 4
"""How many other images are looked at, where the first ones cannot be read."""

# A few thousand features are some ten megabytes. An image is also the other one of another image's captions,
# which may stand far away in the queue.
_REMEMBERED: Final = 4096
# An import writes its items down before or after its images; a file that is not there yet is no failure.
_COMES_WITHIN: Final = timedelta(minutes=10)


class MissingImageError(ImageError):
    """The image of an item of which there is no file."""


class ImageFeatures:
    """Features of the images seen last: an image with several captions is encoded once.

    Args:
        engine: The open database.
        pictures: The stored images.
        encoder: The loaded model.
    """

    def __init__(self, engine: Engine, pictures: PictureStore, encoder: Encoder) -> None:
        self._engine = engine
        self._pictures = pictures
        self._encoder = encoder
        self._features: OrderedDict[str, Features] = OrderedDict()

    def seen_by(
        self, items: Sequence[Item], wanted: Mapping[str, frozenset[str]]
    ) -> tuple[list[Seen], dict[str, frozenset[str]]]:
        """Return items with the images that their metrics take.

        Args:
            items: Cut already.
            wanted: By item, names of metrics.

        Returns:
            The items, and what of the wanted can be computed now: items whose image an import has not brought
            yet come later, and so does what takes another image where there is none.

        Raises:
            StorageError: If the database fails.
        """
        late = timestamp(datetime.now(UTC) - _COMES_WITHIN)
        places = {
            item.id: (item.campaign_id, item.image_id) for item in items if TEXT_ONLY in wanted[item.id]
        }
        others = other_images(self._engine, places.values(), limit=OTHERS_TRIED)
        nearest = [images[0].image_id for images in others.values() if images]
        # All together; they are remembered.
        own, problems = self.features([*(item.image_id for item in items), *nearest])
        seen, possible = [], {}
        for item in items:
            names = wanted[item.id]
            problem = problems.get(item.image_id)
            if isinstance(problem, MissingImageError) and item.created_at >= late:
                names = frozenset()
            other: Features | str | None = None
            if item.id in places:
                other = self._other(others[places[item.id]], late)
                if other is None:
                    names -= {TEXT_ONLY}
            image = own[item.image_id] if problem is None else reason(problem)
            seen.append(Seen(item, image, "" if other is None else other))
            possible[item.id] = names
        return seen, possible

    def features(self, image_ids: Sequence[str]) -> tuple[dict[str, Features], dict[str, Exception]]:
        """Return the features of images by id, and of the others why they have none.

        Args:
            image_ids: Of the images, each any number of times.
        """
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
            except UNSCORABLE:
                for image_id, image in new.items():
                    try:
                        self._features[image_id] = self._encoder.image_features([image])[0]
                    except UNSCORABLE as error:
                        problems[image_id] = error
        known = {image_id: self._features[image_id] for image_id in image_ids if image_id in self._features}
        while len(self._features) > _REMEMBERED:
            self._features.popitem(last=False)
        return known, problems

    def _other(self, images: Sequence[OtherImage], late: str) -> Features | str | None:
        """Return the features of the first image that can be read, or why none can; None for not yet."""
        comes = not images
        for image in images:
            found, problems = self.features([image.image_id])
            if found:
                return found[image.image_id]
            problem = problems[image.image_id]
            comes = comes or (isinstance(problem, MissingImageError) and image.created_at >= late)
        return None if comes else f"None of {len(images)} other images of the campaign can be read."


def item_picture(pictures: PictureStore, image_id: str) -> Image.Image:
    """Return the image of an item as the metric sees it.

    Args:
        pictures: The stored images.
        image_id: Of the image.

    Raises:
        MissingImageError: If there is no file of it.
        ImageError: If the file cannot be read.
    """
    from specs_core.images import read_image

    path = pictures.find(image_id)
    if path is None:
        raise MissingImageError(
            f"The image of this caption is missing from the data folder (image {image_id})."
        )
    return read_image(path)
