"""What the rating benchmarks share: a server process, PostgreSQL, a campaign, an HTTP client, an audit."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, func, insert, select

from annotations.campaigns import create_campaign
from annotations.engine import reading, writing
from annotations.questions import Question
from annotations.revisions import ratings
from annotations.schema import assignments, drafts, images, items, new_id, raters, timestamp, units

ROOT = Path(__file__).resolve().parents[1]
UNITS = 15
_TEXT = "A small red car is parked here."
_CAPTIONS = 1000  # different ones; items beyond that many repeat them on other images
_KEPT = 4  # seconds; the server drops a connection that was idle for five
_ROWS = 500  # in one statement: the driver of PostgreSQL sends rows of a list one by one


@dataclass(frozen=True)
class Saved:
    """A rating that a client holds a receipt for."""

    item: str
    verdicts: tuple[str, ...]
    answers: Mapping[str, int]
    comment: str
    saved_at: str


@dataclass
class Ledger:
    """What the clients were told was saved, to be held against the database.

    Attributes:
        ratings: By rater and receipt.
        drafts: The last draft by rater and item: comment and time; None where a submission may have ended it.
        undone: How many submissions were taken back.
    """

    ratings: dict[tuple[str, int], Saved] = field(default_factory=dict)
    drafts: dict[tuple[str, str], tuple[str, str] | None] = field(default_factory=dict)
    undone: int = 0


class Client:
    """One rater's browser: one kept connection, one cookie."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = ""
        self._used = 0.0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, path: str, form: object, *, forwarded: str = "") -> tuple[int, dict[str, Any]]:
        """Post JSON and return the status and the answer.

        Raises:
            OSError: If the connection breaks.
            asyncio.IncompleteReadError: If it breaks within the answer.
        """
        text = json.dumps(form).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(text)}\r\ncookie: {self._cookie}\r\n"
        head += f"x-forwarded-for: {forwarded}\r\n" if forwarded else ""
        try:
            if time.monotonic() - self._used > _KEPT:
                self.close()
            self._used = time.monotonic()
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(head.encode() + b"\r\n" + text)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            body = await reader.readexactly(int(headers["content-length"]))
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise
        for line in lines:
            if line.lower().startswith("set-cookie: "):
                self._cookie = line.partition(": ")[2].partition(";")[0]
        is_json = headers.get("content-type") == "application/json"
        return int(lines[0].split()[1]), json.loads(body) if is_json else {"problem": body.decode()}

    def close(self) -> None:
        """Drop the connection; the next call makes another one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@contextlib.contextmanager
def running(*command: str, port: int, folder: Path, database: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server process, wait until it answers, and end it with the block."""
    process = start(*command, port=port, folder=folder, database=database)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def start(*command: str, port: int, folder: Path, database: str) -> subprocess.Popen[bytes]:
    """Start a server process and wait until it answers."""
    settings = {
        "SPECS_HOST": "127.0.0.1",
        "SPECS_PORT": str(port),
        "SPECS_DATA": str(folder),
        "SPECS_DB": database,
        "SPECS_BACKGROUND_SCORES": "false",
        "SPECS_OPEN_BROWSER": "false",
        # All raters come from one address here, from which only 10 codes a minute are taken.
        "SPECS_TRUSTED_PROXIES": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log
        )
    patience = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/session", timeout=5).close()
            return process
        except urllib.error.URLError as error:
            if process.poll() is not None or time.monotonic() > patience:
                process.kill()
                process.wait()
                said = (folder / "server.log").read_text()
                raise RuntimeError(f"the server does not start: {said[-2000:]}") from error
            time.sleep(0.05)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Postgres:
    """A PostgreSQL server of the benchmark's own, with Debian's settings, reached through a socket."""

    programs: Path
    folder: Path
    owner: dict[str, Any]

    @property
    def url(self) -> str:
        """Of its one database."""
        return f"postgresql://postgres@/specs?host={self.folder}"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of its programs in its folder."""
        command = [str(self.programs / program), *arguments]
        output = self.folder / "log"
        with output.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=log, check=False, **self.owner)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {output.read_text()[-2000:]}")

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder}"
        self.run("pg_ctl", "start", "-w", "-s", "-D", "data", "-o", options)

    def stop(self, mode: str) -> None:
        """Stop the server; the mode ``immediate`` is what a crash looks like."""
        self.run("pg_ctl", "stop", "-s", "-D", "data", "-m", mode)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Make and start a PostgreSQL server with an empty database, and remove both with the block."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    programs = installed[-1] if installed else Path(shutil.which("initdb") or "nowhere/initdb").parent
    if not (programs / "initdb").exists():
        sys.exit("PostgreSQL is not installed (Debian: apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="specs-pg-"))
    owner: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.defpath, "LC_ALL": "C"}}
    if os.geteuid() == 0:  # its programs refuse to run as root
        account = pwd.getpwnam("postgres")
        shutil.chown(folder, "postgres")
        owner |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    server = Postgres(programs, folder, owner)
    (folder / "log").touch()
    server.run("initdb", "-D", "data", "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "trust")
    server.start()
    try:
        server.run("createdb", "-h", str(folder), "-U", "postgres", "specs")
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop("fast")
        shutil.rmtree(folder)


def fill(engine: Engine, *, count: int, overlap: int, lease_minutes: int = 30) -> str:
    """Make a campaign of captions of 15 units, each on an image of its own, and return its id."""
    scales = ("correctness", "thoroughness", "overall")
    campaign = create_campaign(
        engine,
        "Load",
        questions=[Question(name=name, label=name.title(), low=1, high=5) for name in scales],
        guideline="Judge **each unit**, then the caption.",
        overlap=overlap,
        lease_minutes=lease_minutes,
    )
    now = timestamp()
    texts = [_TEXT * (UNITS - 1) + f"It is car number {number}." for number in range(min(count, _CAPTIONS))]
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    starts = [len(_TEXT) * unit for unit in range(UNITS)]
    cut = [
        {"caption_sha256": sha256, "segmenter_version": "benchmark", "start": start, "end": end}
        for text, sha256 in zip(texts, hashes, strict=True)
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
    ]
    image_ids = [new_id() for _ in range(count)]
    pictures = [
        {"id": one, "sha256": one * 2, "filename": "car.png", "width": 8, "height": 8, "created_at": now}
        for one in image_ids
    ]
    rows = [
        {
            "id": new_id(),
            "campaign_id": campaign,
            "kind": "caption",
            "role": "regular",
            "image_id": one,
            "caption": texts[number % len(texts)],
            "caption_sha256": hashes[number % len(texts)],
            "segmenter_version": "benchmark",
            "source": "",
            "priority": 0,
            "weight": 1.0,
            "overlap": overlap,
            "done": 0,
            "created_at": now,
        }
        for number, one in enumerate(image_ids)
    ]
    with writing(engine) as connection:
        for table, values in ((units, cut), (images, pictures), (items, rows)):
            for first in range(0, len(values), _ROWS):
                connection.execute(insert(table).values(values[first : first + _ROWS]))
    if engine.dialect.name == "postgresql":  # as its own housekeeping would within a minute
        loose = create_engine(engine.url, connect_args={}, creator=engine.pool._creator)
        with loose.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
        loose.dispose()
    return campaign


def audit(engine: Engine, ledger: Ledger, *, overlap: int) -> dict[str, Any]:
    """Hold the database against what the clients were told.

    Returns:
        ``problems``, sentences; none where every promise was kept. ``stored``, current ratings;
        ``revisions``; ``most_raters``, on one item.
    """
    problems: list[str] = []
    everything = {(one.rater, one.receipt): one for one in ratings(engine, all_revisions=True)}
    for (rater, receipt), told in ledger.ratings.items():
        one = everything.get((rater, receipt))
        if one is None:
            problems.append(f"receipt {receipt} of {rater} is lost")
        elif (
            one.item_id,
            tuple(verdict.verdict for verdict in one.verdicts),
            one.answers,
            one.comment,
            one.saved_at,
        ) != (told.item, told.verdicts, dict(told.answers), told.comment, told.saved_at):
            problems.append(f"receipt {receipt} of {rater} is stored with other answers")
    current = Counter((one.rater, one.item_id) for one in ratings(engine))
    problems += [f"{who} has {count} ratings of one item" for who, count in current.items() if count > 1]
    with reading(engine) as connection:
        finished = assignments.c.state.in_(("done", "returned"))
        done = (
            select(func.count())
            .select_from(assignments)
            .where(assignments.c.item_id == items.c.id, finished)
            .scalar_subquery()
        )
        wrong = connection.execute(select(items.c.id, items.c.done, done).where(items.c.done != done)).all()
        problems += [f"item {one[0]} counts {one[1]} finished places of {one[2]}" for one in wrong]
        kept = {
            (row.name, row.item_id): (json.loads(row.content)["comment"], row.saved_at)
            for row in connection.execute(select(drafts, raters.c.name).join(raters))
        }
    for key, draft in ledger.drafts.items():
        if draft is not None and kept.get(key) != draft:
            problems.append(f"the draft of {key[0]} is not the one that was acknowledged: {kept.get(key)}")
    most = max(Counter(item for _, item in current).values(), default=0)
    if most > overlap:
        problems.append(f"an item has {most} raters of {overlap}")
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
        if found != "ok":
            problems.append(f"the integrity check says {found}")
    return {
        "problems": problems,
        "stored": len(current),
        "revisions": len(everything),
        "most_raters": most,
    }
