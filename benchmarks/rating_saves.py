"""Measure how fast raters are served: threads that each claim an item, rate it, and go on to the next.

Run: python benchmarks/rating_saves.py [--raters 20] [--ratings 100] [--database URL]
"""

import argparse
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from annotations.assignment import next_item
from annotations.engine import open_database
from annotations.errors import AnnotationError
from annotations.images import add_image
from annotations.items import add_item
from annotations.revisions import ratings
from annotations.store import NewRating, save_rating

UNITS = 15


def fill(engine: Engine, *, items: int, overlap: int) -> None:
    """Add items of 15 units, each with an image of its own."""
    text = "A small red car is parked here."
    spans = [(text, number * len(text), (number + 1) * len(text)) for number in range(UNITS)]
    for number in range(items):
        image_id = add_image(engine, sha256=f"{number:064x}", filename="car.png", width=8, height=8)
        add_item(
            engine,
            image_id=image_id,
            caption=text * UNITS,
            units=spans,
            segmenter_version="benchmark",
            overlap=overlap,
        )


def rate(engine: Engine, rater: str, count: int, claims: list[float], saves: list[float]) -> None:
    """Claim and rate items one after the other, and note how long each step took in seconds."""
    for number in range(count):
        start = time.perf_counter()
        assignment = next_item(engine, rater)
        claims.append(time.perf_counter() - start)
        if assignment is None:
            raise RuntimeError(f"{rater} got no item number {number + 1}")
        form = NewRating(
            item_id=assignment.item_id,
            rater=rater,
            answers={"correctness": 3, "thoroughness": 3, "overall": 3},
            verdicts=("supported",) * UNITS,
            nonce=f"{rater}-{number}",
            guideline_version="1",
            application_version="benchmark",
        )
        start = time.perf_counter()
        save_rating(engine, form)
        saves.append(time.perf_counter() - start)


def main() -> None:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raters", type=int, default=20)
    parser.add_argument("--ratings", type=int, default=100, help="for each rater")
    parser.add_argument("--database", help="an empty one; default: a new SQLite file in the temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(options.database or f"sqlite:///{Path(folder) / 'specs.sqlite3'}")
        measure(engine, raters=options.raters, count=options.ratings)
        engine.dispose()


def measure(engine: Engine, *, raters: int, count: int) -> None:
    """Let all raters work at once on items that have room for a few more ratings than they will give."""
    fill(engine, items=count * 2, overlap=raters // 2 + 2)
    errors: list[AnnotationError] = []
    claims: list[float] = []
    saves: list[float] = []

    def work(rater: str) -> None:
        try:
            rate(engine, rater, count, claims, saves)
        except AnnotationError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"rater {number}",)) for number in range(raters)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    stored = Counter(rating.item_id for rating in ratings(engine))
    speed = len(saves) / seconds
    print(f"{raters} raters x {count} ratings of {UNITS} units in {seconds:.1f} s: {speed:.0f} ratings/s")
    for name, values in (("claim", claims), ("save", saves)):
        median, late = np.quantile(np.array(values) * 1000, [0.5, 0.99])
        print(f"{name}: median {median:.0f} ms, p99 {late:.0f} ms")
    print(
        f"stored {sum(stored.values())}, errors {len(errors)}, most raters on one item {max(stored.values())}"
    )
    for error in errors[:3]:
        print(repr(error))


if __name__ == "__main__":
    main()
