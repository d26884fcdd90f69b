"""Measure an import: drawn small JPEG images with several captions each, as JSON lines with paths.

With --scores the scores of several metrics of all these captions are imported too, twice.

Run: python benchmarks/rating_import.py [--images 20000] [--captions 5] [--scores 5] [--database URL]
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageDraw

MOST_IMAGES = 50_000  # keeps the files below a few hundred megabytes


def draw(folder: Path, *, images: int, captions: int) -> Path:
    """Draw the images and write the table; return the table."""
    generator = random.Random(0)
    table = folder / "captions.jsonl"
    with table.open("w", encoding="utf-8") as stream:
        for number in range(images):
            image = Image.new("RGB", (64, 48), tuple(generator.randrange(256) for _ in range(3)))
            brush = ImageDraw.Draw(image)
            for _ in range(3):
                left, top = generator.randrange(48), generator.randrange(36)
                brush.rectangle((left, top, left + 12, top + 9), fill=generator.randrange(1 << 24))
            image.save(folder / f"{number}.jpg", comment=f"{number}")
            texts = [
                {
                    "caption": f"Picture {number}: " + "a red car beside a blue house. " * 8,
                    "source": f"model {one}",
                }
                for one in range(captions)
            ]
            stream.write(json.dumps({"id": str(number), "image": f"{number}.jpg", "captions": texts}) + "\n")
    return table


def one_by_one(table: Path, folder: Path, database: str, rows: int) -> float:
    """Add the captions of the first rows with `add_item`, and return the items a second."""
    from annotations.campaigns import create_campaign
    from annotations.engine import open_database
    from annotations.image_files import ImageSource, Originals, gather
    from annotations.images import add_image
    from annotations.items import add_item

    engine = open_database(database)
    campaign_id = create_campaign(engine, "one by one")
    (folder / "originals").mkdir(parents=True, exist_ok=True)
    originals = Originals(folder)
    start, added = time.perf_counter(), 0
    with table.open(encoding="utf-8") as stream:
        for line, _ in zip(stream, range(rows), strict=False):
            row = json.loads(line)
            image = gather(ImageSource(table.parent / row["image"], None, row["image"]), folder)
            values = {"filename": image.filename, "width": image.width, "height": image.height}
            image_id = add_image(engine, sha256=image.sha256, **values)
            originals.place(image_id, image.path)
            for one in row["captions"]:
                add_item(engine, image_id=image_id, units=None, campaign_id=campaign_id, **one)
                added += 1
    engine.dispose()
    return added / (time.perf_counter() - start)


def take_in(table: Path, data: Path, database: str) -> None:
    """Import the table, twice, and print time and memory of this process."""
    from annotations.engine import open_database
    from annotations.importing import ImportPlan, import_items

    engine = open_database(database)
    for run in ("first", "again"):
        start = time.perf_counter()
        report = import_items(engine, table, ImportPlan(campaign="bulk", create=True), images=data / "images")
        seconds = time.perf_counter() - start
        written = report.written
        assert written is not None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{run}: {written.items:,} items of {written.images:,} images added, {written.already:,} there "
            f"already, in {seconds:.1f} s ({(written.items + written.already) / seconds:,.0f} items/s); "
            f"peak RSS {peak:,.0f} MB"
        )
    engine.dispose()


def take_scores_in(folder: Path, database: str, *, metrics: int) -> None:
    """Write a table as `specs metrics` does, import it twice, and print time and memory of this process."""
    from annotations.engine import open_database, reading
    from annotations.import_scores import ScoresPlan, import_scores
    from annotations.schema import items

    engine = open_database(database)
    generator = random.Random(0)
    table = folder / "scores.jsonl"
    with reading(engine) as connection, table.open("w", encoding="utf-8") as stream:
        for item_id in connection.execute(items.select().with_only_columns(items.c.id)).scalars():
            for number in range(metrics):
                row = {"id": item_id, "metric": f"metric_{number}", "score": generator.random()}
                row |= {"model": "benchmark", "model_sha256": "a" * 64, "note": None}
                stream.write(json.dumps(row) + "\n")
    for run in ("first", "again"):
        start, processor = time.perf_counter(), time.process_time()
        report = import_scores(engine, table, ScoresPlan())
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        assert report.written is not None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"scores, {run}: {report.written.added:,} added, {report.written.already:,} there already, in "
            f"{seconds:.1f} s ({processor:.1f} s of processor time); peak RSS {peak:,.0f} MB"
        )
    engine.dispose()


def main() -> None:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--captions", type=int, default=5)
    parser.add_argument("--scores", type=int, default=0, help="metrics of which scores are imported")
    parser.add_argument("--slow", type=int, default=100, help="rows for the loop of single calls")
    parser.add_argument("--database", help="an empty one; default: a new SQLite file in the temporary folder")
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--scores-in", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.scores_in:
        take_scores_in(options.scores_in, options.database, metrics=options.scores)
        return
    if options.table:
        take_in(options.table, options.table.parent / "data", options.database)
        return
    if not 1 <= options.images <= MOST_IMAGES:
        parser.error(f"--images goes from 1 to {MOST_IMAGES:,}")
    with tempfile.TemporaryDirectory() as folder:
        table = draw(Path(folder), images=options.images, captions=options.captions)
        database = options.database or f"sqlite:///{Path(folder) / 'specs.sqlite3'}"
        # A process of its own, so that its memory holds nothing of the drawing.
        command = [sys.executable, __file__, "--table", str(table), "--database", database]
        subprocess.run(command, check=True)
        if options.scores:
            command = [sys.executable, __file__, "--scores-in", folder, "--scores", str(options.scores)]
            subprocess.run([*command, "--database", database], check=True)
        if options.slow and not options.database:
            single = f"sqlite:///{Path(folder) / 'single.sqlite3'}"
            speed = one_by_one(table, Path(folder) / "single", single, options.slow)
            print(f"one by one with add_item: {speed:,.0f} items/s")


if __name__ == "__main__":
    main()
