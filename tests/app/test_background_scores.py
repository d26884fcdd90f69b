"""Captions are scored beside the app: which, how, what happens to those that cannot be, and that it ends."""

import contextlib
import hashlib
import io
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import update

from annotations.engine import writing
from annotations.errors import StorageError
from annotations.images import add_image
from annotations.items import add_item, get_item
from annotations.schema import items
from annotations.scores import load_curve
from app import background_scores, score_items, waiting_scores
from app.background_scores import BackgroundScores, default_weights, scoring_status
from app.context import AppContext, open_context
from app.item_scores import score_item
from app.pictures import ORIGINALS
from app.settings import Settings
from app.waiting_scores import Done, score_waiting
from specs_core.encoder import Encoder, load_encoder

CAPTIONS = (
    "A red disc hangs over green ground.",
    "A blue square stands on the ground. Beside it is a disc, which is red and rather large.",
    "Green ground, a pale sky, a disc on the left and a square on the right.",
)


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Path) -> Encoder:
    return load_encoder(str(tiny_checkpoint))


@pytest.fixture
def context(tmp_path: Path, tiny_checkpoint: Path, with_database: Callable[[Path], Path]) -> AppContext:
    return open_context(Settings(data=with_database(tmp_path / "data"), model=str(tiny_checkpoint)))


