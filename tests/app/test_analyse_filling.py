"""Filling the parts of the Analyse page: what another choice ends, and that nothing is lost by it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import pytest

from annotations.analysis.table import Choice
from annotations.stopping import end_if_over
from app.analysis import Shown
from app.analysis_parts import Asked, Part
from app.pages import analyse_dips, analyse_filling
from app.pages.analyse_filling import mount, wire
from app.pages.analyse_turn import Turn

QUESTIONS = {name: Asked(Choice(), name, "specs", "kendall_tau_b", "pooled") for name in ("one", "two")}


@dataclass
class Page:
    """The events of a page with a quick part, and one with something that takes long and events of its own.

    Attributes:
        turn: Of the page.
        own: Of what the second part's own events work out.
        events: By name.
        comes: Called in the middle of what takes long: somebody chooses something else.
        done: What was worked out, in order.
        states: What the server keeps: of which question each part was filled, and completed.
    """

    turn: Turn = field(default_factory=Turn)
    own: Turn = field(default_factory=Turn)
    events: dict[str, Callable[..., Any]] = field(default_factory=dict)
    comes: Callable[[], object] = lambda: None
    done: list[str] = field(default_factory=list)
    states: dict[str, Any] = field(default_factory=lambda: {"quick": None, "slow": None, "later": None})

    def work(self, name: str) -> tuple[str]:
        self.comes()
        end_if_over()
        self.done.append(name)
        return (name,)

    def keep(self, name: str, value: Any) -> None:
        if value != gr.skip():
            self.states[name] = value

    def fill(self, question: str) -> None:
        """Fill the parts, and say what the server keeps of it."""
        shown = Shown(QUESTIONS[question], ())
        filling = self.events["fill_parts"](
            shown, self.turn, None, self.states["quick"], self.states["slow"], self.own
        )
        for quick, _, _, slow, _, _ in filling:
            self.keep("quick", quick)
            self.keep("slow", slow)

    def complete(self, question: str) -> Any:
        """Add what takes long, and return what the part shows of it."""
        completed, value = self.events["fill_later"](
            Shown(QUESTIONS[question], ()), self.turn, None, self.states["slow"], self.states["later"]
        )
        self.keep("later", completed)
        return value


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return page_of(monkeypatch, "quick", "slow")


def page_of(monkeypatch: pytest.MonkeyPatch, *names: str) -> Page:
    monkeypatch.setattr(analyse_filling, "tables_of", lambda *_: _Tables())
    made = Page()

    def part(name: str) -> Part:
        later = (lambda _: made.work("later")) if name == "slow" else None
        shown = gr.HTML(visible=False)
        turn = gr.State(made.own) if name == "slow" else None
        return Part(
            [shown], lambda reading: made.work(f"{name} {reading.asked.question}"), ("",), later, turn
        )

    with gr.Blocks() as blocks:
        asks = gr.HTML(js_on_load="trigger('parts', {})")
        mounted = [
            mount(None, name, lambda _, name=name: part(name), lambda asked: (asked.question,))
            for name in names
        ]
        wire(None, mounted, asks, shown=gr.State(None), turn=gr.State(made.turn))
    made.events = {fn.name: fn.fn for fn in blocks.fns.values()}
    return made


class _Tables:
    table = range(3)
    units = battles = once = None


def test_parts_are_filled_and_completed_once_for_each_question(page: Page) -> None:
    page.fill("one")
    assert page.complete("one") == "later"
    page.fill("one")
    assert page.complete("one") == gr.skip()
    assert page.done == ["quick one", "slow one", "later"]


def test_a_choice_ends_what_takes_long_and_it_is_begun_anew_even_for_the_same_question(page: Page) -> None:
    page.fill("one")
    page.comes = page.turn.begin
    assert page.complete("one") == gr.skip()
    assert page.done == ["quick one", "slow one"]
    page.comes = lambda: None
    # Another statistic, say: the part itself stays, and is waited for still.
    page.fill("one")
    assert page.complete("one") == "later"
    assert page.done == ["quick one", "slow one", "later"]


def test_what_takes_long_waits_until_its_part_is_filled(page: Page) -> None:
    page.fill("one")
    page.complete("one")
    assert page.complete("two") == gr.skip()
    assert page.done == ["quick one", "slow one", "later"]


def test_filling_anew_ends_what_a_part_works_out_by_itself_and_filling_nothing_does_not(page: Page) -> None:
    page.fill("one")
    mine = page.own.begin()
    page.fill("one")
    assert page.own.is_at(mine)
    page.fill("two")
    assert not page.own.is_at(mine)


def test_part_whose_own_work_was_ended_is_filled_anew_when_the_first_choice_comes_back(page: Page) -> None:
    page.fill("one")
    page.comes = page.turn.begin
    page.fill("two")
    assert page.done == ["quick one", "slow one"]
    page.comes = lambda: None
    page.fill("one")
    # The quick part shows what it did; the other one may show what its own work would have replaced.
    assert page.done == ["quick one", "slow one", "slow one"]


@pytest.mark.parametrize(("seconds", "again"), [(0.2, "quick one"), (5.0, gr.skip())])
def test_part_is_sent_again_with_the_next_only_when_that_follows_closely(
    page: Page, monkeypatch: pytest.MonkeyPatch, seconds: float, again: object
) -> None:
    clock = [0.0]
    monkeypatch.setattr(analyse_filling.time, "monotonic", lambda: clock[0])

    def work() -> None:
        clock[0] += seconds

    page.comes = work
    shown = Shown(QUESTIONS["one"], ())
    *_, last = page.events["fill_parts"](shown, page.turn, None, None, None, page.own)
    assert (last[2], last[5]) == (again, "slow one")


@pytest.mark.parametrize(("moves", "again"), [(False, "slow one"), (True, gr.skip())])
def test_part_in_which_something_was_moved_since_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch, moves: bool, again: object
) -> None:
    page = page_of(monkeypatch, "slow", "quick")
    filling = page.events["fill_parts"](Shown(QUESTIONS["one"], ()), page.turn, None, None, None, page.own)
    begun, first = next(filling), next(filling)
    assert (begun[2], first[2], first[5]) == (gr.skip(), "slow one", gr.skip())
    if moves:
        page.own.touch()
    (last,) = filling
    assert (last[2], last[5]) == (again, "quick one")


@pytest.mark.parametrize("name", ["move", "use", "ask", "ask_withdrawal", "recount"])
def test_whatever_somebody_does_to_the_dips_is_such_a_move(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(analyse_dips, "_checked", lambda *_: None)
    with gr.Blocks() as blocks:
        analyse_dips.build(None)
    (event,) = (each for each in blocks.fns.values() if each.name == name)
    states = [each.value for each in event.inputs if isinstance(each, gr.State)]
    turn = next(value for value in states if isinstance(value, Turn))
    given = [each.value if isinstance(each, gr.State) else 0.1 for each in event.inputs]
    # There is nothing here to go to or to base a default on, which some of them refuse.
    with suppress(gr.Error):
        event.fn(*given, None)
    assert turn.touches == 1
