"""How long the owner's numbers take on a large campaign: the overview, the queue, and the list of items.

    python benchmarks/owner_overview.py [--ratings 100000] [--folder FOLDER]

Makes a database with three ratings an item by 12 raters, 8 units a caption and 3 scales, and prints the
seconds of each answer, the best and the worst of five.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, insert

from annotations.adjudication import adjudication_queue
from annotations.campaigns import create_campaign
from annotations.engine import open_database, writing
from annotations.oversight import find_items
from annotations.overview import campaign_overview
from annotations.schema import (
    VERDICTS,
    answers,
    assignments,
    images,
    items,
    new_id,
    raters,
    revisions,
    timestamp,
    units,
    verdicts,
)

UNITS, RATERS, PER_ITEM = 8, 12, 3
QUESTIONS = ("correctness", "thoroughness", "overall")
Row = dict[str, Any]


def fill(engine: Engine, campaign_id: str, n_items: int, seed: int = 0) -> None:
    """Write items with three ratings each straight into the tables."""
    draw, now = random.Random(seed), datetime.now(UTC)
    people = [new_id() for _ in range(RATERS)]
    with writing(engine) as connection:
        connection.execute(
            insert(raters),
            [{"id": one, "name": f"rater {n}", "created_at": timestamp(now)} for n, one in enumerate(people)],
        )
    receipts = dict.fromkeys(people, 0)
    for start in range(0, n_items, 2000):
        rows: dict[Table, list[Row]] = {
            table: [] for table in (images, items, units, assignments, revisions, answers, verdicts)
        }
        for number in range(start, min(start + 2000, n_items)):
            _add_item(rows, draw, campaign_id, number, now, people, receipts)
        with writing(engine) as connection:
            for table, values in rows.items():
                connection.execute(insert(table), values)


def _add_item(
    rows: dict[Table, list[Row]],
    draw: random.Random,
    campaign_id: str,
    number: int,
    now: datetime,
    people: list[str],
    receipts: dict[str, int],
) -> None:
    image_id, item_id, sha = new_id(), new_id(), f"{number:064x}"
    at = timestamp(now - timedelta(days=20 * draw.random()))
    size = {"filename": f"{number}.png", "width": 64, "height": 48, "created_at": at}
    rows[images].append({"id": image_id, "sha256": sha, **size})
    rows[items].append(
        {
            "id": item_id,
            "campaign_id": campaign_id,
            "kind": "caption",
            "role": "regular",
            "image_id": image_id,
            "caption": "a word " * UNITS,
            "caption_sha256": sha,
            "segmenter_version": "words-1",
            "source": "model",
            "priority": 0,
            "weight": 1.0,
            "overlap": 4,
            "done": PER_ITEM,
            "created_at": at,
        }
    )
    cut = {"caption_sha256": sha, "segmenter_version": "words-1"}
    rows[units] += [{**cut, "start": 7 * unit, "end": 7 * unit + 7} for unit in range(UNITS)]
    truth = draw.randint(1, 5)
    for rater_id in draw.sample(people, PER_ITEM):
        revision_id = new_id()
        receipts[rater_id] += 1
        place = {"item_id": item_id, "rater_id": rater_id}
        rows[assignments].append({**place, "state": "done", "claimed_at": at, "lease_expires_at": at})
        rows[revisions].append(
            {
                **place,
                "id": revision_id,
                "number": 1,
                "receipt": receipts[rater_id],
                "nonce": revision_id,
                "withdrawn": False,
                "comment": "",
                "guideline_version": "1",
                "application_version": "0",
                "created_at": at,
                "segmenter_version": "words-1",
                "active_seconds": 20 + 40 * draw.random(),
            }
        )
        for question in QUESTIONS:
            value = min(5, max(1, truth + draw.randint(-1, 1)))
            scale = {"question": question, "value": value, "low": 1, "high": 5}
            rows[answers].append({"revision_id": revision_id, **scale})
        for unit in range(UNITS):
            said = draw.choices(VERDICTS, (7, 2, 1))[0]
            span = {**cut, "start": 7 * unit, "end": 7 * unit + 7}
            rows[verdicts].append({"revision_id": revision_id, **span, "verdict": said})


def measure(name: str, answer: Callable[[], object], times: int = 5) -> None:
    """Print how long an answer takes."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        answer()
        seconds.append(time.perf_counter() - started)
    print(f"{name:12} {min(seconds):6.2f} s to {max(seconds):6.2f} s")


def main() -> None:
    """Make the database and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="keeps the database; default: one that is removed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        engine = open_database(f"sqlite:///{(options.folder or Path(temporary)) / 'owner.sqlite3'}")
        campaign_id = create_campaign(engine, f"benchmark {new_id()[:8]}")
        fill(engine, campaign_id, options.ratings // PER_ITEM)
        overview = campaign_overview(engine, campaign_id)
        print(f"{overview.ratings:,} ratings; compared {overview.compared.ratings:,}")
        measure("overview", lambda: campaign_overview(engine, campaign_id))
        measure("queue", lambda: adjudication_queue(engine, campaign_id))
        measure("items", lambda: find_items(engine, campaign_id=campaign_id, text="WORD a"))
        engine.dispose()


if __name__ == "__main__":
    main()
