"""Fixtures that every test folder uses: shared research data, a tiny random model, a drawn image."""

import contextlib
import gc
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from PIL import Image, ImageDraw
from sqlalchemy import event
from sqlalchemy.pool import Pool

# No deadline per example: on a busy machine an example that takes 10 ms may take 300.
hypothesis.settings.register_profile("specs-lens", deadline=None)
hypothesis.settings.load_profile("specs-lens")

REPOSITORY = Path(__file__).resolve().parents[1]

# The smallest CLIP that still has everything a real one has: 248 positions, the usual vocabulary, two
# layers a tower, more than one image patch.
TINY_ARCHITECTURE: dict[str, Any] = {
    "embed_dim": 64,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 248, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2},
}
TINY_SEED = 20251
# open_clip initialises embeddings so small that all captions of an untrained model score alike; at this
# scale each unit moves the score by far more than float32 rounding does.
TINY_EMBEDDING_SCALE = 25.0


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with the research data and fixtures that are not part of the repository."""
    path = Path(os.environ.get("SPECS_SHARED") or REPOSITORY.parent / "shared")
    if not path.is_dir():
        pytest.skip(f"the shared data folder is not there: {path} (set SPECS_SHARED to name another)")
    return path


def pytest_collection_finish() -> None:
    """Keep the collector of garbage from going through all that was imported, again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Iterator[Callable[..., None]]:
    """Let SQLite hand its writes to the system alone: nothing that tests store has to outlive a power cut."""

    def relax(connection: object, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            with contextlib.suppress(sqlite3.Error):  # a damaged file is for the program to find
                connection.execute("PRAGMA synchronous = OFF")

    event.listen(Pool, "connect", relax)
    yield relax
    event.remove(Pool, "connect", relax)


@pytest.fixture
def wait_for_the_disk(no_wait_for_the_disk: Callable[..., None]) -> Iterator[None]:
    """Leave the connections of a test as the program sets them up."""
    event.remove(Pool, "connect", no_wait_for_the_disk)
    yield
    event.listen(Pool, "connect", no_wait_for_the_disk)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and no rows; copying it is faster than migrating anew."""
    from annotations.engine import open_database

    path = tmp_path_factory.mktemp("database") / "empty.sqlite3"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random open_clip-format checkpoint (safetensors) with its architecture in the JSON file beside it."""
    import torch
    from open_clip import CLIP
    from safetensors.torch import save_file

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(TINY_SEED)
        model = CLIP(**TINY_ARCHITECTURE)
        model.token_embedding.weight.mul_(TINY_EMBEDDING_SCALE)
        model.positional_embedding.mul_(TINY_EMBEDDING_SCALE)
        state = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_file(state, path)
    path.with_suffix(".json").write_text(json.dumps({"open_clip_config": TINY_ARCHITECTURE}, indent=2))
    return path


@pytest.fixture(scope="session")
def drawn_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small PNG, 96 x 64 pixels: a red disc, a blue square and green ground."""
    image = Image.new("RGB", (96, 64), "#fdf6e3")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 48, 95, 63), fill="#3a7d44")
    draw.ellipse((10, 12, 42, 44), fill="#c0392b")
    draw.rectangle((56, 16, 84, 44), fill="#1f4e9c")
    path = tmp_path_factory.mktemp("images") / "drawn.png"
    image.save(path)
    return path
