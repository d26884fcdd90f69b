"""Random access to a large file of images and captions, with detail units that are cut once and kept."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from specs_core.checkpoints import file_sha256
from specs_core.datasets.pairs import CaptionedImage, parse_pair
from specs_core.errors import DataError
from specs_core.segmentation import segment_many, segmenter_version

#: Captions whose units are kept in one file; a stopped cutting goes on behind the last file.
SHARD = 4096

_WAIT = 0.5  # seconds between two looks for what another process cuts


class PairFile:
    """The lines of a JSON Lines file by number, read when they are asked for.

    A million captions with their units would take gigabytes as objects in every process; their offsets take
    eight bytes each.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        offsets: list[int] = []
        numbers: list[int] = []
        position = 0
        try:
            with path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip().removeprefix(b"\xef\xbb\xbf"):
                        offsets.append(position)
                        numbers.append(number)
                    position += len(line)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        if not offsets:
            raise DataError(f"{path} holds no images and captions.")
        self._offsets = np.array(offsets, dtype=np.int64)
        self._numbers = np.array(numbers, dtype=np.int64)
        self._shards: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]] = []

    def __len__(self) -> int:
        return len(self._offsets)

    def line(self, index: int) -> CaptionedImage:
        """Return a line as it stands in the file.

        Raises:
            DataError: It is not an image and a caption.
        """
        number = int(self._numbers[index])
        with self.path.open("rb") as file:
            file.seek(int(self._offsets[index]))
            line = file.readline()
        return parse_pair(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, number, self.path)

    def __getitem__(self, index: int) -> CaptionedImage:
        """Return a line with its units: its own, or else those of `cut_units`."""
        pair = self.line(index)
        if pair.units is not None:
            return pair
        ends, starts = self._shards[index // SHARD]
        row = index % SHARD
        cut = [0, *ends[starts[row] : starts[row + 1]].tolist()]
        return replace(pair, units=tuple(pairwise(cut)))

    def cut_units(
        self,
        *,
        segmenter: str,
        folder: Path | None = None,
        rank: int = 0,
        processes: int = 1,
        on_captions: Callable[[int], None] | None = None,
    ) -> None:
        """Cut the captions that have no units of their own, or read what was cut before.

        The units are kept under the file's checksum and the version of the segmenter, so that a change of
        either cuts anew. Every process cuts its share and waits for the others'.

        Args:
            segmenter: One of `specs_core.segmentation.SEGMENTERS`.
            folder: Where the units are kept; None for a folder beside the file.
            rank: Number of this process.
            processes: Number of processes.
            on_captions: Called with the number of captions that are ready.

        Raises:
            DataError: A line is broken, or the folder cannot be written.
            ConfigError: No such segmenter.
        """
        version = f"{segmenter_version(segmenter)}-{file_sha256(self.path)[:16]}"
        place = (folder or self.path.with_name(f"{self.path.name}.units")) / version
        paths = [place / f"{first // SHARD:05d}.npz" for first in range(0, len(self), SHARD)]
        try:
            place.mkdir(parents=True, exist_ok=True)
            for number in range(rank, len(paths), processes):
                if not paths[number].exists():
                    self._cut_shard(number, paths[number], segmenter)
                if on_captions is not None:
                    on_captions(min(len(self), (number + 1) * SHARD))
        except OSError as error:
            raise DataError(
                f"the units of {self.path.name} cannot be kept in {place}: {error.strerror}; "
                "name another folder in the configuration: units, under data."
            ) from error
        for path in paths:
            while not path.exists():
                time.sleep(_WAIT)
            with np.load(path) as kept:
                self._shards.append((kept["ends"], kept["starts"]))

    def _cut_shard(self, number: int, path: Path, segmenter: str) -> None:
        lines = [self.line(i) for i in range(number * SHARD, min(len(self), (number + 1) * SHARD))]
        cut = segment_many([line.caption for line in lines if line.units is None], segmenter=segmenter)
        # A line with units of its own keeps them, and none are kept for it here.
        ends = [[unit.end for unit in next(cut)] if line.units is None else [] for line in lines]
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.savez(
                file,
                ends=np.array([end for found in ends for end in found], dtype=np.int32),
                starts=np.cumsum([0, *map(len, ends)], dtype=np.int64),
            )
        os.replace(partial, path)


def order_of_epoch(count: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order (count,) in which an epoch goes through the lines."""
    key = hashlib.sha256(f"order-{seed}-{epoch}".encode()).digest()
    return np.random.default_rng(int.from_bytes(key[:8], "big")).permutation(count)
