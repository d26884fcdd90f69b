"""What every page is built with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from app.encoders import EncoderCache
from app.heat import ImageEvidenceCache
from app.pictures import PictureStore

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.analysis import Readings
    from app.backups import BackupThread
    from app.settings import Settings


@dataclass(frozen=True)
class AppContext:
    """The things that live as long as the app.

    Attributes:
        settings: The settings the app was started with.
        engine: The open ratings database.
        encoders: The loaded models.
        pictures: The stored images, by image id.
        image_passes: What heat maps are made of.
        backups: What backs the database up, not started yet; None where backups are off.
    """

    settings: Settings
    engine: Engine
    encoders: EncoderCache
    pictures: PictureStore
    image_passes: ImageEvidenceCache = field(default_factory=ImageEvidenceCache)
    backups: BackupThread | None = None

    @cached_property
    def readings(self) -> Readings:
        """What the Analyse page has read of the ratings."""
        from app.analysis import Readings  # here and not above: it loads scipy

        return Readings(self.engine)


def open_context(settings: Settings) -> AppContext:
    """Open the database and return the context of one running app.

    Raises:
        annotations.errors.AnnotationError: If the database cannot be opened, was made by a newer version, or
            is empty while a backup is not.
        OSError: If the data folder cannot be made.
    """
    from annotations.engine import open_database
    from app.backups import open_backups

    settings.data.mkdir(parents=True, exist_ok=True)
    engine = open_database(settings.database_url)
    # First of all: whatever is written to an empty database makes it look as if it were in use.
    backups = open_backups(settings, engine)
    return AppContext(
        settings=settings,
        engine=engine,
        encoders=EncoderCache(default=settings.model, device=settings.device, capacity=settings.max_models),
        pictures=PictureStore(settings.images_dir),
        backups=backups,
    )
