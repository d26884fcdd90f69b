"""The Analyse page: metrics held against people, part by part, the quick ones first."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from annotations.errors import AnnotationError, InvalidScoresError
from annotations.stopping import Stopped
from app.analysis import Shown, Tables, shown_of, unscored_items
from app.analysis_choice import read_asked
from app.analysis_routes import ROLES
from app.answers import FormError
from app.pages import (
    analyse_agreement,
    analyse_battles,
    analyse_dips,
    analyse_lengths,
    analyse_next,
    analyse_people,
    analyse_scatter,
)
from app.pages.analyse_filling import check, mount, tables_of, wire
from app.pages.analyse_scoring import score_the_rest
from app.pages.analyse_turn import Turn
from app.pages.hosts import script
from app.problems import problem, sentence
from app.sessions import SignInError, require
from app.views.analysis import RESET, message_card
from app.views.analysis_form import form_view

if TYPE_CHECKING:
    from app.analysis_parts import Asked
    from app.context import AppContext
    from app.pages.analyse_filling import Mounted
    from app.pages.analyse_scatter import ScatterCard

_LOG = logging.getLogger("specs_lens")
_OPEN: Final = (
    """() => { document.dispatchEvent(new CustomEvent("lens-analyse", { detail: { open: true } })); }"""
)
_COMPUTING: Final = '<span class="an-computing">computing {} …</span>'

# Gradio recognises the progress bar of a handler by this default value.
_PROGRESS = gr.Progress()


@dataclass(frozen=True)
class AnalysePage:
    """What the frame needs of the Analyse page.

    Attributes:
        card: Its event ``open_item`` names a caption to be opened on Inspect.
    """

    card: gr.HTML


def _by_choice(asked: Asked) -> tuple[object, ...]:
    return (asked.choice,)


def _by_question(asked: Asked) -> tuple[object, ...]:
    return asked.choice, asked.question, asked.metric


def _by_statistic(asked: Asked) -> tuple[object, ...]:
    return (*_by_question(asked), asked.coefficient)


# In the order in which they stand and are filled.
_PARTS: Final = (
    ("dips", analyse_dips.build, _by_choice),
    ("lengths", analyse_lengths.build, _by_statistic),
    ("battles", analyse_battles.build, _by_choice),
    ("people", analyse_people.build, _by_question),
    ("what to rate next", analyse_next.build, _by_question),
)


@dataclass(frozen=True)
class _Frame:
    """The components that are filled before any part.

    Attributes:
        counts: What is shown.
        form: The filters; asks for everything.
        agreement: Metrics against people.
        scatter: One metric against people.
        notes: What to know before the agreement is trusted. They stand below the plot, which would otherwise
            move under the pointer when they come.
        score: Scores what has no score.
        shown: What is shown, for what is computed later.
    """

    counts: gr.HTML
    form: gr.HTML
    agreement: gr.HTML
    scatter: ScatterCard
    notes: gr.HTML
    score: gr.Button
    shown: gr.State

    @property
    def outputs(self) -> list[Any]:
        """What a reading fills."""
        return [
            self.shown,
            self.counts,
            self.form,
            self.agreement,
            *self.scatter.outputs,
            self.notes,
            self.score,
        ]


def build(context: AppContext, tab: gr.Tab) -> AnalysePage:
    """Lay out the page inside the current tab.

    Args:
        context: The open context of the running app.
        tab: The tab that the page stands in; choosing it reads the ratings anew.
    """
    plain: dict[str, Any] = {"js_on_load": None, "apply_default_css": False, "elem_classes": "ra-root"}
    with gr.Row(elem_id="analyse-main"):
        with gr.Column(elem_id="analyse-side", elem_classes="ra-root"):
            counts = gr.HTML("", elem_id="analyse-counts", **plain)
            form = gr.HTML(
                None,
                html_template=" ",
                js_on_load=script("nodes.js", "analyse_form.js", "analyse_take.js", "analyse_tips.js"),
                apply_default_css=False,
                elem_id="analyse-form",
                elem_classes="ra-root",
            )
            with gr.Row(elem_id="analyse-actions"):
                again = gr.Button("Refresh", elem_id="analyse-refresh")
                score = gr.Button(
                    "Score the rest", variant="primary", visible=False, elem_id="analyse-score-rest"
                )
        with gr.Column(elem_id="analyse-results"):
            agreement = gr.HTML("", elem_id="analyse-table", **plain)
            scatter = analyse_scatter.build()
            known = gr.HTML("", elem_id="analyse-notes", **plain)
            mounted = [mount(context, *each) for each in _PARTS]
    frame = _Frame(counts, form, agreement, scatter, known, score, gr.State(None))
    _wire(context, frame, mounted, tab, again)
    return AnalysePage(scatter.card)


def _wire(context: AppContext, frame: _Frame, mounted: list[Mounted], tab: gr.Tab, again: gr.Button) -> None:
    notes = [each.note for each in mounted]
    keys = [each.filled for each in mounted]
    turn = gr.State(Turn())

    def read(
        asked: Asked,
        number: object,
        view: str,
        said: object,
        filled: tuple[object, ...],
        request: gr.Request,
    ) -> tuple[Any, ...]:
        """Return values for all that is shown at once, and for the notes of what comes later."""
        try:
            require(context, request, *ROLES)
            shown, tables = shown_of(context.readings, asked)
            counts, agreement, known = analyse_agreement.quick(shown, tables)
            form = form_view(shown.asked, context.readings.options(shown.stamp), tables.table)
        except SignInError as error:
            return _refusal(sentence(str(error)), len(notes))
        except InvalidScoresError as error:
            return _unreadable(sentence(str(error)), number, len(notes))
        except AnnotationError as error:
            _LOG.exception("the analysis cannot be read")
            raise problem(str(error)) from error
        waiting = _unscored(tables)
        pending = [
            "" if key == each.key(shown) or not len(tables.table) else _COMPUTING.format(each.name)
            for each, key in zip(mounted, filled, strict=True)
        ]
        return (
            shown,
            counts,
            {"form": form, "ask": number},
            agreement,
            *analyse_scatter.filled(shown, tables, view),
            # The next ones are on their way: what is said keeps their place, greyed.
            gr.skip() if known and said else known,
            gr.Button(f"Score the {waiting:,} left" if waiting > 1 else "Score it", visible=waiting > 0),
            *pending,
        )

    # Gradio hands a handler the request and the event by the types that its arguments are said to have.
    def ask_analysis(
        view: str, said: str, latest: Turn, request: gr.Request, event: gr.EventData, *filled: object
    ) -> tuple[Any, ...]:
        mine = latest.begin()
        payload = event._data if isinstance(event._data, dict) else {}
        try:
            values = read(read_asked(payload), payload.get("ask"), view, said, filled, request)
        except FormError as error:
            check(context, request)
            values = _unreadable(sentence(str(error)), payload.get("ask"), len(notes))
        # Somebody who chooses quickly must not be shown the answers in another order.
        return values if latest.is_at(mine) else (gr.skip(),) * len(values)

    def fill_intervals(shown: Shown | None, latest: Turn, request: gr.Request) -> tuple[Any, ...]:
        nothing = (gr.skip(),) * 3
        mine = latest.number
        tables = tables_of(context, shown, request)
        if shown is None or tables is None:
            return nothing
        try:
            with latest.kept_to(mine):
                values = analyse_agreement.complete(shown, tables)
        except Stopped:
            return nothing
        return values if latest.is_at(mine) else nothing

    def redraw_points(shown: Shown | None, request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        tables = tables_of(context, shown, request)
        view = event._data.get("view") if isinstance(event._data, dict) else None
        if shown is None or tables is None or view not in analyse_scatter.VIEWS:
            return (gr.skip(),) * (1 + len(frame.scatter.outputs))
        return (view, *analyse_scatter.filled(shown, tables, view))

    def score_rest(
        shown: Shown | None,
        view: str,
        said: str,
        latest: Turn,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
        *filled: object,
    ) -> tuple[Any, ...]:
        check(context, request)
        asked = score_the_rest(context, shown, progress)
        latest.begin()
        return read(asked, None, view, said, filled, request)

    quiet: dict[str, Any] = {
        "api_visibility": "private",
        "show_progress": "hidden",
        # A second choice does not wait for the first one; what came too late is not shown.
        "trigger_mode": "multiple",
    }
    frame.form.ask(
        ask_analysis,
        [frame.scatter.view, frame.notes, turn, *keys],
        [*frame.outputs, *notes],
        concurrency_id="analyse",
        concurrency_limit=2,
        **quiet,
    )
    frame.form.intervals(
        fill_intervals,
        [frame.shown, turn],
        [frame.counts, frame.agreement, frame.notes],
        concurrency_id="analyse-later",
        concurrency_limit=2,
        **quiet,
    )
    wire(context, mounted, frame.form, shown=frame.shown, turn=turn)
    frame.scatter.card.view(
        redraw_points,
        frame.shown,
        [frame.scatter.view, *frame.scatter.outputs],
        concurrency_id="analyse",
        concurrency_limit=2,
        **quiet,
    )
    tab.select(None, js=_OPEN, api_visibility="private")
    again.click(None, js=_OPEN, api_visibility="private")
    frame.score.click(
        score_rest,
        [frame.shown, frame.scatter.view, frame.notes, turn, *keys],
        [*frame.outputs, *notes],
        api_visibility="private",
        concurrency_id="model",
        concurrency_limit=1,
        show_progress="minimal",
    )


def _unscored(tables: Tables) -> int:
    model = tables.table.model
    return len(unscored_items(tables.table, model.sha256 if model else ""))


def _refusal(told: str, notes: int) -> tuple[Any, ...]:
    """Return the page for whoever may not see it: what people said is not for those who are still to rate."""
    card = message_card(
        "Analysis",
        f"{told} What others have answered is shown to adjudicators and admins only, so that no rater is led "
        "by it.",
    )
    return (None, card, None, "", *analyse_scatter.blank(), "", gr.Button(visible=False), *([""] * notes))


def _unreadable(told: str, number: object, notes: int) -> tuple[Any, ...]:
    """Return the page for a choice that cannot be, such as a mistyped address."""
    card = message_card("This choice cannot be read", told, button=RESET)
    form = {"unreadable": True, "ask": number}
    return (None, "", form, card, *analyse_scatter.blank(), "", gr.Button(visible=False), *([""] * notes))
