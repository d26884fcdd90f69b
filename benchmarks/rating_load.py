"""Measure the Rate page's routes under load: raters that sign in and rate at once, over HTTP.

Each rater loops: next, two drafts, submit; now and then a skip, a submission sent twice with the same nonce,
or an undo. At the end every receipt is looked up in the database with its answers. The program ends with 1
where a promise was broken, whatever the times are.

Run: python benchmarks/rating_load.py [--raters 50] [--ratings 100] [--items N] [--overlap 3]
    [--pause SECONDS] [--postgres | --database URL] [--small] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from rating_traffic import UNITS, Client, Ledger, Saved, audit, fill, free_port, postgres, running

from annotations.engine import open_database
from annotations.invites import invite

VERDICTS = ("supported", "hallucinated", "unsure")
RARELY = 0.05  # of the ratings: a skip before, a second arrival, an undo after


class Rater:
    """One person who rates without a break."""

    def __init__(self, name: str, client: Client, *, campaign: str, seed: int, pause: float) -> None:
        self.name, self.client, self.campaign, self.pause = name, client, campaign, pause
        self.draw = random.Random(seed)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []

    async def call(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a form, note how long the answer took, and let the rater think."""
        if self.pause:
            await asyncio.sleep(self.draw.uniform(0, 2 * self.pause))
        begun = time.perf_counter()
        status, answer = await self.client.call(f"/rating/{action}", body)
        self.seconds[action].append(time.perf_counter() - begun)
        if status != 200:
            raise RuntimeError(f"{action} was answered with {status}: {answer}")
        return answer

    async def rate(self, count: int, ledger: Ledger) -> None:
        """Rate so many items, and write down what the server said it had saved."""
        for _ in range(count):
            try:
                await self._rate_one(ledger)
            except (RuntimeError, OSError, asyncio.IncompleteReadError) as error:
                self.errors.append(f"{self.name}: {error!r}")

    async def _rate_one(self, ledger: Ledger) -> None:
        view = await self.call("next", {"campaign": self.campaign})
        if self.draw.random() < RARELY:
            await self.call("skip", {"item": view["item"], "reason": "too small"})
            view = await self.call("next", {"campaign": self.campaign})
        if view["view"] != "rate":
            raise RuntimeError("there was no item left")
        await self._fill_in(view, ledger)
        if self.draw.random() < RARELY:
            again = await self.call("undo", {"item": view["item"]})
            ledger.undone += 1
            if again["draft"]["verdicts"] != list(self.last.verdicts):
                self.errors.append(f"{self.name}: an undo gave other verdicts back")
            await self._fill_in(again, ledger)

    async def _fill_in(self, view: dict[str, Any], ledger: Ledger) -> None:
        verdicts = [self.draw.choice(VERDICTS) for _ in view["units"]]
        answers = {one["name"]: self.draw.randint(one["low"], one["high"]) for one in view["questions"]}
        form = {"verdicts": verdicts, "answers": answers, "comment": secrets.token_hex(8), "seconds": 30}
        half = form | {"verdicts": [*verdicts[:7], *([None] * (UNITS - 7))], "answers": {}}
        for content in (half, form):
            await self.call("draft", {"item": view["item"], "content": content})
        sent = form | {"item": view["item"], "nonce": secrets.token_hex(12)}
        told = await self.call("submit", sent)
        if (self.name, told["receipt"]) in ledger.ratings:
            self.errors.append(f"{self.name}: receipt {told['receipt']} came twice")
        self.last = Saved(view["item"], tuple(verdicts), answers, str(form["comment"]), told["saved_at"])
        ledger.ratings[self.name, told["receipt"]] = self.last
        if self.draw.random() < RARELY:
            second = await self.call("submit", sent)
            if (second["receipt"], second["saved_at"]) != (told["receipt"], told["saved_at"]):
                self.errors.append(f"{self.name}: the same form got another receipt")


async def _work(people: list[Rater], codes: list[str], count: int, ledger: Ledger) -> float:
    for number, (person, code) in enumerate(zip(people, codes, strict=True)):
        # Ten codes a minute are taken from one address; people have one each.
        address = f"10.0.{number // 250}.{number % 250 + 1}"
        status, answer = await person.client.call("/session", {"code": code}, forwarded=address)
        if status != 200:
            raise RuntimeError(f"{person.name} cannot sign in: {answer}")
    begun = time.perf_counter()
    await asyncio.gather(*(person.rate(count, ledger) for person in people))
    for person in people:
        person.client.close()
    return time.perf_counter() - begun


