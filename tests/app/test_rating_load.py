"""Rating over HTTP against a really running server: nothing lost, nothing twice, under load and after a kill.

The programs that measure are in `benchmarks`; here they run for a few seconds, and no time is asserted.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = [pytest.param([], id="sqlite"), pytest.param(["--postgres"], id="postgresql")]


def run(program: str, *options: str) -> dict[str, Any]:
    """Run a benchmark and return what it found."""
    if "--postgres" in options and not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    done = subprocess.run(
        [sys.executable, f"benchmarks/{program}.py", "--json", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.stdout, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("backend", BACKENDS)
def test_eight_raters_who_rate_at_once_lose_nothing_and_keep_to_the_overlap(backend: list[str]) -> None:
    found = run("rating_load", "--small", "--raters", "8", "--ratings", "10", "--overlap", "2", *backend)

    assert found["errors"] == []
    assert found["stored"] == 80
    # Whoever undid a rating and gave it again has a receipt for both.
    assert found["acknowledged"] == 80 + found["undone"]
    assert 1 <= found["most_raters"] <= 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_server_that_is_killed_in_the_middle_of_saves_has_kept_all_that_it_acknowledged(
    backend: list[str],
) -> None:
    found = run("rating_kill", "--cycles", "3", "--raters", "4", "--items", "300", "--seed", "1", *backend)

    assert found["problems"] == []
    assert found["acknowledged"] == found["revisions"] == found["stored"] > 0
    assert found["counts"]["drafts"] > 0
    assert found["counts"]["broken off"] >= 3, "nobody was in the middle of anything"
