"""Loaded models: made on first use, kept in a bounded cache, one load at a time."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from specs_core.checkpoints import local_path, resolve

if TYPE_CHECKING:
    from specs_core.encoder import Encoder
    from specs_core.text_memory import TextMemory

Progress = Callable[[int, int], None]


class EncoderCache:
    """The models in memory, least recently used first out.

    Args:
        default: Name or path of the model that ``get(None)`` returns; None means the bundled one.
        device: Torch device.
        capacity: Models kept at once, at least 1.
    """

    def __init__(self, *, default: str | None = None, device: str = "cpu", capacity: int = 2) -> None:
        self._default = default
        self._device = device
        self._capacity = capacity
        self._loaded: OrderedDict[str, Encoder] = OrderedDict()
        self._lock = threading.Lock()
        self._memories: weakref.WeakKeyDictionary[Encoder, TextMemory] = weakref.WeakKeyDictionary()

    @property
    def default_name(self) -> str:
        """Name of the model that is used unless another is asked for."""
        return resolve(self._default).name

    def get(self, name: str | None = None, *, on_progress: Progress | None = None) -> Encoder:
        """Return a model, loading (and where needed downloading) it first.

        Args:
            name: A known name, ``open_clip:ARCH/TAG`` or a path; None means the default.
            on_progress: Called with (bytes so far, bytes in all) while a file is downloaded.

        Raises:
            specs_core.errors.SpecsError: If the model is unknown, cannot be downloaded or cannot be read.
        """
        # Imported here because torch takes seconds and the page must be up before that.
        from specs_core.encoder import load_encoder

        key = resolve(name or self._default).name
        # The lock is held while loading: a second visitor then waits for the one load instead of doubling the
        # memory.
        with self._lock:
            if key not in self._loaded:
                while len(self._loaded) >= self._capacity:
                    self._loaded.popitem(last=False)
                self._loaded[key] = load_encoder(key, device=self._device, on_progress=on_progress)
            self._loaded.move_to_end(key)
            return self._loaded[key]

    def memory(self, encoder: Encoder) -> TextMemory:
        """Return what a model's text tower worked out for the captions scored last, by any visitor.

        Args:
            encoder: From `get`; its memory goes with it.
        """
        from specs_core.text_memory import TextMemory

        with self._lock:
            if encoder not in self._memories:
                self._memories[encoder] = TextMemory()
            return self._memories[encoder]

    def is_on_disk(self, name: str | None = None) -> bool:
        """Whether a model can be loaded without a download."""
        return local_path(resolve(name or self._default)) is not None

    def is_loaded(self, name: str | None = None) -> bool:
        """Whether a model is in memory already."""
        key = resolve(name or self._default).name
        return key in self._loaded
