"""The part on dips over a server: what each event answers, and to whom."""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from annotations.analysis.dips import calibration
from annotations.analysis.table import AnalysisTable, Choice, UnitTable, Weights
from annotations.invites import invite
from annotations.stopping import Stopped
from annotations.thresholds import current_threshold, threshold_history
from app.analysis_parts import Asked, Reading
from app.context import AppContext, open_context
from app.pages import analyse_dips
from app.pages.analyse_turn import Turn
from app.sessions import session_router
from app.settings import Settings

MODEL = Weights("scenes", "7" * 64, 160)
H, S, U = "hallucinated", "supported", "unsure"
WHAT_IS_KEPT = ("AUROC", "scenes", "precision")
EVENTS = {
    "move": (None, 0.05),
    "recount": (None, 0.05, "left_out", 0.2, 0.1),
    "use": (),
    "ask": (None, 0.05),
    "ask_withdrawal": (),
    "confirm": (),
    "role": (),
}


def reading(n_images: int = 160, *, verdicts: str = "all", model: Weights | None = MODEL) -> Reading:
    """Five units an image; where one is hallucinated its delta is lower by .07."""
    generator = np.random.default_rng(0)
    false = generator.random(n_images * 5) < 0.3
    item = np.repeat(np.arange(n_images), 5)
    none = np.zeros(0)
    given = {
        "all": tuple((H,) if is_false else (S,) for is_false in false),
        "none": ((),) * len(item),
        "supported": ((S,),) * len(item),
        "half unsure": tuple(
            (U,) if image % 2 else (H,) if is_false else (S,)
            for image, is_false in zip(item, false, strict=True)
        ),
    }[verdicts]
    units = UnitTable(
        item=item,
        image=tuple(f"image-{number}" for number in item),
        start=np.arange(len(item)),
        end=np.arange(len(item)) + 1,
        delta=generator.normal(0.01, 0.03, len(item)) - 0.07 * false,
        verdicts=given,
        raters=tuple((0,) * len(each) for each in given),
        n_stale=3,
    )
    table = AnalysisTable(
        items=tuple(map(str, range(n_images))),
        images=tuple(f"image-{number}" for number in range(n_images)),
        captions=("",) * n_images,
        systems=("",) * n_images,
        campaigns=("",) * n_images,
        lengths=none,
        weights=np.ones(n_images),
        metrics={},
        provenance={},
        raters=("r",),
        names=("Ada",),
        answers={},
        n_ratings=n_images,
        n_blind=0,
        models=(),
        model=model,
        left_out={},
    )
    asked = Asked(Choice(campaigns=("käse",)), "overall", "specs", "kendall_tau_b", "pooled")
    return Reading(asked, table, lambda: units, lambda: None)


@pytest.fixture
def context(tmp_path: Path, with_database: Callable[[Path], Path]) -> Iterator[AppContext]:
    opened = open_context(Settings(data=with_database(tmp_path / "data"), backup_minutes=0))
    yield opened
    opened.engine.dispose()


