"""The scoring of stored captions beside the running app: when it starts, that it ends, and how far it is."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from annotations.errors import AnnotationError
from annotations.score_queue import Failure, count_scores, failures, waiting_items
from app.stored_scores import METRIC, METRICS, TEXT_ONLY
from specs_core.checkpoints import file_sha256, local_path, resolve
from specs_core.errors import SpecsError

if TYPE_CHECKING:
    from app.context import AppContext
    from app.settings import Settings

POLL_SECONDS: Final = 30.0
"""How often the app looks whether there is something to score."""

LONGEST_PAUSE_SECONDS: Final = 3600.0
"""The longest pause after the process has failed again and again; the first one is `POLL_SECONDS`."""

# The page is served first, and the model that visitors wait for is loaded first.
_FIRST_LOOK_SECONDS: Final = 15.0
_ENDS_WITHIN_SECONDS: Final = 2.0
_LOG = logging.getLogger("specs_lens")


@dataclass(frozen=True)
class ScoringStatus:
    """How far the default model has come with the captions of the running campaigns.

    Attributes:
        model: Name of the model.
        scored: Captions with a score, as they are cut now.
        waiting: Captions that will be scored.
        failed: Captions that cannot be.
        on_disk: Whether the model is on this machine; while it is not, nothing is scored in the background.
        problems: Why, for the latest of those that cannot be scored.
    """

    model: str
    scored: int
    waiting: int
    failed: int
    on_disk: bool
    problems: tuple[Failure, ...]


def scoring_status(context: AppContext) -> ScoringStatus:
    """Tell how far the scoring of the running campaigns' captions is.

    Args:
        context: The open context.

    Raises:
        SpecsError: If the default model is none that is known.
        AnnotationError: If the database fails.
    """
    sha256 = default_weights(context.settings)
    counts = count_scores(context.engine, metric=METRIC, model_sha256=sha256 or "")
    return ScoringStatus(
        model=resolve(context.settings.model).label,
        scored=counts.scored,
        waiting=counts.waiting,
        failed=counts.failed,
        on_disk=sha256 is not None,
        problems=failures(context.engine, metric=METRIC, model_sha256=sha256 or "", limit=20),
    )


def default_weights(settings: Settings) -> str | None:
    """Return the SHA-256 of the default model's weights, or None where they are not on this machine.

    Raises:
        SpecsError: If the default model is none that is known.
    """
    path = local_path(resolve(settings.model))
    return None if path is None else file_sha256(path)


class BackgroundScores:
    """A process that scores what has no score, started where there is something to score.

    It is a process of its own, so that a rater's click never waits for the model's Python; it stands behind
    all others in line for the processor, and it ends with the app, however the app ends.

    Args:
        context: The open context.
        poll_seconds: How often to look; after a failure the pauses double.
        first_look_seconds: When to look for the first time.
    """

    def __init__(
        self,
        context: AppContext,
        *,
        poll_seconds: float = POLL_SECONDS,
        first_look_seconds: float = _FIRST_LOOK_SECONDS,
    ) -> None:
        self._context = context
        self._poll_seconds = poll_seconds
        self._first_look_seconds = first_look_seconds
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="background scores", daemon=True)

    @property
    def process_id(self) -> int | None:
        """Id of the process while one is at work."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def __enter__(self) -> Self:
        """Begin to look, in a thread of its own."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, if there is one, and look no more."""
        self._stopping.set()
        self._thread.join(3 * _ENDS_WITHIN_SECONDS)

    def _watch(self) -> None:
        pause, failed = self._first_look_seconds, 0
        while not self._stopping.wait(pause):
            code = self._run() if self._has_work() else 0
            failed = 0 if code == 0 else failed + 1
            pause = min(self._poll_seconds * 2 ** max(failed - 1, 0), LONGEST_PAUSE_SECONDS)
            if failed and not self._stopping.is_set():
                _LOG.warning(
                    "scoring in the background ended with code %d; it starts again in %.0f seconds",
                    *(code, pause),
                )

    def _has_work(self) -> bool:
        try:
            sha256 = default_weights(self._context.settings)
            return sha256 is not None and bool(
                waiting_items(
                    self._context.engine,
                    metrics=METRICS,
                    across=(TEXT_ONLY,),
                    model_sha256=sha256,
                    limit=1,
                )
            )
        except (AnnotationError, SpecsError, OSError) as error:
            _LOG.warning("captions cannot be scored in the background: %s", error)
            return False

    def _run(self) -> int:
        """Run the process until it ends or the app does, and return its exit code."""
        try:
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "app.score_items", "--under-server"],
                # Never written to: it ends when this end of the pipe closes, which even a crash does.
                stdin=subprocess.PIPE,
                env=_environment(self._context.settings),
                # Ctrl+C is for the app, which ends the process itself.
                start_new_session=True,
            )
        except OSError as error:
            _LOG.warning("captions cannot be scored in the background: %s", error)
            return 1
        with process:
            while process.poll() is None and not self._stopping.wait(0.2):
                pass
            if process.poll() is None:
                _end(process)
        return process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    for last_word in (process.terminate, process.kill):
        try:
            process.wait(_ENDS_WITHIN_SECONDS)
            return
        except subprocess.TimeoutExpired:
            last_word()
    process.wait()


def _environment(settings: Settings) -> dict[str, str]:
    """Return what the process finds in its environment: this app's settings, whatever they came from."""
    packages = str(Path(__file__).resolve().parent.parent)
    given = {
        "SPECS_DATA": str(settings.data),
        "SPECS_DB": settings.database_url,
        "SPECS_MODEL": resolve(settings.model).name,
        "SPECS_DEVICE": settings.device,
        "PYTHONPATH": os.pathsep.join(filter(None, (packages, os.environ.get("PYTHONPATH")))),
    }
    return {**os.environ, **given}
