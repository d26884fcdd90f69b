"""Published data sets into the JSON Lines of `specs_core.datasets.pairs`: images checked, nothing lost.

Every entry of the source ends in exactly one place: a line of the output, a line of the held-out file, or a
line of the list of what was left out, with the reason. A preparation that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from specs_core.datasets.pairs import FalseFact
from specs_core.errors import DataError, ImageError
from specs_core.images import read_image
from specs_core.journal import Journal

REASONS = ("no image", "no caption", "image missing", "image unreadable")

#: Entries between two points at which a stopped preparation can go on.
CHUNK = 1024

Check = Literal["decode", "exists"]


@dataclass(frozen=True)
class Entry:
    """One image and caption of a published data set.

    Attributes:
        id: Its name there.
        image: Path of the image as published; None where the entry has none.
        caption: The caption; None where the entry has none.
        false_facts: Ways to make it false that the data set knows.
    """

    id: str
    image: str | None
    caption: str | None
    false_facts: tuple[FalseFact, ...] = ()


@dataclass(frozen=True)
class HeldOut:
    """Where the first entries go that are not for training.

    Attributes:
        path: JSON Lines to write.
        count: Entries of the source that belong there, from its beginning.
    """

    path: Path
    count: int


@dataclass(frozen=True)
class Preparation:
    """How a preparation went, as its report file says.

    Attributes:
        source: What was read.
        entries: Entries of the source.
        written: Lines of the output.
        held_out: Lines of the held-out file.
        left_out: Number of entries left out, by reason; the list names each.
        false_facts: False facts written.
        images_checked: "decode", or "exists" where only the presence of the files was looked at.
    """

    source: str
    entries: int
    written: int
    held_out: int
    left_out: dict[str, int]
    false_facts: int
    images_checked: Check


def left_out_path(out: Path) -> Path:
    """Return the list of entries left out that belongs to an output."""
    return out.with_name(f"{out.stem}.left-out.jsonl")


def report_path(out: Path) -> Path:
    """Return the report that belongs to an output."""
    return out.with_name(f"{out.stem}.report.json")


def prepare(
    entries: Iterable[Entry],
    out: Path,
    *,
    source: str,
    images: Path,
    held_out: HeldOut | None = None,
    check: Check = "decode",
    workers: int = 1,
    on_entries: Callable[[int], None] | None = None,
) -> Preparation:
    """Write the entries of a data set as JSON Lines, with a report and a list of those left out beside.

    Args:
        entries: From the beginning of the source, in an order that is always the same.
        out: JSON Lines to write; image paths in it count from its folder. It appears when all is done.
        source: Names the source and its version; a stopped preparation goes on only with the same one.
        images: Folder that the published image paths count from.
        held_out: Where the first entries go.
        check: Whether every image is decoded, or only looked for.
        workers: Processes that decode images.
        on_entries: Called with the number of entries done.

    Returns:
        The numbers that the report holds.

    Raises:
        DataError: An output exists already or cannot be written, or a stopped preparation had other settings.

    Source: ours: docs/training.md, "Data".
    """
    targets = {"out": out, "left out": left_out_path(out)}
    if held_out is not None:
        targets["held out"] = held_out.path
    for target in targets.values():
        if target.exists():
            raise DataError(f"{target} exists already; choose another name or delete it.")
    settings = {
        "source": source,
        "images": str(images),
        "check": check,
        "held_out": [str(held_out.path), held_out.count] if held_out else None,
    }
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(out.with_name(f"{out.name}.progress"), targets, settings))
        find_problem = _image_checker(stack, check, workers)
        rest = islice(entries, journal.entries, None)
        while chunk := list(islice(rest, CHUNK)):
            # Several captions of an image mostly stand in a row; the image is looked at once.
            paths = list(dict.fromkeys(images / entry.image for entry in chunk if entry.image))
            problems = dict(zip(paths, find_problem(paths), strict=True))
            for entry in chunk:
                number, journal.entries = journal.entries, journal.entries + 1
                problem = _problem(entry, images, problems)
                if problem is not None:
                    reason, detail = problem
                    row = {"entry": number, "id": entry.id, "image": entry.image}
                    line = json.dumps({**row, "reason": reason, "detail": detail})
                    journal.write("left out", line, count_as=reason)
                    continue
                target_name = "held out" if held_out and number < held_out.count else "out"
                line = json.dumps(_row(entry, images, targets[target_name].parent), ensure_ascii=False)
                journal.write(target_name, line)
                journal.counts["false facts"] += len(entry.false_facts)
            journal.save()
            if on_entries is not None:
                on_entries(journal.entries)
        journal.finish()
    counts = journal.counts
    report = Preparation(
        source=source,
        entries=journal.entries,
        written=counts["out"],
        held_out=counts["held out"],
        left_out={reason: counts[reason] for reason in REASONS if counts[reason]},
        false_facts=counts["false facts"],
        images_checked=check,
    )
    report_path(out).write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    return report


def _problem(
    entry: Entry, images: Path, problems: Mapping[Path, tuple[str, str] | None]
) -> tuple[str, str] | None:
    """Return why an entry cannot be used, a reason of `REASONS` and a detail, or None."""
    if not entry.image:
        return "no image", "the entry names none"
    if not entry.caption or not entry.caption.strip():
        return "no caption", "the entry has none, or a blank one"
    try:
        f"{entry.id}{entry.image}{entry.caption}".encode()
    except UnicodeEncodeError:
        return "no caption", "half a character (a lone surrogate)"
    return problems[images / entry.image]


def _row(entry: Entry, images: Path, folder: Path) -> dict[str, Any]:
    assert entry.image is not None
    image = os.path.relpath(images / entry.image, folder)
    row: dict[str, Any] = {"id": entry.id, "image": Path(image).as_posix(), "caption": entry.caption}
    if entry.false_facts:
        row["false_facts"] = [
            {"span": [fact.start, fact.end], "text": fact.text, "type": fact.type}
            for fact in entry.false_facts
        ]
    return row


def _image_checker(
    stack: ExitStack, check: Check, workers: int
) -> Callable[[Iterable[Path]], Iterator[tuple[str, str] | None]]:
    look = _decode if check == "decode" else _find
    if workers <= 1 or check == "exists":
        return lambda paths: map(look, paths)
    pool = stack.enter_context(ProcessPoolExecutor(workers))
    return lambda paths: pool.map(look, paths, chunksize=16)


def _find(path: Path) -> tuple[str, str] | None:
    return None if path.is_file() else ("image missing", f"there is no file {path}")


def _decode(path: Path) -> tuple[str, str] | None:
    problem = _find(path)
    if problem is None:
        try:
            read_image(path)
        except ImageError as error:
            problem = "image unreadable", str(error)
    return problem