def measure(options: argparse.Namespace, database: str, folder: Path) -> dict[str, Any]:
    """Fill a database, let everybody rate, and return what was found."""
    engine = open_database(database)
    wanted = options.items or 2 * options.raters * options.ratings // options.overlap + options.raters
    campaign = fill(engine, count=wanted, overlap=options.overlap)
    names = [f"Rater {number}" for number in range(options.raters)]
    codes = [invite(engine, name) for name in names]
    port, ledger = free_port(), Ledger()
    people = [
        Rater(name, Client(port), campaign=campaign, seed=seed, pause=options.pause)
        for seed, name in enumerate(names)
    ]
    command = ("benchmarks/rating_server.py", str(port)) if options.small else ("-m", "app")
    before = os.getloadavg()[0]
    with running(*command, port=port, folder=folder, database=database):
        if not options.small:
            time.sleep(8)  # the app loads its model three seconds after its start
        own = time.process_time()
        seconds = asyncio.run(_work(people, codes, options.ratings, ledger))
        own = time.process_time() - own
    found = audit(engine, ledger, overlap=options.overlap)
    engine.dispose()
    steps = {
        step: np.quantile(
            np.array([one for person in people for one in person.seconds[step]]) * 1000, [0.5, 0.95, 0.99]
        )
        .round(1)
        .tolist()
        for step in ("submit", "draft", "next")
    }
    errors = [*(error for person in people for error in person.errors), *found.pop("problems")]
    expected = len(ledger.ratings) + ledger.undone
    if found["revisions"] != expected:
        errors.append(f"{found['revisions']} revisions are stored, and {expected} were acknowledged")
    return {
        "errors": errors,
        **found,
        "acknowledged": len(ledger.ratings),
        "undone": ledger.undone,
        "overlap": options.overlap,
        "items": wanted,
        "seconds": round(seconds, 1),
        "ratings_a_second": round(len(ledger.ratings) / seconds, 1),
        "milliseconds": steps,
        "client_seconds": round(own, 1),
        "server_seconds": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, 1),
        "load_average": [round(before, 1), round(os.getloadavg()[0], 1)],
    }


def main() -> int:
    """Run the measurement, print it, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--ratings", type=int, default=100, help="for each rater")
    parser.add_argument("--items", type=int, help="in the campaign; by default twice as many as are needed")
    parser.add_argument("--overlap", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.0, help="mean seconds before each request")
    parser.add_argument("--database", help="an empty one; default: a new SQLite file in the temporary folder")
    parser.add_argument("--postgres", action="store_true", help="start a PostgreSQL server for the run")
    parser.add_argument("--small", action="store_true", help="the routes alone, without Gradio")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = options.database or f"sqlite:///{folder / 'specs.sqlite3'}"
        if options.postgres:
            database = stack.enter_context(postgres()).url
        found = measure(options, database, folder)
    if options.json:
        print(json.dumps(found))
        return bool(found["errors"])
    print(
        f"{options.raters} raters x {options.ratings} ratings of {UNITS} units, {found['items']:,} items, "
        f"{database.partition(':')[0]}: {found['seconds']} s, {found['ratings_a_second']} ratings/s"
    )
    for step, (middle, late, latest) in found["milliseconds"].items():
        print(f"{step}: median {middle:.0f} ms, p95 {late:.0f} ms, p99 {latest:.0f} ms")
    print(
        f"acknowledged {found['acknowledged']}, undone {found['undone']}, revisions stored "
        f"{found['revisions']}, current ratings {found['stored']}, most raters on one item "
        f"{found['most_raters']} of {found['overlap']}"
    )
    print(
        f"CPU of the clients {found['client_seconds']} s, of the server {found['server_seconds']} s; "
        f"load average {found['load_average'][0]} before, {found['load_average'][1]} after"
    )
    print(f"errors: {len(found['errors'])}", *found["errors"][:5], sep="\n")
    return bool(found["errors"])


if __name__ == "__main__":
    sys.exit(main())
