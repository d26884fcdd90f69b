"""Scores that look at no image, or at the wrong one: what a metric has to beat before it means anything."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path


def random_score(item: str | int, *, seed: int = 0) -> float:
    """Return a number that depends on an item's id and the seed alone.

    Args:
        item: The id.
        seed: Another one gives other numbers.

    Returns:
        In [0, 1), uniform over ids.

    Source: ours: docs/metrics.md, "Sentinels".
    """
    digest = hashlib.sha256(f"{seed} {json.dumps(item)}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53  # as many bits as a float holds


class ImageCircle:
    """The images of a data set in a circle whose order is random, so that each has another one after it.

    Files with the same bytes are one image. The order depends on the names and the seed, neither on the order
    of the data set nor on a library's random numbers. Files that cannot be read are left out.
    """

    def __init__(self, images: Iterable[Path], *, folder: Path, seed: int = 0) -> None:
        """Read what has to be read: only files of the same size are compared byte by byte.

        Args:
            images: Paths, in any order, any number of times.
            folder: Names count from here, so that a data set can move.
            seed: Another one gives another circle.
        """
        self._place: dict[Path, int] = {}
        names: dict[int, Path] = {}
        for number, same in enumerate(_by_content(sorted(set(images)))):
            names[number] = same[0]
            self._place.update(dict.fromkeys(same, number))
        order = sorted(names, key=lambda number: _key(names[number], folder, seed))
        position = {number: place for place, number in enumerate(order)}
        self._circle = [names[number] for number in order]
        self._place = {path: position[number] for path, number in self._place.items()}

    def after(self, image: Path) -> Iterator[Path]:
        """Yield the other images, beginning with the next one in the circle.

        Args:
            image: One of those given; for any other there is nothing.
        """
        place = self._place.get(image)
        if place is not None:
            yield from self._circle[place + 1 :]
            yield from self._circle[:place]


def _by_content(images: list[Path]) -> list[list[Path]]:
    sizes: dict[int, list[Path]] = defaultdict(list)
    for path in images:
        try:
            sizes[path.stat().st_size].append(path)
        except OSError:  # its own row says that it is missing
            continue
    groups: list[list[Path]] = []
    for paths in sizes.values():
        if len(paths) == 1:
            groups.append(paths)
            continue
        contents: dict[bytes, list[Path]] = defaultdict(list)
        for path in paths:
            try:
                with path.open("rb") as file:
                    contents[hashlib.file_digest(file, "sha256").digest()].append(path)
            except OSError:
                continue
        groups += contents.values()
    return groups


def _key(image: Path, folder: Path, seed: int) -> bytes:
    name = image.relative_to(folder) if image.is_relative_to(folder) else image
    return hashlib.sha256(f"{seed} {name.as_posix()}".encode("utf-8", "surrogateescape")).digest()