class Caller:
    """A browser that shows the part, and may be signed in."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self._session = secrets.token_hex(4)
        self.events = {event["api_name"]: event for event in client.get("/config").json()["dependencies"]}

    def call(self, name: str, *data: Any) -> str:
        """Call an event with values for its inputs, None for what the server keeps; return all it answers."""
        event = self.events[name]
        given = [*data, *(None for _ in event["inputs"])][: len(event["inputs"])]
        sent = {"fn_index": event["id"], "data": given, "session_hash": self._session}
        joined = self._client.post("/gradio_api/queue/join", json=sent)
        said = [joined.text]
        if joined.status_code == 200:
            with self._client.stream(
                "GET", "/gradio_api/queue/data", params={"session_hash": self._session}
            ) as stream:
                for line in stream.iter_lines():
                    told = json.loads(line[6:]) if line.startswith("data: ") else line
                    said.append(f"data: {json.dumps(told, ensure_ascii=False)}")
                    if "close_stream" in line:
                        break
        return "\n".join(said)


@pytest.fixture
def serve(context: AppContext) -> Iterator[Any]:
    """Start a server whose page shows the part, and sign somebody in."""
    started = []

    def start(role: str | None, shown: Reading | None = None) -> Caller:
        with gr.Blocks() as blocks:
            part = analyse_dips.build(context)
            button = gr.Button()

            def read() -> tuple[Any, ...]:
                return part.show(shown or reading())

            button.click(read, None, list(part.outputs))
        app = FastAPI()
        app.include_router(session_router(context))
        client = TestClient(gr.mount_gradio_app(app, blocks, path="/"), base_url="http://127.0.0.1:7860")
        client.__enter__()
        started.append(client)
        if role is not None:
            code = invite(context.engine, f"the {role}", role=role)
            assert client.post("/session", json={"code": code}).status_code == 200
        return Caller(client)

    yield start
    for client in started:
        client.__exit__(None, None, None)


def test_part_shows_figures_with_intervals_and_definitions(serve: Any) -> None:
    said = serve("admin").call("read")
    assert "process_completed" in said
    assert re.search(r"AUROC</span></span><span><b>0\.9\d</b> \[0\.9\d, (1\.00|0\.9\d)\]", said)
    for word in ("data-tip", "n = 800 units", "800 units of 160 images", "3 verdicts are on cuts"):
        assert word in said, word
    assert "False discovery rate promised" in said
    assert "has no default yet" in said


@pytest.mark.parametrize(
    ("shown", "sentence"),
    [
        (reading(verdicts="none"), "Nobody has judged a unit"),
        (reading(verdicts="supported"), "None of the 800 judged units is hallucinated"),
        (reading(model=None), "No rated caption has a score yet"),
    ],
)
def test_without_anything_to_detect_no_plot_is_drawn_and_the_next_step_is_told(
    serve: Any, shown: Reading, sentence: str
) -> None:
    said = serve("admin", shown).call("read")
    assert sentence in said
    assert '"plot"' not in said


def test_slider_gives_the_figures_of_its_threshold_at_once(serve: Any) -> None:
    caller = serve("adjudicator")
    caller.call("read")
    said = caller.call("move", None, 0.05)
    assert "Threshold 0.050" in said


def test_unsure_is_counted_as_the_choice_says(serve: Any) -> None:
    caller = serve("admin", reading(verdicts="half unsure"))
    assert "400 units of 80 images" in caller.call("read")
    said = caller.call("recount", None, 0.0, "hallucinated", 0.2, 0.1)
    assert "800 units of 160 images" in said
    assert "400 verdicts are “unsure”" in said
    assert "400 units of 80 images" in caller.call("recount", None, 0.0, "left_out", 0.2, 0.1)


def test_promise_follows_its_inputs_and_says_what_is_missing(serve: Any) -> None:
    caller = serve("admin")
    caller.call("read")
    assert "≤ 0.30" in caller.call("recount", None, 0.0, "left_out", 0.3, 0.1)
    assert "Nothing can be promised at 1%" in caller.call("recount", None, 0.0, "left_out", 0.01, 0.1)
    assert "must be between 0 and 1" in caller.call("recount", None, 0.0, "left_out", 7, 0.1)
    assert "numbers between 0 and 1" in caller.call("recount", None, 0.0, "left_out", None, 0.1)


def test_recount_ends_when_the_next_one_begins(context: AppContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with gr.Blocks() as blocks:
        part = analyse_dips.build(context)
    recount = next(fn.fn for fn in blocks.fns.values() if fn.name == "recount")
    monkeypatch.setattr(analyse_dips, "_checked", lambda *_: None)
    kept = part.show(reading(verdicts="half unsure"))[-2]
    page = Turn()

    def call(way: str) -> tuple[Any, ...]:
        return recount(kept, 0.0, way, 0.2, 0.1, page, None)

    began, ended = [], []
    real = analyse_dips.dip_part

    def hurried(*given: Any, **options: Any) -> Any:
        began.append(options["unsure"])
        page.begin()
        try:
            return real(*given, **options)
        except Stopped:
            ended.append(options["unsure"])
            raise

    monkeypatch.setattr(analyse_dips, "dip_part", hurried)
    said = call("hallucinated")
    assert (began, ended) == (["hallucinated"], ["hallucinated"])
    assert set(map(str, said)) == {str(gr.skip())}
    monkeypatch.setattr(analyse_dips, "dip_part", real)
    assert call("hallucinated")[-1].part.detection.unsure == "hallucinated"


def test_promise_asked_for_while_a_recount_was_ended_counts_as_the_page_says(serve: Any) -> None:
    caller = serve("admin", reading(verdicts="half unsure"))
    caller.call("read")
    # The page says “hallucinated”, and what is kept was counted otherwise.
    said = caller.call("recount", None, 0.0, "hallucinated", 0.3, 0.1)
    assert "800 units of 160 images" in said
    assert "≤ 0.30" in said


def test_admin_makes_the_calibrated_threshold_the_default_in_two_steps(
    serve: Any, context: AppContext
) -> None:
    caller = serve("admin")
    caller.call("read")
    shown = reading()
    expected = calibration(shown.units(), rate=0.2, failure=0.1, seed=0)
    assert "Threshold" in caller.call("use")
    asked = caller.call("ask", None, expected.threshold)
    assert "It is promised that at most 20% of the flags" in asked
    assert current_threshold(context.engine, MODEL.sha256) is None, "asking sets nothing"
    said = caller.call("confirm")
    stored = current_threshold(context.engine, MODEL.sha256)
    assert stored.threshold == expected.threshold
    assert (stored.promise.rate, stored.promise.failure, stored.promise.seed) == (0.2, 0.1, 0)
    assert stored.promise.realised == pytest.approx(expected.realised.value)
    assert (stored.n_images, stored.unsure, stored.set_by) == (80, "left_out", "the admin")
    assert stored.choice["campaigns"] == ["käse"]
    assert "Defaults of scenes" in said
    again = caller.call("confirm")
    assert "Choose a threshold first" in again
    assert len(threshold_history(context.engine, MODEL.sha256)) == 1


def test_threshold_chosen_by_eye_is_stored_without_a_promise(serve: Any, context: AppContext) -> None:
    caller = serve("admin")
    caller.call("read")
    assert "Nothing is promised of it" in caller.call("ask", None, 0.05)
    caller.call("confirm")
    stored = current_threshold(context.engine, MODEL.sha256)
    assert (stored.threshold, stored.promise, stored.n_images) == (0.05, None, 160)


def test_question_about_one_threshold_is_taken_back_when_the_slider_moves(
    serve: Any, context: AppContext
) -> None:
    caller = serve("admin")
    caller.call("read")
    caller.call("ask", None, 0.05)
    caller.call("move", None, 0.06)
    assert "Choose a threshold first" in caller.call("confirm")
    assert threshold_history(context.engine, MODEL.sha256) == ()


def test_withdrawal_takes_two_steps_and_leaves_a_row(serve: Any, context: AppContext) -> None:
    caller = serve("admin")
    caller.call("read")
    assert "no default" in caller.call("ask_withdrawal")
    caller.call("ask", None, 0.05)
    caller.call("confirm")
    assert "start at 0 again" in caller.call("ask_withdrawal")
    assert current_threshold(context.engine, MODEL.sha256) is not None
    caller.call("confirm")
    assert current_threshold(context.engine, MODEL.sha256) is None
    assert len(threshold_history(context.engine, MODEL.sha256)) == 2


def test_default_of_one_models_weights_is_none_of_anothers(serve: Any) -> None:
    caller = serve("admin")
    caller.call("read")
    caller.call("ask", None, 0.05)
    caller.call("confirm")
    other = serve("admin", reading(model=Weights("scenes", "8" * 64, 160)))
    said = other.call("read")
    assert "Threshold 0.000" in said
    assert "888888888888</code> has no default yet" in said
    assert "This model has no default" in other.call("ask_withdrawal")


def test_question_about_a_default_comes_with_what_another_admin_has_set_since(serve: Any) -> None:
    first, second = serve("admin"), serve("admin")
    for caller in (first, second):
        assert "has no default yet" in caller.call("read")
    second.call("ask", None, 0.05)
    second.call("confirm")
    assert "<b>0.05</b>" in first.call("ask", None, 0.06)


def test_slider_starts_at_the_default(serve: Any) -> None:
    caller = serve("admin")
    caller.call("read")
    caller.call("ask", None, 0.05)
    caller.call("confirm")
    assert "Threshold 0.050" in caller.call("read")


@pytest.mark.parametrize("role", [None, "rater"])
def test_whoever_may_not_read_gets_nothing_from_any_event(
    serve: Any, context: AppContext, role: str | None
) -> None:
    caller = serve(role)
    # What the page would refuse before it shows the part: here it fills the server's memory of the session.
    caller.call("read")
    for name, data in EVENTS.items():
        said = caller.call(name, *data)
        assert [word for word in WHAT_IS_KEPT if word in said] == [], name
        assert "You are not signed in" in said or "This is for the role" in said, name
    assert threshold_history(context.engine, MODEL.sha256) == ()


def test_adjudicator_reads_but_makes_no_default(serve: Any, context: AppContext) -> None:
    caller = serve("adjudicator")
    caller.call("read")
    assert "AUROC" in caller.call("move", None, 0.05)
    for name in ("ask", "ask_withdrawal", "confirm"):
        assert "This is for the role admin" in caller.call(name, *EVENTS[name]), name
    assert threshold_history(context.engine, MODEL.sha256) == ()


@pytest.mark.parametrize(("role", "visible"), [("admin", True), ("adjudicator", False)])
def test_button_stands_there_for_admins_only(serve: Any, role: str, visible: bool) -> None:
    caller = serve(role)
    caller.call("read")
    said = caller.call("role")
    done = json.loads(next(line[6:] for line in said.splitlines() if "process_completed" in line))
    make, withdraw, note = done["output"]["data"]
    assert (make["visible"], withdraw["visible"], note["visible"]) == (visible, False, not visible)
