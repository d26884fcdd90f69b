"""The part of the Analyse page that says what to rate next, and draws it."""

from __future__ import annotations

import html
import secrets
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import gradio as gr

from annotations.analysis.table import SENTINELS
from annotations.campaign_tables import LINKS_CAMPAIGN
from annotations.campaigns import list_campaigns
from annotations.drawing import draw_next, rank_next
from annotations.errors import InvalidRecordError, UnknownRecordError
from app.analysis_parts import Part, Reading
from app.problems import sentence, shown_on_page
from app.sessions import account_of_request, require
from app.stored_scores import METRIC
from app.views.analysis_next import drawn_view, next_view, question_view

if TYPE_CHECKING:
    from annotations.accounts import Account
    from annotations.analysis.table import AnalysisTable
    from app.context import AppContext

LISTED: Final = 10
"""Captions in the list."""

_MOST_DRAWN: Final = 100_000
_ORDERS: Final = [
    ("what a rating narrows", "gain"),
    ("where metric and people disagree", "gap"),
]
Order = Literal["gain", "gap"]


@dataclass(frozen=True)
class _Against:
    """What the order is made from.

    Attributes:
        name: Of the metric, as the analysis tells it from others.
        metric: The name under which its scores are stored.
        model_sha256: Of its weights, or None for those with the most scores.
        question: The scale that it is held against.
    """

    name: str
    metric: str
    model_sha256: str | None
    question: str

    def options(self) -> dict[str, Any]:
        """Return it as arguments of `rank_next` and `draw_next`."""
        return {"metric": self.metric, "model_sha256": self.model_sha256, "question": self.question}


@dataclass(frozen=True)
class _Fields:
    """The components that handlers of this part read and fill."""

    campaign: gr.Dropdown
    order: gr.Radio
    listed: gr.HTML
    against: gr.State
    controls: gr.Row
    number: gr.Number
    draw: gr.Button
    sure: gr.Column
    asking: gr.HTML
    yes: gr.Button
    no: gr.Button
    told: gr.HTML


def build(context: AppContext) -> Part:
    """Lay the part out, wire what is its own, and return how it is filled.

    Args:
        context: The open context of the running app.
    """
    plain: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
    with gr.Column(elem_id="analyse-next", elem_classes="ra-root ra-card", visible=False) as card:
        gr.HTML('<div class="ra-head">What to rate next</div>', **plain)
        with gr.Row(elem_id="analyse-next-choice"):
            campaign = gr.Dropdown([], label="Campaign", elem_id="analyse-next-campaign", filterable=False)
            order = gr.Radio(_ORDERS, value="gain", label="Order by", elem_id="analyse-next-order")
        told = gr.HTML("", elem_id="analyse-next-told", **plain)
        with gr.Row(elem_id="analyse-next-draw", visible=False) as controls:
            number = gr.Number(20, label="Captions to draw", minimum=1, precision=0, elem_id="analyse-next-n")
            draw = gr.Button("Draw to be rated next", elem_id="analyse-next-ask")
        with gr.Column(elem_id="analyse-next-sure", visible=False) as sure:
            asking = gr.HTML("", **plain)
            with gr.Row():
                yes = gr.Button("Draw them", variant="primary", elem_id="analyse-next-yes")
                no = gr.Button("Leave it", elem_id="analyse-next-no")
        listed = gr.HTML("", elem_id="analyse-next-list", **plain)
        against = gr.State(None)
    fields = _Fields(campaign, order, listed, against, controls, number, draw, sure, asking, yes, no, told)
    _wire(context, fields)

    def show(reading: Reading) -> tuple[Any, ...]:
        campaigns = _campaigns(context, reading)
        if not campaigns:
            return (
                gr.update(visible=True),
                gr.update(choices=[], value=None, visible=False),
                _NOTHING,
                None,
                "",
            )
        chosen = campaigns[0][1]
        made = _against(reading)
        return (
            gr.update(visible=True),
            gr.update(choices=campaigns, value=chosen, visible=len(campaigns) > 1),
            _list(context, chosen, "gain", made),
            made,
            "",
        )

    blank = (gr.update(visible=False), gr.update(choices=[], value=None, visible=False), "", None, "")
    # The order goes back to the first one, which is what is listed.
    return Part(
        outputs=[card, campaign, listed, against, told, order],
        show=lambda reading: (*show(reading), "gain"),
        blank=(*blank, "gain"),
    )


_NOTHING: Final = (
    '<h2>Nothing to rate yet</h2><p class="ra-soft an-next">There is no campaign here. Make one on Admin, or '
    "with specs-ratings import FILE --campaign NAME.</p>"
)


