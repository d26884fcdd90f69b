"""Score the captions of running campaigns that have no score: ``python -m app.score_items``.

The app starts this program by itself where there is something to score (app/background_scores.py); by hand it
scores what is waiting and ends.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from app.settings import Settings

NICENESS: Final = 10
"""How far behind other programs it stands in line for the processor."""

# How often to look for new captions, and how long to keep the model for them.
_POLL_SECONDS: Final = 10.0
_LINGER_SECONDS: Final = 300.0
_LAST_BATCH_SECONDS: Final = 1.0
_TRIES: Final = 5
_TRY_AGAIN_SECONDS: Final = 2.0

_LOG = logging.getLogger("specs_lens")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after the command's name; those of the process when None.

    Returns:
        The exit code: 0, or 2 after an error, which is told in one line on the standard error stream.
    """
    # Before numpy and torch are imported: one thread that sleeps while it waits leaves the processors to
    # whoever serves the raters.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from pydantic import ValidationError

    from annotations.errors import AnnotationError
    from app.settings import Settings
    from specs_core.errors import SpecsError

    stop = threading.Event()
    if options.under_server:
        threading.Thread(target=_end_with_parent, args=(stop,), daemon=True).start()
    try:
        return _score(
            Settings(),
            stop,
            lingers=options.under_server,
            again=options.again,
            all_metrics=options.all_metrics,
        )
    except ValidationError as error:
        name, problem = error.errors()[0]["loc"], error.errors()[0]["msg"]
        print(f"app.score_items: SPECS_{'_'.join(map(str, name)).upper()}: {problem}", file=sys.stderr)
    except (AnnotationError, SpecsError, OSError) as error:
        print(f"app.score_items: {error}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app.score_items",
        description="Score the captions of running campaigns that the default model has not scored, and end: "
        "SPECS, CLIPScore, length and the text-only sentinel. "
        "The settings are those of the app (SPECS_DATA, SPECS_DB, SPECS_MODEL, SPECS_DEVICE).",
    )
    parser.add_argument("--again", action="store_true", help="try those again that could not be scored")
    parser.add_argument(
        "--all-metrics",
        action="store_true",
        help="F-CLIPScore as well, where the model's text tower is causal",
    )
    # For the app: go on looking for a while, and end when the standard input does.
    parser.add_argument("--under-server", action="store_true", help=argparse.SUPPRESS)
    return parser


def _score(
    settings: Settings, stop: threading.Event, *, lingers: bool, again: bool, all_metrics: bool
) -> int:
    # Where priorities are a thread's own, as on Linux, writing keeps the app's: who stands far behind in line
    # while holding the database's lock holds up everybody.
    with ThreadPoolExecutor(1) as writer:
        writer.submit(threading.get_ident).result()
        if hasattr(os, "nice"):  # not on Windows
            os.nice(NICENESS)

        from annotations.engine import open_database
        from annotations.score_queue import try_again
        from app.pictures import PictureStore
        from app.stored_scores import DEARER_METRICS, METRICS
        from app.waiting_scores import score_waiting
        from specs_core.encoder import load_encoder

        write = partial(_write, writer, stop)
        engine = writer.submit(open_database, settings.database_url, must_exist=True).result()
        try:
            encoder = load_encoder(settings.model, device=settings.device)
            metrics = (*METRICS, *DEARER_METRICS) if all_metrics and encoder.one_pass else METRICS
            if all_metrics and not encoder.one_pass:
                _LOG.warning(
                    "model %s has no F-CLIPScore: its text tower is not causal", encoder.checkpoint.label
                )
            if again:
                write(partial(try_again, engine, metrics=metrics, model_sha256=encoder.weights_sha256))
            pictures, idle = PictureStore(settings.images_dir), 0.0
            while True:
                # Beside the app it rests as long as it works, so that raters rarely meet one of its writes.
                stopped = stop.wait if lingers else lambda _: stop.is_set()
                done = score_waiting(engine, pictures, encoder, metrics=metrics, stopped=stopped, write=write)
                if done.scored or done.failed or not lingers:
                    _LOG.info(
                        "%d captions scored with model %s, %d cannot be scored",
                        *(done.scored, encoder.checkpoint.label, done.failed),
                    )
                idle = 0.0 if done.scored else idle + _POLL_SECONDS
                if not lingers or idle > _LINGER_SECONDS or stop.wait(_POLL_SECONDS):
                    return 0
        finally:
            engine.dispose()


def _write(writer: ThreadPoolExecutor, stop: threading.Event, change: Callable[[], Any]) -> Any:
    """Call what writes, and again after a while where raters have kept the database busy all the time."""
    from annotations.errors import StorageError

    for _ in range(_TRIES - 1):
        try:
            return writer.submit(change).result()
        except StorageError:
            if stop.wait(_TRY_AGAIN_SECONDS):
                raise
    return writer.submit(change).result()


def _end_with_parent(stop: threading.Event) -> None:
    """End when the server closes the pipe to this process, and when it is gone, for then it is closed too."""
    sys.stdin.buffer.read()
    stop.set()
    # What is being scored may be finished; a transaction that is cut off is as if it had never begun.
    threading.Event().wait(_LAST_BATCH_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Without taking torch apart first, which can last seconds while the app waits for this process.
    os._exit(code)
