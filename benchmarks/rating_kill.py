"""Kill the server in the middle of saves, again and again, and see that nothing acknowledged is lost.

Each cycle starts the routes of rating in a process of their own, lets raters save drafts and ratings over
HTTP, and kills the process with SIGKILL at a random moment. What was acknowledged is looked up after every
cycle, and what got no answer is sent again with the same nonce to the next process. With PostgreSQL it is the
database's server that is stopped as a crash would, while the app goes on.

Run: python benchmarks/rating_kill.py [--cycles 200] [--raters 6] [--seed 0] [--postgres] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import secrets
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from rating_server import serve
from rating_traffic import Client, Ledger, Postgres, Saved, audit, fill, free_port, postgres
from sqlalchemy import Engine, func, select

from annotations.assignment import claim_item
from annotations.engine import open_database, reading
from annotations.errors import ItemFullError, StorageError
from annotations.invites import invite
from annotations.schema import assignments
from app.settings import Settings

OVERLAP = 2
VERDICTS = ("supported", "hallucinated", "unsure")
BROKEN = (OSError, asyncio.IncompleteReadError)


class Rater:
    """One person who saves until the server is gone, and comes back when it is there again."""

    def __init__(self, name: str, client: Client, campaign: str, draw: random.Random) -> None:
        self.name, self.client, self.campaign, self.draw = name, client, campaign, draw
        self.open: dict[str, Any] | None = None  # a form that was sent and not answered
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []

    @property
    def saves(self) -> int:
        """How many drafts and ratings were acknowledged."""
        return self.counts["drafts"] + self.counts["saved"] + self.counts["sent again"]

    async def work(self, ledger: Ledger, until: float) -> None:
        """Save drafts and ratings until a moment or until the server breaks down."""
        try:
            if self.open is not None:
                await self._submit(self.open, ledger, again=True)
            while time.monotonic() < until:
                view = await self._call("next", {"campaign": self.campaign})
                if view["view"] != "rate":
                    raise RuntimeError(f"{self.name} got no item")
                await self._rate(view, ledger)
        except BROKEN:
            self.counts["broken off"] += 1

    async def _call(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        status, answer = await self.client.call(f"/rating/{action}", body)
        if status == 503:  # the database is gone, and the app says so
            raise ConnectionError(answer["problem"])
        if status != 200:
            self.problems.append(f"{self.name}: {action} was answered with {status}: {answer}")
            raise ConnectionError(answer["problem"])
        return answer

    async def _rate(self, view: dict[str, Any], ledger: Ledger) -> None:
        item = view["item"]
        form = {
            "verdicts": [self.draw.choice(VERDICTS) for _ in view["units"]],
            "answers": {one["name"]: self.draw.randint(one["low"], one["high"]) for one in view["questions"]},
            "comment": secrets.token_hex(8),
        }
        for _ in range(self.draw.randint(1, 3)):
            content = form | {"comment": secrets.token_hex(8)}
            # Until it is answered, nobody knows which of the two drafts is there.
            ledger.drafts[self.name, item] = None
            told = await self._call("draft", {"item": item, "content": content})
            ledger.drafts[self.name, item] = (str(content["comment"]), told["saved_at"])
            self.counts["drafts"] += 1
        await self._submit(form | {"item": item, "nonce": secrets.token_hex(12)}, ledger)

    async def _submit(self, form: dict[str, Any], ledger: Ledger, *, again: bool = False) -> None:
        self.open = form
        ledger.drafts[self.name, form["item"]] = None
        told = await self._call("submit", form)
        saved = Saved(
            form["item"], tuple(form["verdicts"]), form["answers"], form["comment"], told["saved_at"]
        )
        if ledger.ratings.setdefault((self.name, told["receipt"]), saved) != saved:
            self.problems.append(f"{self.name}: receipt {told['receipt']} came for two ratings")
        self.open = None
        self.counts["sent again" if again else "saved"] += 1


def start_server(settings: Settings) -> BaseProcess:
    """Start a server in a process of its own, a copy of one that has imported everything, and wait for it."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["rating_server"])
    process = processes.Process(target=serve, args=(settings,), daemon=True)
    process.start()
    patience = time.monotonic() + 60
    while time.monotonic() < patience and process.is_alive():
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{settings.url}/session", timeout=5).close()
            return process
        time.sleep(0.02)
    raise RuntimeError("the server does not start")


async def _sign_in(people: list[Rater], codes: list[str]) -> None:
    for number, (person, code) in enumerate(zip(people, codes, strict=True)):
        status, _ = await person.client.call("/session", {"code": code}, forwarded=f"10.0.0.{number + 1}")
        if status != 200:
            raise RuntimeError(f"{person.name} cannot sign in: {status}")
        person.client.close()


