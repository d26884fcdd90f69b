"""The other images of a campaign, in an order that depends on their ids alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine, select

from annotations.engine import reading
from annotations.schema import images, items


@dataclass(frozen=True)
class OtherImage:
    """An image of a campaign.

    Attributes:
        image_id: Of the image.
        created_at: When it was added.
    """

    image_id: str
    created_at: str


def other_images(
    engine: Engine, places: Iterable[tuple[str, str]], *, limit: int
) -> dict[tuple[str, str], tuple[OtherImage, ...]]:
    """Read which images come after an image in the circle of its campaign's images.

    The circle is in the order of the images' ids, which were drawn at random, so who comes after whom depends
    neither on the order of an import nor on what is asked when; an image that is added later takes its place
    between two others.

    Args:
        engine: From `open_database`.
        places: Ids of a campaign and of an image.
        limit: How many images to read of each at most.

    Returns:
        By place, the images of captions to be rated (regular and gold ones, not deleted) that come after it,
        the nearest first; none of them is the image itself.

    Raises:
        StorageError: If the database fails.
    """
    found: dict[tuple[str, str], list[str]] = {}
    with reading(engine) as connection:
        for campaign_id, image_id in dict.fromkeys(places):
            # On the index of items by campaign and image, whatever the number of images.
            of_campaign = (
                select(items.c.image_id)
                .distinct()
                .where(
                    items.c.campaign_id == campaign_id,
                    items.c.deleted_at.is_(None),
                    items.c.kind == "caption",
                    items.c.role.in_(("regular", "gold")),
                )
                .order_by(items.c.image_id)
            )
            others = found[campaign_id, image_id] = []
            for part in (items.c.image_id > image_id, items.c.image_id < image_id):
                if len(others) < limit:
                    others += connection.scalars(of_campaign.where(part).limit(limit - len(others)))
        every = {image_id for others in found.values() for image_id in others}
        query = select(images.c.id, images.c.created_at).where(images.c.id.in_(every))
        added = {row.id: row.created_at for row in connection.execute(query)}
    return {
        place: tuple(OtherImage(image_id, added[image_id]) for image_id in others)
        for place, others in found.items()
    }