def picture(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((80, 60), 20 + seed).convert("RGB").save(buffer, format="PNG")
    return buffer.getvalue()


def add(context: AppContext, caption: str, *, data: bytes | None = None, image: int = 0) -> str:
    """Add an item as an import does: uncut, with the original file under its image's id."""
    data = picture(image) if data is None else data
    sha256 = hashlib.sha256(str(image).encode()).hexdigest()
    image_id = add_image(context.engine, sha256=sha256, filename="a.png", width=80, height=60)
    original = context.settings.images_dir / ORIGINALS / image_id
    original.parent.mkdir(parents=True, exist_ok=True)
    if data and context.pictures.find(image_id) is None:
        original.write_bytes(data)
    return add_item(context.engine, image_id=image_id, caption=caption, units=None)


def run(context: AppContext, encoder: Encoder, **options: Any) -> Done:
    return score_waiting(context.engine, context.pictures, encoder, **options)


def curve(context: AppContext, encoder: Encoder, item_id: str) -> dict[str, Any] | None:
    return load_curve(context.engine, item_id, metric="specs", model_sha256=encoder.weights_sha256)


def test_waiting_captions_are_cut_and_get_the_scores_that_they_would_get_one_by_one(
    context: AppContext, encoder: Encoder
) -> None:
    ids = [add(context, caption, image=number % 2) for number, caption in enumerate(CAPTIONS)]
    assert run(context, encoder) == Done(scored=3, failed=0)
    for item_id in ids:
        assert get_item(context.engine, item_id).is_cut
        together, alone = curve(context, encoder, item_id), score_item(context, item_id, encoder)
        assert together is not None
        assert together["score"] == pytest.approx(alone["score"], abs=1e-6)
        for one, other in zip(together["units"], alone["units"], strict=True):
            assert one["similarity"] == pytest.approx(other["similarity"], abs=1e-6)
            assert [one[key] for key in ("text", "start", "end", "tokens")] == [
                other[key] for key in ("text", "start", "end", "tokens")
            ]
        assert together["tokens"] == alone["tokens"]
        assert together["provenance"] == alone["provenance"]
    assert run(context, encoder) == Done()


def test_an_image_with_several_captions_is_encoded_once(
    context: AppContext, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for caption in CAPTIONS:
        add(context, caption)
    add(context, CAPTIONS[0], image=1)
    seen = []
    encode = encoder.image_features
    monkeypatch.setattr(encoder, "image_features", lambda images: seen.append(len(images)) or encode(images))
    run(context, encoder)
    assert seen == [2]


def test_a_caption_that_cannot_be_scored_is_told_of_once_and_holds_nobody_up(
    context: AppContext, encoder: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    bad = add(context, CAPTIONS[0], data=picture(0)[:100], image=7)
    long = add(context, "word " * 300)
    good = add(context, CAPTIONS[1])
    with caplog.at_level(logging.WARNING):
        assert run(context, encoder) == Done(scored=1, failed=2)
    status = scoring_status(context)
    assert (status.scored, status.waiting, status.failed) == (1, 0, 2)
    reasons = {problem.item_id: problem.reason for problem in status.problems}
    assert "damaged" in reasons[bad]
    assert "first unit is longer than the 248 tokens" in reasons[long]
    assert bad in caplog.text
    assert curve(context, encoder, good) is not None
    caplog.clear()
    assert run(context, encoder) == Done()
    assert caplog.text == ""


def test_a_caption_that_spoils_its_batch_fails_alone(
    context: AppContext, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [add(context, caption) for caption in CAPTIONS]
    encode = encoder.tree_features

    def spoiled(trees: Any) -> Any:
        if any("Beside" in unit.text for tree in trees for unit in tree.units):
            raise RuntimeError("not enough memory")
        return encode(trees)

    monkeypatch.setattr(encoder, "tree_features", spoiled)
    assert run(context, encoder) == Done(scored=2, failed=1)
    assert [(problem.item_id, problem.reason) for problem in scoring_status(context).problems] == [
        (ids[1], "not enough memory")
    ]


def test_an_image_that_an_import_has_not_brought_yet_is_waited_for(
    context: AppContext, encoder: Encoder
) -> None:
    item = add(context, CAPTIONS[0], data=b"")
    assert run(context, encoder) == Done()
    assert scoring_status(context).waiting == 1
    with writing(context.engine) as connection:
        connection.execute(update(items).values(created_at="2026-01-31T09:05:00.000000Z"))
    assert run(context, encoder) == Done(failed=1)
    assert [problem.item_id for problem in scoring_status(context).problems] == [item]
    assert "missing from the data folder" in scoring_status(context).problems[0].reason


def test_scoring_that_is_stopped_keeps_what_it_has_and_leaves_the_rest(
    context: AppContext, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_scores, "TOGETHER", 2)
    for number in range(5):
        add(context, f"{CAPTIONS[0]} Number {number}.")
    told: list[float] = []

    def stopped(seconds: float) -> bool:
        told.append(seconds)
        return len(told) > 1

    assert run(context, encoder, stopped=stopped) == Done(scored=2)
    assert told[0] == 0 < told[1], "how long the batch before took"
    assert scoring_status(context).waiting == 3


def test_status_of_a_model_that_is_not_here_says_so(tmp_path: Path) -> None:
    context = open_context(Settings(data=tmp_path, model="longclip-l"))
    add(context, CAPTIONS[0])
    status = scoring_status(context)
    if default_weights(context.settings) is None:
        assert (status.model, status.waiting, status.on_disk) == ("longclip-l", 1, False)
        assert not BackgroundScores(context)._has_work()


# The process


def wait_until(condition: Any, seconds: float = 120) -> bool:
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return bool(found)


def is_alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_background_scores_score_what_waits_and_what_comes_later_and_end_with_the_app(
    context: AppContext,
) -> None:
    add(context, CAPTIONS[0])
    with BackgroundScores(context, poll_seconds=0.5, first_look_seconds=0) as scores:
        assert wait_until(lambda: scoring_status(context).scored == 1)
        process_id = scores.process_id
        assert process_id is not None
        assert process_id != os.getpid()
        assert os.getpriority(os.PRIO_PROCESS, process_id) >= 10, "it stands behind the app in line"
        threads = [int(path.name) for path in Path(f"/proc/{process_id}/task").glob("*")]
        if threads:
            ours = os.getpriority(os.PRIO_PROCESS, 0)
            assert ours in {os.getpriority(os.PRIO_PROCESS, one) for one in threads}, "what writes does not"
        add(context, CAPTIONS[1])
        assert wait_until(lambda: scoring_status(context).scored == 2, 30)
        assert scores.process_id == process_id, "the model is kept for a while"
    assert scores.process_id is None
    assert not is_alive(process_id)


def test_background_scores_without_anything_to_score_start_no_process(context: AppContext) -> None:
    with BackgroundScores(context, poll_seconds=0.05, first_look_seconds=0) as scores:
        time.sleep(0.5)
        assert scores.process_id is None


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks processes up in /proc")
def test_background_scores_end_when_the_app_is_killed(context: AppContext) -> None:
    add(context, CAPTIONS[0])
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from app.background_scores import BackgroundScores\n"
        "from app.context import open_context\n"
        "from app.settings import Settings\n"
        "scores = BackgroundScores(open_context(Settings(data=Path(sys.argv[1]), model=sys.argv[2])),\n"
        "    poll_seconds=1, first_look_seconds=0)\n"
        "scores.__enter__()\n"
        "while scores.process_id is None: time.sleep(0.05)\n"
        "print(scores.process_id, flush=True)\n"
        "time.sleep(300)\n"
    )
    arguments = [sys.executable, "-c", code, str(context.settings.data), str(context.settings.model)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: is_alive(child) and os.kill(child, signal.SIGKILL))
        assert wait_until(lambda: not is_alive(child), 60), "nothing may be left behind"


def test_background_scores_that_fail_start_again_after_growing_pauses(
    context: AppContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scores = BackgroundScores(context, poll_seconds=30, first_look_seconds=1)
    codes, pauses = iter([1, -9, *[2] * 8, 0, 1]), []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) > 12

    monkeypatch.setattr(scores._stopping, "wait", wait)
    monkeypatch.setattr(scores, "_has_work", lambda: True)
    monkeypatch.setattr(scores, "_run", lambda: next(codes))
    scores._watch()
    assert pauses == [1, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 30, 30]
    assert "code -9" in caplog.text


def test_the_process_that_cannot_load_the_model_ends_with_a_sentence(
    context: AppContext, tmp_path: Path
) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    environment = background_scores._environment(
        Settings(data=context.settings.data, model=str(tmp_path / "broken.safetensors"))
    )
    result = subprocess.run(
        [sys.executable, "-m", "app.score_items"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith("app.score_items: ")
    assert "Traceback" not in result.stderr


def test_what_is_written_is_tried_again_while_raters_keep_the_database_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(score_items, "_TRY_AGAIN_SECONDS", 0.01)
    outcomes: list[object] = [StorageError("locked"), StorageError("locked"), 7]

    def change() -> object:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    stop = threading.Event()
    with ThreadPoolExecutor(1) as writer:
        assert score_items._write(writer, stop, change) == 7
        outcomes += [StorageError("locked")] * 9
        with pytest.raises(StorageError, match="locked"):
            score_items._write(writer, stop, change)
        assert len(outcomes) == 4
        stop.set()
        with pytest.raises(StorageError, match="locked"):
            score_items._write(writer, stop, change)
        assert len(outcomes) == 3, "who is to end does not try again"


@pytest.mark.slow
def test_the_command_scores_what_waits_and_ends(context: AppContext) -> None:
    add(context, CAPTIONS[0])
    result = subprocess.run(
        [sys.executable, "-m", "app.score_items"],
        env=background_scores._environment(context.settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (result.returncode, "1 captions scored" in result.stderr) == (0, True)
    assert scoring_status(context).scored == 1
