"""Time backups of a database of ratings, and how long a save takes while backups are being made.

Run: python benchmarks/backups.py [--ratings 2000]

Makes N ratings of captions with 15 units, each by one of 20 raters, then takes a first snapshot, some with
nothing changed, and some after a single change. Then ratings are saved without a pause, first alone and then
while snapshots are taken without a pause.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from annotations.backup import snapshot
from annotations.engine import open_database
from annotations.images import add_image
from annotations.items import add_item
from annotations.store import NewRating, save_rating

UNITS = tuple((f"unit {number:02d}, ", number * 9, number * 9 + 9) for number in range(15))
RATERS = 20
SAVES = 200


def main() -> None:
    """Run the benchmark and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=2_000)
    wanted = parser.parse_args().ratings
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = open_database(f"sqlite:///{folder / 'specs.sqlite3'}")
        numbers = iter(range(10**9))

        def save() -> None:
            number = next(numbers)
            if number % RATERS == 0:
                item = _add_item(engine, number)
                items.append(item)
            save_rating(engine, _rating(items[-1], number))

        items: list[str] = []
        for _ in range(wanted):
            save()
        backups = folder / "backups"
        print(f"first snapshot: {_seconds(lambda: snapshot(engine, backups)):.3f} s")
        (first,) = backups.iterdir()
        print(f"size: {first.stat().st_size / 1e6:.1f} MB for {wanted:,} ratings")
        same = [_seconds(lambda: snapshot(engine, backups)) for _ in range(5)]
        print(f"nothing changed: median {statistics.median(same):.3f} s of {len(same)}")
        changed = []
        for _ in range(5):
            save()
            changed.append(_seconds(lambda: snapshot(engine, backups)))
        print(f"after a change: median {statistics.median(changed):.3f} s of {len(changed)}")
        _print_saves("saves alone", [_seconds(save) for _ in range(SAVES)])
        stop = threading.Event()
        taken = []

        def back_up() -> None:
            while not stop.is_set():
                taken.append(snapshot(engine, backups))

        thread = threading.Thread(target=back_up)
        thread.start()
        _print_saves("saves beside backups", [_seconds(save) for _ in range(SAVES)])
        stop.set()
        thread.join()
        print(f"snapshots taken meanwhile: {len(taken)}")
        engine.dispose()


def _add_item(engine: Engine, number: int) -> str:
    image = add_image(engine, sha256=f"{number:064x}", filename=f"{number}.png", width=64, height=48)
    caption = "".join(text for text, _, _ in UNITS)
    return add_item(
        engine, image_id=image, caption=caption, units=UNITS, segmenter_version="benchmark", overlap=RATERS
    )


def _rating(item: str, number: int) -> NewRating:
    return NewRating(
        item_id=item,
        rater=f"rater {number % RATERS}",
        correctness=2,
        thoroughness=4,
        overall=3,
        verdicts=("supported",) * len(UNITS),
        nonce=f"nonce {number}",
        guideline_version="1",
        application_version="benchmark",
    )


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _print_saves(what: str, seconds: list[float]) -> None:
    seconds = sorted(seconds)
    print(
        f"{what}: median {1e3 * statistics.median(seconds):.1f} ms, "
        f"p99 {1e3 * seconds[int(0.99 * len(seconds))]:.1f} ms of {len(seconds)}"
    )


if __name__ == "__main__":
    main()