def _wire(context: AppContext, fields: _Fields) -> None:
    def relist(
        campaign: str | None, order: str, made: _Against | None, request: gr.Request
    ) -> tuple[Any, Any]:
        with shown_on_page():
            require(context, request, "adjudicator", "admin")
        if made is None or campaign is None:
            return gr.skip(), ""
        return _list(context, campaign, _order(order), made), ""

    def offer(request: gr.Request) -> Any:
        """Show what draws to admins; whoever asks by a call of their own gets no further than this either."""
        with shown_on_page():
            account = account_of_request(context, request)
        return gr.update(visible=account is not None and account.role == "admin")

    def ask(
        campaign: str | None, order: str, number: float | None, request: gr.Request
    ) -> tuple[Any, Any, Any]:
        with shown_on_page():
            _admin(context, request)
            n = _number(number)
            name = _name(context, campaign)
        return gr.update(visible=True), question_view(n, name, _order(order)), ""

    def leave(request: gr.Request) -> Any:
        with shown_on_page():
            _admin(context, request)
        return gr.update(visible=False)

    def draw(
        campaign: str | None,
        order: str,
        number: float | None,
        made: _Against | None,
        request: gr.Request,
    ) -> tuple[Any, Any, Any]:
        with shown_on_page():
            account = _admin(context, request)
            n = _number(number)
            if campaign is None or made is None:
                raise InvalidRecordError("nothing is listed to draw from; open the Analyse page again")
            done = draw_next(
                context.engine,
                campaign,
                n=n,
                by=_order(order),
                # Drawn by lot as well, so that nobody can choose it; the log keeps it.
                seed=secrets.randbelow(2**31),
                actor=account.name,
                **made.options(),
            )
        return gr.update(visible=False), drawn_view(done), _list(context, campaign, _order(order), made)

    options: dict[str, Any] = {
        "api_visibility": "private",
        "concurrency_id": "analyse-next",
        "concurrency_limit": 1,
        "show_progress": "hidden",
    }
    listing = [fields.campaign, fields.order, fields.against]
    for field in (fields.campaign, fields.order):
        field.input(relist, listing, [fields.listed, fields.told], trigger_mode="always_last", **options)
    # Whoever says yes says it to what was asked, so a question about something else goes away.
    for field in (fields.campaign, fields.order, fields.number):
        field.input(
            lambda: gr.update(visible=False), None, fields.sure, api_visibility="private", queue=False
        )
    fields.listed.change(offer, None, fields.controls, **options)
    choice = [fields.campaign, fields.order, fields.number]
    fields.draw.click(ask, choice, [fields.sure, fields.asking, fields.told], **options)
    fields.no.click(leave, None, fields.sure, **options)
    fields.yes.click(draw, [*choice, fields.against], [fields.sure, fields.told, fields.listed], **options)


def _admin(context: AppContext, request: Any) -> Account:
    return require(context, request, "admin")


def _campaigns(context: AppContext, reading: Reading) -> list[tuple[str, str]]:
    """Return the campaigns to choose from, those with the most rated captions first."""
    wanted = reading.asked.choice.campaigns
    rated = Counter(reading.table.campaigns)
    found = [
        (one.name, one.id)
        for one in list_campaigns(context.engine)
        if one.id != LINKS_CAMPAIGN and (not wanted or one.id in wanted)
    ]
    return sorted(found, key=lambda one: (-rated[one[0]], one[0]))


def _against(reading: Reading) -> _Against:
    table, metric = reading.table, reading.asked.metric
    if metric in SENTINELS or metric not in table.metrics:
        # Sentinels are worked out and not stored, and nobody rates to please them.
        metric = METRIC
    known = table.provenance.get(metric)
    stored = (known.metric if known is not None else "") or metric
    return _Against(metric, stored, _sha256(table, metric), reading.asked.question)


def _sha256(table: AnalysisTable, metric: str) -> str | None:
    known = table.provenance.get(metric)
    return (known.sha256 if known is not None else "") or (table.model.sha256 if table.model else None)


def _list(context: AppContext, campaign: str, order: Order, made: _Against) -> str:
    try:
        ranking = rank_next(context.engine, campaign, by=order, limit=LISTED, **made.options())
        return next_view(replace(ranking, metric=made.name))
    except (InvalidRecordError, UnknownRecordError) as error:
        return f'<p class="ra-problem">{html.escape(sentence(str(error)))}</p>'


def _order(given: object) -> Order:
    return "gap" if given == "gap" else "gain"


def _number(given: float | None) -> int:
    """Read how many are to be drawn.

    Raises:
        InvalidRecordError: If it is no whole number from 1 on.
    """
    if not isinstance(given, int | float) or not 1 <= given <= _MOST_DRAWN or given != int(given):
        raise InvalidRecordError(f"enter how many captions to draw: a whole number from 1 to {_MOST_DRAWN:,}")
    return int(given)


def _name(context: AppContext, campaign: str | None) -> str:
    found = next((one.name for one in list_campaigns(context.engine) if one.id == campaign), None)
    if found is None:
        raise InvalidRecordError("choose a campaign to draw from")
    return found
