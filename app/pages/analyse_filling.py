"""How the parts of the Analyse page are filled, one after the other, and what another choice ends."""

from __future__ import annotations

import html
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from annotations.errors import AnnotationError
from annotations.stopping import Stopped
from app.analysis import Shown, Tables, reading_of
from app.analysis_routes import ROLES
from app.pages.analyse_turn import Turn
from app.problems import problem, sentence
from app.sessions import SignInError, require
from specs_core.errors import SpecsError

if TYPE_CHECKING:
    from app.analysis_parts import Asked, Part
    from app.context import AppContext

_LOG = logging.getLogger("specs_lens")
_SENT_AGAIN_FOR: Final = 1.0  # seconds
_QUIET: Final[dict[str, Any]] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    # A second choice does not wait for the first one; what came too late is not shown.
    "trigger_mode": "multiple",
    "concurrency_id": "analyse-later",
    "concurrency_limit": 2,
}


@dataclass(frozen=True)
class Mounted:
    """A part of the page.

    Attributes:
        name: What it is called while it is computed.
        part: How it is filled.
        needs: What of the question its content depends on; while that stays, it is not filled anew.
        note: Says that it is being computed, or why it could not be.
        filled: What it was filled for last.
        completed: What it was filled for last with what takes long.
    """

    name: str
    part: Part
    needs: Callable[[Asked], tuple[object, ...]]
    note: gr.HTML
    filled: gr.State
    completed: gr.State

    def key(self, shown: Shown) -> tuple[object, ...]:
        """Return what its content depends on."""
        return shown.stamp, *self.needs(shown.asked)


def mount(
    context: AppContext,
    name: str,
    build_part: Callable[[AppContext], Part],
    needs: Callable[[Asked], tuple[object, ...]],
) -> Mounted:
    """Lay a part out inside the current column, with the line that says that it is being computed."""
    with gr.Column(elem_id=f"analyse-part-{name.split()[-1]}", elem_classes="an-part"):
        note = gr.HTML("", elem_classes="ra-root an-part-note", js_on_load=None, apply_default_css=False)
        return Mounted(name, build_part(context), needs, note, gr.State(None), gr.State(None))


def check(context: AppContext, request: gr.Request) -> None:
    """Refuse whoever may not see what others have answered.

    Raises:
        gradio.Error: If nobody is signed in, or somebody in another role, or the database fails.
    """
    try:
        require(context, request, *ROLES)
    except (SignInError, AnnotationError) as error:
        raise problem(str(error)) from error


def tables_of(context: AppContext, shown: Shown | None, request: gr.Request) -> Tables | None:
    """Return what was read for the page, after a look at who asks; None where nothing is shown.

    Raises:
        gradio.Error: If somebody asks who may not, or the database fails.
    """
    check(context, request)
    try:
        return None if shown is None else context.readings.tables(shown.asked.choice, shown.stamp)
    except AnnotationError as error:
        raise problem(str(error)) from error


def wire(
    context: AppContext, mounted: Sequence[Mounted], asks: gr.HTML, *, shown: gr.State, turn: gr.State
) -> None:
    """Let the page's script ask for the parts with its event ``parts``.

    Args:
        context: The open context of the running app.
        mounted: In the order in which they are filled.
        asks: The component of the script.
        shown: Holds what is shown.
        turn: Holds the number of the page's last choice.
    """
    own = [each for each in mounted if each.part.turn is not None]
    slow = [each for each in mounted if each.part.later is not None]

    def fill_parts(
        shown: Shown | None, latest: Turn, request: gr.Request, *states: Any
    ) -> Iterator[tuple[Any, ...]]:
        mine = latest.number
        tables = tables_of(context, shown, request)
        if shown is None or tables is None:
            return
        filled, turns = states[: len(mounted)], states[len(mounted) :]
        values: list[tuple[Any, ...]] = [_skipped(each, 2) for each in mounted]
        old = {each.name for each, key in zip(mounted, filled, strict=True) if key != each.key(shown)}
        for each, own_turn in zip(own, turns, strict=True):
            if each.name in old:
                # What its own handlers work out goes with what it is worked out of. Where this filling ends
                # early as well, the next one has to know that the part is no longer as it was.
                own_turn.begin()
                values[mounted.index(each)] = (None, *_skipped(each, 1))
        own_turns = {mounted.index(each): own_turn for each, own_turn in zip(own, turns, strict=True)}
        computed: dict[int, tuple[float, int]] = {}

        def touches(place: int) -> int:
            return own_turns[place].touches if place in own_turns else 0

        yield tuple(value for each_found in values for value in each_found)
        for place, (each, key) in enumerate(zip(mounted, filled, strict=True)):
            # Nobody waits any more for what an earlier choice had asked for.
            try:
                with latest.kept_to(mine):
                    found = _filled(each, shown, tables, key)
            except Stopped:
                return
            if not latest.is_at(mine):
                return
            now = time.monotonic()
            values[place], computed[place] = found, (now, touches(place))
            for other, (at, touched) in computed.items():
                # What follows closely takes the place of what came before on its way to the page, so that is
                # sent again; but not for long, and not where somebody has moved its slider since, which would
                # jump back.
                if now - at > _SENT_AGAIN_FOR or touches(other) != touched:
                    values[other] = _skipped(mounted[other], 2)
            yield tuple(value for each_found in values for value in each_found)

    def fill_later(shown: Shown | None, latest: Turn, request: gr.Request, *keys: object) -> tuple[Any, ...]:
        """Add what takes long to the parts that are shown; what a choice ended is begun anew after it."""
        mine = latest.number
        nothing = tuple(value for each in slow for value in _skipped(each, 1))
        tables = tables_of(context, shown, request)
        if shown is None or tables is None or not len(tables.table):
            return nothing
        values: list[Any] = []
        for each, filled, completed in zip(slow, keys[: len(slow)], keys[len(slow) :], strict=True):
            key = each.key(shown)
            if each.part.later is None or filled != key or completed == key:
                values += _skipped(each, 1)
                continue
            try:
                with latest.kept_to(mine):
                    values += [key, *each.part.later(reading_of(shown, tables))]
            except Stopped:
                return nothing
            except (AnnotationError, SpecsError) as error:
                raise problem(str(error)) from error
        return tuple(values) if latest.is_at(mine) else nothing

    asks.parts(
        fill_parts,
        [shown, turn, *(each.filled for each in mounted), *(each.part.turn for each in own)],
        [component for each in mounted for component in (each.filled, each.note, *each.part.outputs)],
        **_QUIET,
    ).then(
        fill_later,
        [shown, turn, *(each.filled for each in slow), *(each.completed for each in slow)],
        [component for each in slow for component in (each.completed, *each.part.outputs)],
        **_QUIET,
    )


def _skipped(mounted: Mounted, more: int) -> tuple[Any, ...]:
    return (gr.skip(),) * (more + len(mounted.part.outputs))


def _filled(mounted: Mounted, shown: Shown, tables: Tables, filled: object) -> tuple[Any, ...]:
    """Return what a part was filled for, its note, and the values of its components."""
    part, key = mounted.part, mounted.key(shown)
    if filled == key:
        return gr.skip(), "", *(gr.skip() for _ in part.outputs)
    if not len(tables.table):
        return key, "", *part.blank
    try:
        return key, "", *part.show(reading_of(shown, tables))
    except (AnnotationError, SpecsError) as error:
        _LOG.info("no %s: %s", mounted.name, error)
        return None, f'<p class="ra-problem">{html.escape(sentence(str(error)))}</p>', *part.blank
