"""Fixtures of the app's own tests: an open context with a tiny model, and captions scored in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.context import AppContext, open_context
from app.inspection import Inspection, inspect_caption
from app.settings import Settings

InspectIt = Callable[..., Inspection]


@pytest.fixture(scope="module")
def context(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    """An open context whose folder and database the tests of one file share."""
    opened = open_context(Settings(data=tmp_path_factory.mktemp("data"), db=None, model=str(tiny_checkpoint)))
    yield opened
    opened.engine.dispose()


@pytest.fixture
def own_context(tiny_checkpoint: Path, tmp_path: Path) -> Iterator[AppContext]:
    """An open context with a folder and an empty database for each test."""
    opened = open_context(Settings(data=tmp_path / "data", db=None, model=str(tiny_checkpoint)))
    yield opened
    opened.engine.dispose()


@pytest.fixture(scope="module")
def inspect_it(request: pytest.FixtureRequest) -> InspectIt:
    """Score a caption of an image, as in `inspect_it(context, image)`: by default the file's CAPTION."""

    def score(
        context: AppContext, image: Path | str | None, caption: str | None = request.module.CAPTION
    ) -> Inspection:
        return inspect_caption(
            context,
            image_path=None if image is None else str(image),
            caption=caption,
            model=context.settings.model,
            segmenter="dependency",
        )

    return score


@pytest.fixture(scope="module")
def shown(context: AppContext, drawn_image: Path, inspect_it: InspectIt) -> Inspection:
    """The file's CAPTION, scored for the drawn image."""
    return inspect_it(context, drawn_image)
