"""How long the tables of an analysis take to read, and how much memory.

    python benchmarks/analysis_reading.py [--ratings 100000] [--url URL]

Makes a database with three ratings an item by 12 raters, three captions and a battle an image, 8 units a
caption, 3 scales, and scores of two sets of weights (the second on a third of the captions) and of a metric
without weights. Each reading runs in a process of its own: its line gives the best and the worst seconds of
five, the best processor seconds of this process (a busy machine changes them less), and by how much the most
memory that the process ever had exceeds what it had before. The last line compares with a plain reading, item
by item, of a part of the items.
"""

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, Table, insert, select

from annotations.analysis.reading import database_stamp, read_battles, read_table, read_units
from annotations.campaigns import create_campaign
from annotations.engine import open_database, reading, writing
from annotations.revisions import ratings
from annotations.schema import (
    VERDICTS,
    answers,
    images,
    items,
    new_id,
    raters,
    revisions,
    scores,
    timestamp,
    units,
    verdicts,
)

UNITS, RATERS, PER_ITEM, SYSTEMS = 8, 12, 3, ("one", "two", "three")
QUESTIONS = ("correctness", "thoroughness", "overall")
WEIGHTS, OTHER_WEIGHTS, OVERLAP = "a" * 64, "b" * 64, "c" * 64
WORDS = "seven words stand in each of these "
PART = 300  # items that are read one at a time

READINGS: Final[dict[str, Callable[[Engine], object]]] = {
    "stamp": database_stamp,
    "table": read_table,
    "units": lambda engine: read_units(engine, read_table(engine)),
    "battles": lambda engine: read_battles(engine, read_table(engine)),
}

Rows = dict[Table, list[dict[str, Any]]]


