"""Measure an export: ratings of 15 units each, filled into the tables directly, then written in each format.

Run: python benchmarks/rating_export.py [--ratings 100000] [--database URL] [--no-import]
"""

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, func, insert, select

from annotations.campaign_tables import INSPECT_CAMPAIGN
from annotations.engine import open_database, reading, writing
from annotations.exporting import export_parquet, export_ratings
from annotations.mtme import export_mtme
from annotations.reimporting import import_export
from annotations.schema import (
    answers,
    assignments,
    images,
    items,
    raters,
    revisions,
    timestamp,
    units,
    verdicts,
)

UNITS, RATERS = 15, 3
SENTENCE = "A small red car is parked here."


def fill(engine: Engine, ratings: int) -> None:
    """Write ratings of three raters, with an item and an image for every three of them."""
    now, most = timestamp(), 2000
    with writing(engine) as connection:
        people = [{"id": f"{number:032x}", "name": f"Rater {number}"} for number in range(RATERS)]
        connection.execute(insert(raters), [{**one, "created_at": now} for one in people])
        for start in range(0, ratings // RATERS + 1, most):
            rows: dict[object, list[dict[str, object]]] = {}
            for number in range(start, min(start + most, ratings // RATERS + 1)):
                for table, row in _rows(number, now, ratings):
                    rows.setdefault(table, []).append(row)
            for table in (images, items, units, revisions, answers, verdicts, assignments):
                if table in rows:
                    connection.execute(insert(table), rows[table])


def _rows(number: int, now: str, ratings: int) -> Iterator[tuple[object, dict[str, object]]]:
    key = f"{number:032x}"
    caption = f"{number:07d}" + SENTENCE[7:] + SENTENCE * (UNITS - 1)
    digest = hashlib.sha256(caption.encode()).hexdigest()
    spans = [(one * len(SENTENCE), (one + 1) * len(SENTENCE)) for one in range(UNITS)]
    image = {"sha256": f"{number:064x}", "filename": f"{number}.jpg", "width": 64, "height": 48}
    yield images, {"id": key, "created_at": now, **image}
    yield (
        items,
        {
            "id": key,
            "campaign_id": INSPECT_CAMPAIGN,
            "kind": "caption",
            "role": "regular",
            "image_id": key,
            "caption": caption,
            "caption_sha256": digest,
            "source": f"model {number % 5}",
            "segmenter_version": "benchmark",
            "priority": 0,
            "weight": 1.0,
            "overlap": RATERS,
            "done": RATERS,
            "created_at": now,
        },
    )
    cut = {"caption_sha256": digest, "segmenter_version": "benchmark"}
    for first, last in spans:
        yield units, {**cut, "start": first, "end": last}
    for rater in range(RATERS):
        rating = number * RATERS + rater
        if rating >= ratings:
            return
        person, revision = f"{rater:032x}", f"{rating:032x}"
        yield (
            revisions,
            {
                "id": revision,
                "item_id": key,
                "rater_id": person,
                "number": 1,
                "receipt": number + 1,
                "nonce": revision,
                "withdrawn": False,
                "comment": "",
                "guideline_version": "1",
                "application_version": "1",
                "created_at": now,
                "segmenter_version": "benchmark",
            },
        )
        yield (
            assignments,
            {
                "item_id": key,
                "rater_id": person,
                "state": "done",
                "claimed_at": now,
                "lease_expires_at": now,
            },
        )
        for question in ("correctness", "thoroughness", "overall"):
            scale = {"value": 1 + rating % 5, "low": 1, "high": 5}
            yield answers, {"revision_id": revision, "question": question, **scale}
        for first, last in spans:
            said = {"start": first, "end": last, "verdict": "supported"}
            yield verdicts, {"revision_id": revision, **cut, **said}


def measure(database: str, folder: Path, format: str) -> None:
    """Write one format, or read the CSV into an empty database, and print time, size and memory."""
    path = folder / f"ratings.{format.removeprefix('import-')}"
    start, used = time.perf_counter(), time.process_time()
    if format.startswith("import-"):
        engine = open_database(f"sqlite:///{folder / 'again.sqlite3'}")
        report = import_export(engine, path, images=folder)
        if report.refused:
            raise RuntimeError(report.refusals[0].reason)
        number = report.added["ratings"]
    else:
        engine = open_database(database)
        if format == "parquet":
            number = export_parquet(engine, path)
        elif format == "mtme":
            export_mtme(engine, path, INSPECT_CAMPAIGN)
            with reading(engine) as connection:
                number = connection.scalar(select(func.count()).select_from(revisions))
        else:
            with path.open("w", encoding="utf-8", newline="") as stream:
                number = export_ratings(engine, stream, format=format)
    seconds = time.perf_counter() - start
    processor = time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(one.stat().st_size for one in (path, *path.rglob("*")) if one.is_file())
    print(
        f"{format}: {number:,} ratings in {seconds:.1f} s ({processor:.1f} s of processor time), "
        f"{size / 1e6:,.0f} MB, peak RSS {peak:,.0f} MB, load average {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    engine.dispose()


def main() -> None:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=100_000)
    parser.add_argument("--database", help="an empty one; default: a new SQLite file in the temporary folder")
    parser.add_argument("--no-import", action="store_true", help="do not read the CSV back in")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.database, options.folder, options.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        database = options.database or f"sqlite:///{Path(folder) / 'specs.sqlite3'}"
        engine = open_database(database)
        fill(engine, options.ratings)
        engine.dispose()
        # A process for each, so that its memory is its own.
        for format in ("csv", "jsonl", "parquet", "mtme", *(() if options.no_import else ("import-csv",))):
            command = [sys.executable, __file__, "--database", database, "--folder", folder]
            subprocess.run([*command, "--measure", format], check=True)


if __name__ == "__main__":
    main()
