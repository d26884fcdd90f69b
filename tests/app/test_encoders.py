"""The cache of loaded models."""

import threading
from pathlib import Path
from typing import Any

import pytest

from app.encoders import EncoderCache
from specs_core.errors import CheckpointError, UnknownModelError


class Loads:
    """Counts loads and gives each a marker object in place of a model."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.running = 0
        self.most_at_once = 0
        self.failing = False

    def __call__(self, name: str, **options: Any) -> object:
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        threading.Event().wait(0.02)
        self.running -= 1
        if self.failing:
            raise CheckpointError("the file is cut short")
        self.names.append(name)
        return object()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    counted = Loads()
    monkeypatch.setattr("specs_core.encoder.load_encoder", counted)
    monkeypatch.delenv("SPECS_MODEL", raising=False)
    return counted


def test_get_twice_loads_once(loads: Loads) -> None:
    cache = EncoderCache()
    assert cache.get("specs") is cache.get("specs")
    assert loads.names == ["specs"]


def test_get_without_a_name_is_the_default(loads: Loads) -> None:
    cache = EncoderCache(default="clip-b32")
    assert cache.get() is cache.get("clip-b32")
    assert cache.default_name == "clip-b32"


def test_get_beyond_the_capacity_drops_what_was_used_longest_ago(loads: Loads) -> None:
    cache = EncoderCache(capacity=2)
    for name in ("scenes", "specs", "scenes", "clip-b32", "scenes", "specs"):
        cache.get(name)
    assert loads.names == ["scenes", "specs", "clip-b32", "specs"]


def test_get_from_many_threads_loads_once(loads: Loads) -> None:
    cache = EncoderCache()
    threads = [threading.Thread(target=cache.get, args=("specs",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads.names == ["specs"]
    assert loads.most_at_once == 1, "two loads at once take twice the memory"


def test_get_that_fails_is_tried_again(loads: Loads) -> None:
    cache = EncoderCache(capacity=1)
    loads.failing = True
    with pytest.raises(CheckpointError, match="cut short"):
        cache.get("specs")
    assert not cache.is_loaded("specs")
    loads.failing = False
    cache.get("specs")
    assert cache.is_loaded("specs")


def test_get_of_an_unknown_model_names_it(loads: Loads) -> None:
    with pytest.raises(UnknownModelError, match="no-such-model"):
        EncoderCache().get("no-such-model")


def test_is_on_disk_of_a_file_of_ones_own(tiny_checkpoint: Path) -> None:
    assert EncoderCache(default=str(tiny_checkpoint)).is_on_disk()
