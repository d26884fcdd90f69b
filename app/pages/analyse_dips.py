"""The part of the Analyse page on dips: how well they find hallucinated units, and the default threshold."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from annotations.analysis.dips import WAYS, Calibration, DipPart, calibration, dip_part, with_marks
from annotations.analysis.figures_dips import delta_figure, precision_recall_figure, threshold_figure
from annotations.errors import AnnotationError
from annotations.stopping import Stopped
from annotations.thresholds import (
    NewThreshold,
    Promise,
    current_threshold,
    set_threshold,
    threshold_history,
    withdraw_threshold,
)
from app.analysis_parts import N_RESAMPLES, SEED, Part, Reading
from app.default_thresholds import value_of
from app.inspection import MAX_THRESHOLD
from app.pages.analyse_turn import Turn
from app.pages.dip_fields import FAILURE, RATE, DipFields, lay_out
from app.problems import problem
from app.sessions import SignInError, require
from app.views.analysis_dips import (
    figures_view,
    history_view,
    nothing_view,
    promise_view,
    question_view,
    withdrawal_view,
)

if TYPE_CHECKING:
    from annotations.accounts import Account
    from annotations.analysis.table import Choice, UnitTable, Weights
    from annotations.detection import Unsure
    from annotations.resampling import Floats
    from app.context import AppContext

READERS: Final = ("adjudicator", "admin")
_VERSION: Final = version("specs-lens")
_WITHDRAW: Final = "withdraw"


@dataclass(frozen=True, eq=False)
class _Kept:
    """What the server keeps of a page between events.

    Attributes:
        part: As it is shown.
        units: What it was made of.
        weights: (U,) sampling weight of each unit's item.
        calibrated: The threshold with a promise, or why there is none.
        choice: What of the ratings went in.
        model: Whose deltas these are.
    """

    part: DipPart
    units: UnitTable
    weights: Floats
    calibrated: Calibration
    choice: Choice
    model: Weights

    @property
    def can_draw(self) -> bool:
        """Whether there is anything to detect."""
        return self.part.detection.n_hallucinated > 0


def build(context: AppContext) -> Part:
    """Lay the part out inside the current column, and return how it is filled.

    Args:
        context: The open context of the running app.
    """
    fields, turn = lay_out(), gr.State(Turn())
    _wire(context, fields, turn)

    def show(reading: Reading) -> tuple[Any, ...]:
        model = reading.table.model
        if model is None:
            return _blank(
                "No rated caption has a score yet: score captions, and dips can be held against people."
            )
        default = current_threshold(context.engine, model.sha256)
        units = reading.units()
        weights = reading.table.weights[units.item]
        start = value_of(default)
        found = reading.once(
            "calibration",
            lambda: calibration(
                units, rate=RATE, failure=FAILURE, seed=SEED, weights=weights, n_resamples=N_RESAMPLES
            ),
        )
        kept = _Kept(
            part=reading.once(("dips", start), lambda: _part(units, weights, start, "left_out", found)),
            units=units,
            weights=weights,
            calibrated=found,
            choice=reading.asked.choice,
            model=model,
        )
        history = history_view(threshold_history(context.engine, model.sha256), model)
        return (*_filled(kept, start), history, kept, time.monotonic_ns())

    return Part(outputs=fields.outputs, show=show, blank=_blank(""), turn=turn)


def _part(units: UnitTable, weights: Floats, start: float, unsure: Unsure, found: Calibration) -> DipPart:
    return dip_part(
        units,
        threshold=start,
        unsure=unsure,
        weights=weights,
        marks=_marks(found),
        n_resamples=N_RESAMPLES,
        # They are drawn when somebody asks for them.
        n_resamples_others=0,
        seed=SEED,
    )


def _recounted(kept: _Kept, threshold: float, unsure: Unsure, found: Calibration) -> DipPart:
    if unsure != kept.part.detection.unsure:
        return _part(kept.units, kept.weights, threshold, unsure, found)
    return with_marks(kept.part, kept.units, marks=_marks(found), weights=kept.weights)


def _marks(found: Calibration) -> tuple[float, ...]:
    return () if math.isnan(found.threshold) else (found.threshold,)


def _filled(kept: _Kept, threshold: float) -> tuple[Any, ...]:
    """Return values for all outputs but the history, the state and the stamp."""
    return (
        gr.Column(visible=True),
        gr.HTML("" if kept.can_draw else nothing_view(kept.part), visible=not kept.can_draw),
        gr.Column(visible=kept.can_draw),
        gr.Slider(value=threshold),
        *_drawn(kept, threshold),
        gr.Radio(value=kept.part.detection.unsure),
        promise_view(kept.calibrated),
        gr.Button(interactive=not math.isnan(kept.calibrated.threshold)),
    )


def _drawn(kept: _Kept, threshold: float) -> tuple[Any, ...]:
    draw = (threshold_figure, precision_recall_figure, delta_figure)
    plots = [each(kept.part, threshold=threshold) if kept.can_draw else None for each in draw]
    return figures_view(kept.part, threshold), *plots, gr.Column(visible=False), None


def _blank(told: str) -> tuple[Any, ...]:
    # Updates and no components: while the page is laid out, one that is made would be laid out with it.
    hidden = gr.update(visible=False)
    return (
        *(gr.update(visible=bool(told)), gr.update(value=f'<p class="ra-soft">{told}</p>', visible=True)),
        *(hidden, gr.update(value=0), "", None, None, None, hidden, None),
        *(gr.update(value="left_out"), "", gr.update(interactive=False), "", None, None),
    )


def _wire(context: AppContext, fields: DipFields, turn: gr.State) -> None:
    def history_of(kept: _Kept) -> str:
        """Return the defaults as they are now: somebody else may have set one since this page was read."""
        return history_view(_told(threshold_history, context.engine, kept.model.sha256), kept.model)

    def move(kept: _Kept | None, threshold: float, latest: Turn, request: gr.Request) -> tuple[Any, ...]:
        _checked(context, request)
        latest.touch()
        if kept is None:
            return (gr.skip(),) * len(fields.drawn)
        return _drawn(kept, _within(threshold))

    def recount(
        kept: _Kept | None,
        threshold: float,
        unsure: str,
        rate: float,
        failure: float,
        latest: Turn,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        """Count anew and promise anew; the next one of the page, and a new choice, end it."""
        _checked(context, request)
        latest.touch()
        nothing = (gr.skip(),) * (len(fields.outputs) - 2)
        if kept is None:
            return nothing
        way = next((each for each in WAYS if each == unsure), None)
        if way is None:
            raise problem("“Unsure” counts as nothing, as hallucinated or as supported")
        mine = latest.begin()
        try:
            with latest.kept_to(mine):
                found = _calibrated(kept, rate, failure, way)
                part = _recounted(kept, _within(threshold), way, found)
        except Stopped:
            return nothing
        kept = replace(kept, part=part, calibrated=found)
        return (*_filled(kept, _within(threshold)), kept) if latest.is_at(mine) else nothing

    def use(kept: _Kept | None, latest: Turn, request: gr.Request) -> tuple[Any, ...]:
        _checked(context, request)
        latest.touch()
        if kept is None or math.isnan(kept.calibrated.threshold):
            raise problem("There is no calibrated threshold to go to")
        at = kept.calibrated.threshold
        if at > MAX_THRESHOLD:
            raise problem(
                f"The calibrated threshold {at:.3f} lies beyond the slider, which ends at {MAX_THRESHOLD}"
            )
        return (gr.Slider(value=at), *_drawn(kept, at))

    def ask(kept: _Kept | None, threshold: float, latest: Turn, request: gr.Request) -> tuple[Any, ...]:
        _checked(context, request, "admin")
        latest.touch()
        if kept is None or not kept.can_draw:
            raise problem("There is nothing to base a default on yet; have units judged first")
        new = _new(kept, _within(threshold))
        return gr.Column(visible=True), question_view(new), new, history_of(kept)

    def ask_withdrawal(kept: _Kept | None, latest: Turn, request: gr.Request) -> tuple[Any, ...]:
        _checked(context, request, "admin")
        latest.touch()
        current = None if kept is None else _told(current_threshold, context.engine, kept.model.sha256)
        if kept is None or current is None:
            raise problem("This model has no default: it starts at 0 already")
        return gr.Column(visible=True), withdrawal_view(current), _WITHDRAW, history_of(kept)

    def confirm(kept: _Kept | None, asked: NewThreshold | str | None, request: gr.Request) -> tuple[Any, ...]:
        account = _checked(context, request, "admin")
        if kept is None or asked is None:
            raise problem("Choose a threshold first; then confirm it")
        if isinstance(asked, NewThreshold):
            _told(set_threshold, context.engine, asked, actor=account.name)
        else:
            _told(
                withdraw_threshold,
                context.engine,
                kept.model.sha256,
                actor=account.name,
                application_version=_VERSION,
            )
        shown = history_of(kept)
        return gr.Column(visible=False), None, shown, gr.Button(visible=isinstance(asked, NewThreshold))

    def role(kept: _Kept | None, request: gr.Request) -> tuple[Any, ...]:
        is_admin = _checked(context, request).role == "admin"
        has_one = kept is not None and _told(current_threshold, context.engine, kept.model.sha256) is not None
        return (
            gr.Button(visible=is_admin),
            gr.Button(visible=is_admin and has_one),
            gr.HTML(visible=not is_admin),
        )

    quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 4}
    slow = {**quick, "concurrency_id": "analyse-parts", "concurrency_limit": 2, "trigger_mode": "multiple"}
    f = fields
    f.threshold.input(move, [f.kept, f.threshold, turn], f.drawn, trigger_mode="always_last", **quick)
    gr.on(
        [f.unsure.input, f.rate.input, f.failure.input],
        recount,
        [f.kept, f.threshold, f.unsure, f.rate, f.failure, turn],
        # All but the history and the stamp.
        [*f.outputs[:-3], f.kept],
        **slow,
    )
    f.use.click(use, [f.kept, turn], [f.threshold, *f.drawn], **quick)
    question = [f.asking, f.question, f.asked, f.history]
    f.make.click(ask, [f.kept, f.threshold, turn], question, **quick)
    f.withdraw.click(ask_withdrawal, [f.kept, turn], question, **quick)
    f.confirm.click(confirm, [f.kept, f.asked], [f.asking, f.asked, f.history, f.withdraw], **quick)
    f.cancel.click(lambda: (gr.Column(visible=False), None), None, [f.asking, f.asked], **quick)
    f.stamp.change(role, f.kept, [f.make, f.withdraw, f.only_admins], **quick)


def _checked(context: AppContext, request: gr.Request, *roles: str) -> Account:
    """Return who asks, after a look at whether they may.

    Raises:
        gradio.Error: If they may not, or the database fails.
    """
    try:
        return require(context, request, *(roles or READERS))
    except (SignInError, AnnotationError) as error:
        raise problem(str(error)) from error


def _told(call: Callable[..., Any], *given: Any, **options: Any) -> Any:
    """Call the store, and tell what it refuses on the page."""
    try:
        return call(*given, **options)
    except AnnotationError as error:
        raise problem(str(error)) from error


def _within(threshold: object) -> float:
    # Zero first: max() keeps it when the other value is not a number, which an event can send.
    return min(max(0.0, float(threshold)), MAX_THRESHOLD) if isinstance(threshold, int | float) else 0.0


def _calibrated(kept: _Kept, rate: object, failure: object, unsure: Unsure) -> Calibration:
    if not isinstance(rate, int | float) or not isinstance(failure, int | float):
        raise problem("The promised share and the chance are numbers between 0 and 1")
    found: Calibration = _told(
        calibration,
        kept.units,
        rate=float(rate),
        failure=float(failure),
        seed=SEED,
        unsure=unsure,
        weights=kept.weights,
        n_resamples=N_RESAMPLES,
    )
    return found


def _new(kept: _Kept, threshold: float) -> NewThreshold:
    """Return the default that a threshold would be: with its promise where it is the calibrated one."""
    at, found = kept.part.grid.at(threshold).threshold, kept.calibrated
    is_promised = at == found.threshold
    of, seen = found.calibrated, found.realised
    promise = Promise(
        rate=of.rate,
        failure=of.failure,
        seed=found.seed,
        share=found.share,
        realised=_known(seen.value),
        realised_low=_known(seen.low),
        realised_high=_known(seen.high),
        realised_images=seen.n,
    )
    return NewThreshold(
        model_sha256=kept.model.sha256,
        model=kept.model.model,
        threshold=at,
        n_images=of.n_images if is_promised else kept.part.detection.n_images,
        n_units=of.n_units if is_promised else kept.part.detection.n_units,
        unsure=kept.part.detection.unsure,
        choice=asdict(kept.choice),
        promise=promise if is_promised else None,
        application_version=_VERSION,
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
