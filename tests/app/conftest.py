"""Fixtures of the app's own tests: an open context with a tiny model, and captions scored in it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from argon2 import PasswordHasher

from annotations import codes, invites, sign_in
from annotations.analysis.table import AnalysisTable, Answers, Provenance, Weights
from app.context import AppContext, open_context
from app.inspection import Inspection, inspect_caption
from app.settings import Settings

InspectIt = Callable[..., Inspection]


@pytest.fixture(scope="session")
def with_database(empty_database: Path) -> Callable[[Path], Path]:
    """Put `specs.sqlite3`, with all tables and no rows, into a folder that may be new; return the folder.

    The app would make the file itself, at twenty times the cost; the tests of `annotations` do that.
    """

    def put(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(empty_database, folder / "specs.sqlite3")
        return folder

    return put


@pytest.fixture(scope="module", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """Hash codes of people in a thousandth of the time; tests/annotations signs in with the real cost."""
    with pytest.MonkeyPatch.context() as patch:
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        for module in (codes, invites, sign_in):
            patch.setattr(module, "hasher", quick)
        codes.nobodys_hash.cache_clear()
        yield
    codes.nobodys_hash.cache_clear()


@pytest.fixture
def database_in_tmp_path(tmp_path: Path, with_database: Callable[[Path], Path]) -> None:
    with_database(tmp_path)


@pytest.fixture(scope="module")
def context(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    """An open context whose folder and database the tests of one file share."""
    opened = open_context(Settings(data=tmp_path_factory.mktemp("data"), db=None, model=str(tiny_checkpoint)))
    yield opened
    opened.engine.dispose()


@pytest.fixture
def own_context(
    tiny_checkpoint: Path, tmp_path: Path, with_database: Callable[[Path], Path]
) -> Iterator[AppContext]:
    """An open context with a folder and an empty database for each test."""
    data = with_database(tmp_path / "data")
    opened = open_context(Settings(data=data, db=None, model=str(tiny_checkpoint)))
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


TableMaker = Callable[..., AnalysisTable]


@pytest.fixture
def make_table() -> TableMaker:
    """Make a table of an analysis by hand: `n` captions, two an image, each rated by two people."""

    def make(n: int = 80, *, captions: dict[int, str] | None = None, **changes: object) -> AnalysisTable:
        draw = np.random.default_rng(3)
        quality = draw.normal(size=n)
        given = np.clip(np.round(3 + quality[:, None] + draw.normal(0, 0.7, (n, 2))), 1, 5)
        rows = np.arange(n)
        overall = Answers(1, 5, np.repeat(rows, 2), np.tile([0, 1], n), given.reshape(-1))
        fields: dict[str, object] = {
            "items": tuple(f"{row:032x}" for row in rows),
            "images": tuple(f"{row // 2:032x}" for row in rows),
            "captions": tuple((captions or {}).get(row, f"Caption {row}.") for row in rows),
            "systems": tuple(f"system {row % 3}" for row in rows),
            "campaigns": ("Pilot",) * n,
            "lengths": np.arange(20.0, 20 + n),
            "weights": np.ones(n),
            "metrics": {
                "specs": 0.5 + 0.1 * quality + draw.normal(0, 0.05, n),
                "bleu_4": 0.5 + 0.1 * quality + draw.normal(0, 0.3, n),
                "length_tokens": np.arange(20.0, 20 + n),
            },
            "provenance": {"specs": Provenance("scenes", "a" * 64)},
            "raters": ("r1", "r2"),
            "names": ("Ada", "Ben"),
            "answers": {"overall": overall},
            "n_ratings": 2 * n,
            "n_blind": 2 * n - 3,
            "models": (Weights("scenes", "a" * 64, n),),
            "model": Weights("scenes", "a" * 64, n),
            "left_out": {},
        }
        return AnalysisTable(**(fields | changes))

    return make
