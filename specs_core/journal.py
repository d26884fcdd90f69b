"""Output files that grow chunk by chunk, and how far they have come, so that a stopped run can go on."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from specs_core.errors import DataError


class Journal:
    """The files that a run writes, and how far it has come.

    After every chunk the files are flushed first and the progress is written second, with their sizes. Going
    on cuts the files back to those sizes, so a kill between the two repeats entries and never doubles them.

    Attributes:
        entries: Entries done.
        counts: Lines of each file, and whatever else is counted.
    """

    def __init__(self, path: Path, targets: Mapping[str, Path], settings: dict[str, Any]) -> None:
        """Open the files, cut back to where a stopped run noted that it was.

        Args:
            path: Where the progress is noted.
            targets: Name -> file; each grows beside its path and gets its name when all is done.
            settings: What JSON can hold; a stopped run goes on only with the same.

        Raises:
            DataError: A file cannot be written, or what is there belongs to another run.
        """
        self._path = path
        self._targets = targets
        self._settings = settings
        self.entries = 0
        self.counts: Counter[str] = Counter()
        sizes = dict.fromkeys(targets, 0)
        try:
            if path.exists():
                try:
                    state = json.loads(path.read_text(encoding="utf-8"))
                    same = state["settings"] == settings
                    self.entries, self.counts = state["entries"], Counter(state["counts"])
                    sizes = state["sizes"]
                except (ValueError, LookupError, TypeError) as error:
                    raise DataError(f"{path} is damaged; delete it to begin again.") from error
                if not same:
                    raise DataError(f"{path} belongs to a run with other settings; delete it to begin again.")
            self._files: dict[str, BinaryIO] = {}
            for name, target in targets.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                file = partial_path(target).open("ab")
                self._files[name] = file
                if file.seek(0, os.SEEK_END) < sizes[name]:
                    raise DataError(
                        f"{partial_path(target)} is shorter than {path} says: it was changed since the "
                        f"run stopped. Delete {path.name} to begin again."
                    )
                file.truncate(sizes[name])
                file.seek(0, os.SEEK_END)
        except OSError as error:
            raise DataError(f"{error.filename} cannot be written: {error.strerror}.") from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        for file in self._files.values():
            file.close()

    def write(self, name: str, line: str, *, count_as: str | None = None) -> None:
        """Add a line to a file and count it.

        Args:
            name: Of the file.
            line: Without the line feed.
            count_as: Another name to count it under.
        """
        self._files[name].write(line.encode() + b"\n")
        self.counts[count_as or name] += 1

    def save(self) -> None:
        """Note how far the files have come."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        state = {
            "settings": self._settings,
            "entries": self.entries,
            "counts": self.counts,
            "sizes": {name: file.tell() for name, file in self._files.items()},
        }
        partial = partial_path(self._path)
        partial.write_text(json.dumps(state), encoding="utf-8")
        os.replace(partial, self._path)

    def finish(self) -> None:
        """Give the files their names."""
        self.__exit__()
        # First: a run that is killed here begins anew, and never goes on with files that are gone.
        self._path.unlink(missing_ok=True)
        for target in self._targets.values():
            os.replace(partial_path(target), target)


def partial_path(path: Path) -> Path:
    """Return where a file grows before it gets its name."""
    return path.with_name(f"{path.name}.partial")
