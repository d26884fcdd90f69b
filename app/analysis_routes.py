"""The routes of the Analyse page: one caption for its card, and what can be taken along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter

# Here and not below: FastAPI looks the types of a route's arguments up at run time.
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from annotations.analysis.table import Choice
from annotations.errors import InvalidScoresError, UnknownRecordError
from app.analysis import Shown, Tables, shown_of
from app.analysis_choice import form_of_query, read_asked
from app.analysis_parts import N_RESAMPLES, SEED
from app.answers import FormError, read_item_id
from app.json_routes import respond
from app.sessions import require
from app.thumbnails import thumbnail_url

if TYPE_CHECKING:
    from annotations.analysis.report_files import ReportTexts
    from app.context import AppContext

ROLES: Final = ("adjudicator", "admin")
"""Who sees what others have answered: nobody who is still to rate."""


def analysis_router(context: AppContext) -> APIRouter:
    """Return the routes under ``/analysis``, for adjudicators and admins.

    The choice comes as parameters, as `app.analysis_choice.form_of_query` reads them. What goes wrong is
    answered with ``{"problem": sentence}``.

    Args:
        context: The open context.
    """
    router = APIRouter()
    # Each works on all ratings: one at a time, so that raters are served meanwhile.
    heavy = CapacityLimiter(1)

    @router.get("/analysis/items/{item_id}")
    def item(request: Request, item_id: str) -> JSONResponse:
        return respond(lambda: _card(context, request, item_id))

    async def download(request: Request, make: Callable[[AppContext, Request], Response]) -> Response:
        # Whoever may not have it is told so at once, and takes no place in the queue.
        refused = await to_thread.run_sync(_made_or_told, lambda: _refused(context, request))
        if refused is not None:
            return refused
        made = await to_thread.run_sync(_made_or_told, lambda: make(context, request), limiter=heavy)
        assert made is not None
        return made

    @router.get("/analysis/items.csv")
    async def items_csv(request: Request) -> Response:
        return await download(request, _items)

    @router.get("/analysis/report.html")
    async def report_html(request: Request) -> Response:
        return await download(request, _html)

    @router.get("/analysis/report.json")
    async def report_json(request: Request) -> Response:
        return await download(request, _json)

    return router


def _card(context: AppContext, request: Request, item_id: str) -> dict[str, Any]:
    from annotations.items import get_item

    require(context, request, *ROLES)
    found = get_item(context.engine, read_item_id({"item": item_id}))
    if found.deleted_at is not None:
        raise UnknownRecordError("this caption has been deleted")
    return {"caption": found.caption, "image": thumbnail_url(found.image_id), "system": found.source or ""}


def _refused(context: AppContext, request: Request) -> None:
    require(context, request, *ROLES)


def _made_or_told(make: Callable[[], Response | None]) -> Response | None:
    """Return what is made, or the problem that it met as one sentence."""
    made: list[Response | None] = []
    told = respond(lambda: made.append(make()))
    return made[0] if made else told


def _items(context: AppContext, request: Request) -> Response:
    from annotations.analysis.report_files import table_csv

    _, tables = shown_of(context.readings, read_asked(form_of_query(request.query_params)))
    # The mark at the start tells spreadsheets that the file is UTF-8.
    return _file("\ufeff" + table_csv(tables.table), "specs-lens-items.csv", "text/csv; charset=utf-8")


def _html(context: AppContext, request: Request) -> Response:
    return _file(_texts(context, request).html, "specs-lens-analysis.html", "text/html; charset=utf-8")


def _json(context: AppContext, request: Request) -> Response:
    return _file(_texts(context, request).json, "specs-lens-analysis.json", "application/json")


def _texts(context: AppContext, request: Request) -> ReportTexts:
    shown, tables = shown_of(context.readings, read_asked(form_of_query(request.query_params)))
    key = ("report", replace(shown.asked, choice=Choice()))
    try:
        return tables.once(key, lambda: _made(context, shown, tables))
    except InvalidScoresError as error:
        raise FormError(str(error)) from error


def _made(context: AppContext, shown: Shown, tables: Tables) -> ReportTexts:
    from annotations.analysis.people import AT_ONCE
    from annotations.analysis.report import ReportOptions
    from annotations.analysis.report_files import make_report
    from annotations.analysis.report_reading import origin_of

    asked, table = shown.asked, tables.table
    options = ReportOptions(
        metric=asked.metric if asked.metric in table.metrics else None,
        coefficient=asked.coefficient,
        level=asked.level,
        n_resamples=N_RESAMPLES,
        seed=SEED,
        at_most=AT_ONCE,
    )
    return make_report(
        table,
        tables.units(),
        tables.battles(),
        question=asked.question if asked.question in table.answers else None,
        origin=origin_of(context.engine, table, asked.choice),
        options=options,
    )


def _file(content: str, name: str, kind: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    # Half a character of a pasted emoji must not cost somebody the whole file.
    return Response(content.encode("utf-8", "replace"), media_type=kind, headers=headers)