async def _cycle(people: list[Rater], ledger: Ledger, *, draw: random.Random, strike: Any) -> None:
    """Let everybody work, and strike a moment after as many saves as are drawn."""
    until = time.monotonic() + 60
    work = asyncio.gather(*(person.work(ledger, until) for person in people))
    enough = sum(person.saves for person in people) + draw.randint(1, 5 * len(people))
    while sum(person.saves for person in people) < enough and not work.done():
        await asyncio.sleep(0.005)
    await asyncio.sleep(draw.uniform(0.0, 0.1))
    await asyncio.to_thread(strike)
    await work
    for person in people:
        person.client.close()


def check_leases(engine: Engine) -> tuple[int, list[str]]:
    """Claim every place that was held when the server died for somebody else, once its lease is over.

    Returns:
        How many leases the dead have left, and what is wrong with them.
    """
    with reading(engine) as connection:
        held = connection.execute(
            select(assignments.c.item_id, func.max(assignments.c.lease_expires_at))
            .where(assignments.c.state == "held")
            .group_by(assignments.c.item_id)
        ).all()
    problems = []
    for item, expires in held:
        later = datetime.fromisoformat(expires) + timedelta(seconds=1)
        try:
            claim_item(engine, "Heir", item, now=later)
        except ItemFullError as error:
            problems.append(f"a lease that is over keeps others out: {error}")
    return len(held), problems


def measure(
    options: argparse.Namespace, database: str, folder: Path, server: Postgres | None
) -> dict[str, Any]:
    """Run all cycles and return what was found."""
    draw = random.Random(options.seed)
    engine = open_database(database)
    campaign = fill(engine, count=options.items, overlap=OVERLAP)
    names = [f"Rater {number}" for number in range(options.raters)]
    codes = [invite(engine, name) for name in names]
    port, ledger = free_port(), Ledger()
    settings = Settings(
        host="127.0.0.1", port=port, data=folder, db=database, trusted_proxies="127.0.0.1", backup_minutes=0
    )
    people = [Rater(name, Client(port), campaign, random.Random(f"{options.seed} {name}")) for name in names]
    problems: list[str] = []
    starts: list[float] = []
    before, begun = os.getloadavg()[0], time.monotonic()
    process = None
    try:
        for cycle in range(options.cycles):
            if process is None:
                moment = time.monotonic()
                process = start_server(settings)
                starts.append(time.monotonic() - moment)
            if cycle == 0:
                asyncio.run(_sign_in(people, codes))
            if server is None:
                asyncio.run(_cycle(people, ledger, draw=draw, strike=process.kill))
                process.join()
                process = None
            else:
                asyncio.run(_cycle(people, ledger, draw=draw, strike=lambda: server.stop("immediate")))
                engine.dispose()
                server.start()
            found = audit(engine, ledger, overlap=OVERLAP)
            problems += [f"cycle {cycle}: {one}" for one in found["problems"]]
            if not options.json and (cycle + 1) % 20 == 0:
                print(
                    f"{cycle + 1} cycles, {found['revisions']} ratings, {len(problems)} problems", flush=True
                )
        if process is None:
            process = start_server(settings)
        # What is still open is sent once more, and then each form is there once.
        asyncio.run(_finish(people, ledger))
    finally:
        if process is not None:
            process.kill()
            process.join()
    found = audit(engine, ledger, overlap=OVERLAP)
    problems += found.pop("problems") + [one for person in people for one in person.problems]
    if found["revisions"] != len(ledger.ratings):
        problems.append(
            f"{found['revisions']} ratings are stored, and {len(ledger.ratings)} were acknowledged"
        )
    leases, kept = check_leases(engine)
    problems += kept
    engine.dispose()
    counts = sum((person.counts for person in people), Counter[str]())
    return {
        "cycles": options.cycles,
        "problems": problems,
        **found,
        "acknowledged": len(ledger.ratings),
        "counts": dict(counts),
        "leases_of_the_dead": leases,
        "start_seconds": round(sum(starts) / len(starts), 1),
        "seconds": round(time.monotonic() - begun),
        "load_average": [round(before, 1), round(os.getloadavg()[0], 1)],
    }


async def _finish(people: list[Rater], ledger: Ledger) -> None:
    for person in people:
        await person.work(ledger, until=0.0)
        if person.open is not None:
            person.problems.append(f"{person.name}: a form could not be sent again")
        person.client.close()


def main() -> int:
    """Run the cycles, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--raters", type=int, default=6)
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgres", action="store_true", help="stop PostgreSQL's server instead of the app")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres()) if options.postgres else None
        database = f"sqlite:///{folder / 'specs.sqlite3'}" if server is None else server.url
        try:
            found = measure(options, database, folder, server)
        except StorageError as error:
            found = {"problems": [f"the database cannot be opened any more: {error}"]}
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))
    return bool(found["problems"])


if __name__ == "__main__":
    sys.exit(main())
