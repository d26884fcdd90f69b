"""How long the Analyse page takes to show its first picture of many ratings, server and browser together.

    python benchmarks/analysis_page.py [--ratings 100000] [--rounds 3] [--data FOLDER] [--picture]

Starts the app on a database that benchmarks/analysis_reading.py fills, and opens it in Chromium. Timed is
from choosing the tab until counts, point values and the scatter are painted: the first time after the start,
when the app has read the ratings ahead; again, when nothing has changed; and after a rating came in. Beside
each the processor seconds of the server, because elapsed time says little on a busy machine; they hold what
was begun for intervals and parts meanwhile. These are finished before the next one is timed; with
``--picture`` they are never begun, which takes a minute instead of ten. The last lines say how long they
take, how many points are drawn of how many, and whether all keep to three seconds.
"""

import argparse
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from analysis_reading import PER_ITEM, fill
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import Engine, func, select

from annotations.engine import open_database, reading
from annotations.invites import invite
from annotations.revisions import ratings
from annotations.schema import revisions
from annotations.store import NewRating, save_rating

LIMIT = 3.0  # seconds
AHEAD = 120  # seconds at most that the app has to load the model and to read the ratings
# What is asked for once the browser has painted never comes.
PICTURE_ONLY = "window.requestIdleCallback = () => 0;"
REPOSITORY = Path(__file__).resolve().parents[1]
# Chooses the tab and waits until what belongs to the new reading has been painted: milliseconds.
TIMED = """
() => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("the page did not come")), 300000);
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const tab = tabs.find((one) => one.textContent.trim() === "Analyse");
  document.querySelector("#analyse-table")?.replaceChildren?.();
  document.querySelector("#analyse-plot .scatterlayer")?.remove();
  const begun = performance.now();
  tab.click();
  const look = () => {
    const table = document.querySelector("#analyse-table tbody tr");
    const point = document.querySelector("#analyse-plot .scatterlayer .point");
    const counts = document.querySelector("#analyse-counts .ra-row");
    const waits = document.querySelector("#analyse-main")?.getAttribute("aria-busy");
    if (table && point && counts && !waits) requestAnimationFrame(() => resolve(performance.now() - begun));
    else requestAnimationFrame(look);
  };
  look();
})
"""


@contextmanager
def running_app(folder: Path) -> Iterator[tuple[str, int]]:
    """Start the app on loopback, give its address and process id, and end it by that id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "SPECS_PORT": str(port),
        "SPECS_DATA": str(folder),
        "SPECS_OPEN_BROWSER": "false",
        "SPECS_BACKGROUND_SCORES": "false",
        "SPECS_BACKUP_MINUTES": "0",
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen([sys.executable, "-m", "app"], cwd=REPOSITORY, env=environment)
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                    break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.2)
        print(f"read ahead, model and parser included: {rest(process.pid):.0f} s after the start", flush=True)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(20)


def processor_seconds(pid: int) -> float:
    """Return the processor seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rest(pid: int) -> float:
    """Wait until the server has nothing to do any more, and return the seconds until it last had."""
    begun = last = time.monotonic()
    used = processor_seconds(pid)
    # It begins to read ahead some seconds after the start, and may wait for a slow disk.
    while time.monotonic() - last < 10 and time.monotonic() - begun < AHEAD:
        time.sleep(0.5)
        now = processor_seconds(pid)
        if now - used > 0.05:
            last = time.monotonic()
        used = now
    return last - begun


def rate_once(engine: Engine) -> None:
    """Let somebody change an answer, so that the kept reading no longer holds."""
    # Another one each time: a caption has room for one more.
    one = secrets.choice([one for one in islice(ratings(engine), 3000) if one.kind == "caption"])
    save_rating(
        engine,
        NewRating(
            item_id=one.item_id,
            rater=one.rater,
            answers={name: 6 - value for name, value in one.answers.items()},
            verdicts=tuple("supported" for _ in one.verdicts),
            nonce=secrets.token_hex(8),
            guideline_version="1",
            application_version="0",
        ),
    )


def open_tab(page: Page, url: str, pid: int) -> tuple[float, float]:
    """Open the app anew and choose the tab: seconds until the picture, and the server's processor seconds."""
    page.goto(url)
    page.wait_for_selector("#curve .main-svg")
    page.wait_for_timeout(1000)
    before = processor_seconds(pid)
    seconds = page.evaluate(TIMED) / 1000
    return seconds, processor_seconds(pid) - before


def settle(page: Page) -> float:
    """Wait until intervals and all parts are there, and return the seconds."""
    begun = time.monotonic()
    page.wait_for_selector("#analyse-groups", timeout=1_200_000)
    page.wait_for_function("!document.querySelector('#analyse-main .an-computing')", timeout=1_200_000)
    return time.monotonic() - begun


def main() -> int:
    """Make the database where there is none, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="folder that was filled before")
    parser.add_argument("--picture", action="store_true", help="leave intervals and parts out")
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("Chromium is not installed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.data or Path(temporary)
        engine = open_database(f"sqlite:///{folder / 'specs.sqlite3'}")
        if args.data is None:
            fill(engine, args.ratings // PER_ITEM)
        with reading(engine) as connection:
            n_ratings = connection.execute(select(func.count()).select_from(revisions)).scalar_one()
        print(f"{n_ratings:,} ratings of captions and battles; load average {os.getloadavg()[0]:.1f}")
        with running_app(folder) as (url, pid), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            if args.picture:
                page.add_init_script(PICTURE_ONLY)
            answer = page.request.post(f"{url}/session", data={"code": invite(engine, "timer", role="admin")})
            assert answer.ok, answer.text()
            worst = later = 0.0
            for name, rounds in (("first", 1), ("again", args.rounds), ("after a rating", args.rounds)):
                found = []
                for _ in range(rounds):
                    if name == "after a rating":
                        rate_once(engine)
                    found.append(open_tab(page, url, pid))
                    if name != "again" and not args.picture:
                        # Otherwise what the page goes on working out would be timed with what comes next.
                        later = settle(page)
                seconds, server = zip(*found, strict=True)
                worst = max(worst, *seconds)
                print(
                    f"{name}: {statistics.median(seconds):.2f} s (worst {max(seconds):.2f}), "
                    f"server {statistics.median(server):.2f} s of a processor",
                    flush=True,
                )
            if not args.picture:
                print(f"intervals and all parts of a new reading: {later:.0f} s more")
            print(page.locator("#analyse-drawn").inner_text())
            browser.close()
    print(f"{'within' if worst <= LIMIT else 'over'} {LIMIT:g} s")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