def fill(engine: Engine, n_items: int, seed: int = 0) -> None:
    """Write rated and scored captions and battles straight into the tables."""
    campaign_id = create_campaign(engine, f"benchmark {new_id()[:8]}")
    draw, now = random.Random(seed), datetime.now(UTC)
    people = {new_id(): 0 for _ in range(RATERS)}  # how many receipts each has
    with writing(engine) as connection:
        connection.execute(
            insert(raters),
            [{"id": one, "name": f"rater {n}", "created_at": timestamp(now)} for n, one in enumerate(people)],
        )
    each = len(SYSTEMS)
    for start in range(0, n_items // each, 500):
        rows: Rows = {table: [] for table in (images, items, units, revisions, answers, verdicts, scores)}
        battles: Rows = {table: [] for table in (items, revisions, answers)}
        for number in range(start, min(start + 500, n_items // each)):
            at = timestamp(now - timedelta(days=20 * draw.random()))
            image_id = new_id()
            size = {"filename": f"{number}.png", "width": 64, "height": 48, "created_at": at}
            rows[images].append({"id": image_id, "sha256": f"{number:064x}", **size})
            place = {"campaign_id": campaign_id, "image_id": image_id, "role": "regular", "priority": 0}
            place |= {"weight": 1.0, "overlap": 4, "done": PER_ITEM, "created_at": at}
            ids = [_add_caption(rows, draw, place, each * number + n, people) for n in range(each)]
            _add_battle(battles, draw, place, ids, people)
        with writing(engine) as connection:
            for some in (rows, battles):
                for table, values in some.items():
                    connection.execute(insert(table), values)


def _add_caption(
    rows: Rows, draw: random.Random, place: dict[str, Any], number: int, people: dict[str, int]
) -> str:
    item_id, sha = new_id(), f"{number:064x}"
    cut = {"caption_sha256": sha, "segmenter_version": "words-1"}
    source = SYSTEMS[number % len(SYSTEMS)]
    rows[items].append(
        {**place, **cut, "id": item_id, "kind": "caption", "caption": WORDS * UNITS, "source": source}
    )
    spans = [{"start": len(WORDS) * unit, "end": len(WORDS) * (unit + 1)} for unit in range(UNITS)]
    rows[units] += [{**cut, **span} for span in spans]
    truth = draw.randint(1, 5)
    for rater_id in draw.sample(list(people), PER_ITEM):
        given = {name: min(5, max(1, truth + draw.randint(-1, 1))) for name in QUESTIONS}
        revision_id = _add_rating(rows, item_id, rater_id, given, (1, 5), place["created_at"], people)
        rows[verdicts] += [
            {"revision_id": revision_id, **cut, **span, "verdict": draw.choices(VERDICTS, (7, 2, 1))[0]}
            for span in spans
        ]
    for sha256, model in ((WEIGHTS, "scenes"), (OTHER_WEIGHTS, "other"))[: 2 if number % 3 == 0 else 1]:
        rows[scores] += _scores(draw, item_id, truth, spans, model, sha256, place["created_at"])
    overlap = {"metric": "bleu_4", "model": "overlap 1", "model_sha256": OVERLAP, "score": draw.random()}
    plain = {"similarity": None, "curve": None, "segmenter_version": None}
    rows[scores].append({"item_id": item_id, **overlap, **plain, "created_at": place["created_at"]})
    return item_id


def _add_rating(
    rows: Rows,
    item_id: str,
    rater_id: str,
    given: dict[str, int],
    scale: tuple[int, int],
    at: str,
    people: dict[str, int],
) -> str:
    revision_id = new_id()
    people[rater_id] += 1
    rows[revisions].append(
        {
            "item_id": item_id,
            "rater_id": rater_id,
            "id": revision_id,
            "number": 1,
            "receipt": people[rater_id],
            "nonce": revision_id,
            "withdrawn": False,
            "comment": "",
            "guideline_version": "1",
            "application_version": "0",
            "created_at": at,
            "segmenter_version": "words-1",
            "active_seconds": 30.0,
        }
    )
    rows[answers] += [
        {"revision_id": revision_id, "question": name, "value": value, "low": scale[0], "high": scale[1]}
        for name, value in given.items()
    ]
    return revision_id


def _scores(
    draw: random.Random,
    item_id: str,
    truth: int,
    spans: list[dict[str, int]],
    model: str,
    sha256: str,
    at: str,
) -> list[dict[str, Any]]:
    similarity = [0.1 * truth / 5 + 0.1 * draw.random() for _ in spans]
    curve = {
        "model": model,
        "provenance": {"weights_sha256": sha256, "segmenter": "stored", "segmenter_version": "words-1"},
        "score": (similarity[-1] + 1) / 2,
        "similarity": similarity[-1],
        "tokens": 7 * UNITS + 2,
        "units": [
            {
                "text": WORDS,
                **span,
                "tokens": 7,
                "similarity": value,
                "score": (value + 1) / 2,
                "delta": None if not n else value - similarity[n - 1],
                "dip": bool(n) and value < similarity[n - 1],
            }
            for n, (span, value) in enumerate(zip(spans, similarity, strict=True))
        ],
    }
    row = {"item_id": item_id, "model": model, "model_sha256": sha256, "created_at": at}
    row |= {"segmenter_version": "words-1", "similarity": similarity[-1]}
    found = [{**row, "metric": "specs", "score": curve["score"], "curve": json.dumps(curve)}]
    for metric, score in (
        ("clip_score", 2.5 * similarity[-1]),
        ("length_tokens", 7.0 * UNITS + 2),
        ("text_only", draw.random()),
    ):
        found.append({**row, "metric": metric, "score": score, "similarity": None, "curve": None})
    return found


def _add_battle(
    rows: Rows, draw: random.Random, place: dict[str, Any], ids: list[str], people: dict[str, int]
) -> None:
    item_id = new_id()
    pair = {"kind": "battle", "segmenter_version": "", "source": "", "first_id": ids[0], "second_id": ids[1]}
    rows[items].append({**place, "id": item_id, **pair})
    rater_id = draw.choice(list(people))
    winner = {"winner": draw.randint(0, 2)}
    revision_id = _add_rating(rows, item_id, rater_id, winner, (0, 2), place["created_at"], people)
    poor = {"question": "both_poor", "value": draw.randint(0, 1), "low": 0, "high": 1}
    rows[answers].append({"revision_id": revision_id, **poor})


def read_plainly(engine: Engine, item_ids: list[str]) -> int:
    """Read the ratings and scores of items, one item at a time."""
    found = 0
    for item_id in item_ids:
        found += sum(len(rating.answers) for rating in ratings(engine, item_id=item_id))
        with reading(engine) as connection:
            found += len(connection.execute(select(scores).where(scores.c.item_id == item_id)).all())
    return found


def measure(url: str, name: str, answers_to: Any) -> None:
    """Time one reading, and tell the seconds and the memory."""
    engine = open_database(url)
    before, seconds, processor = most_memory(), [], []
    for _ in range(5):
        started, worked = time.perf_counter(), time.process_time()
        READINGS[name](engine)
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - worked)
    engine.dispose()
    answers_to.send((min(seconds), max(seconds), min(processor), most_memory() - before))


def most_memory() -> float:
    """Return the most memory that this process ever had, in MB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Make the database and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=100_000)
    parser.add_argument(
        "--url",
        help="of an empty database, or of one that was filled here; default: a SQLite file that is removed",
    )
    options = parser.parse_args()
    processes = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as temporary:
        url = options.url or f"sqlite:///{Path(temporary) / 'analysis.sqlite3'}"
        engine = open_database(url)
        if not database_stamp(engine)[0]:
            fill(engine, options.ratings // PER_ITEM)
        table = read_table(engine)
        print(f"{table.n_ratings:,} ratings of {len(table):,} captions; metrics {', '.join(table.metrics)}")
        best = {}
        for name in READINGS:
            mine, theirs = processes.Pipe()
            child = processes.Process(target=measure, args=(url, name, theirs))
            child.start()
            fastest, slowest, best[name], memory = mine.recv()
            child.join()
            seconds = f"{fastest:7.3f} s to {slowest:7.3f} s, processor {best[name]:7.3f} s"
            print(f"{name:8} {seconds}, {memory:4.0f} MB", flush=True)
        part = list(table.items[:PART])
        started = time.process_time()
        read_plainly(engine, part)
        plain = (time.process_time() - started) / len(part) * len(table)
        print(
            f"item by item: processor {plain:.0f} s for all, from {len(part)} items; "
            f"{plain / best['table']:.0f} times what the table takes"
        )
        engine.dispose()


if __name__ == "__main__":
    main()
