"""The routes of the Analyse page: one caption for its card, and what can be taken along."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter

# Here and not below: FastAPI looks the types of a route's arguments up at run time.
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.analysis import shown_of
from app.analysis_choice import form_of_query, read_asked
from app.answers import read_item_id
from app.json_routes import respond
from app.sessions import require
from app.thumbnails import thumbnail_url
from app.views.spreadsheet import inert_cell

if TYPE_CHECKING:
    from annotations.analysis.table import AnalysisTable
    from app.context import AppContext

ROLES: Final = ("adjudicator", "admin")
"""Who sees what others have answered: nobody who is still to rate."""

_BEGINNING: Final = (
    "item_id",
    "image_id",
    "campaign",
    "system",
    "caption",
    "model",
    "model_sha256",
    "tokens",
    "weight",
)


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

    @router.get("/analysis/items.csv")
    async def items_csv(request: Request) -> Response:
        return await to_thread.run_sync(_download, lambda: _items(context, request), limiter=heavy)

    return router


def _card(context: AppContext, request: Request, item_id: str) -> dict[str, Any]:
    from annotations.items import get_item

    require(context, request, *ROLES)
    found = get_item(context.engine, read_item_id({"item": item_id}))
    return {"caption": found.caption, "image": thumbnail_url(found.image_id), "system": found.source or ""}


def _download(make: Any) -> Response:
    made: list[Response] = []

    def run() -> None:
        made.append(make())

    problem = respond(run)
    return made[0] if made else problem


def _items(context: AppContext, request: Request) -> Response:
    require(context, request, *ROLES)
    _, tables = shown_of(context.readings, read_asked(form_of_query(request.query_params)))
    # The mark at the start tells spreadsheets that the file is UTF-8.
    return _file("\ufeff" + items_csv(tables.table), "specs-lens-items.csv", "text/csv; charset=utf-8")


def _file(content: str, name: str, kind: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(content, media_type=kind, headers=headers)


def items_csv(table: AnalysisTable) -> str:
    """Return the items of a table as CSV: scores by metric, and people's mean and ratings by question.

    Text that a spreadsheet would run as a formula begins with an apostrophe; what is missing is empty.

    Args:
        table: What is shown.
    """
    import numpy as np

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    questions = list(table.answers)
    people = [column for name in questions for column in (f"human_{name}", f"ratings_{name}")]
    writer.writerow([*_BEGINNING, *map(inert_cell, table.metrics), *map(inert_cell, people)])
    metrics = [scores.tolist() for scores in table.metrics.values()]
    means = [table.human(name).tolist() for name in questions]
    counts = [np.bincount(table.answers[name].item, minlength=len(table)).tolist() for name in questions]
    model, sha256 = (table.model.model, table.model.sha256) if table.model else ("", "")
    lengths, weights = table.lengths.tolist(), table.weights.tolist()
    for row, item_id in enumerate(table.items):
        texts = map(inert_cell, (table.campaigns[row], table.systems[row], table.captions[row], model))
        human = [
            cell
            for mean, count in zip(means, counts, strict=True)
            for cell in (_number(mean[row]), count[row])
        ]
        writer.writerow(
            [
                *(item_id, table.images[row], *texts, sha256, _number(lengths[row]), _number(weights[row])),
                *(_number(scores[row]) for scores in metrics),
                *human,
            ]
        )
    return buffer.getvalue()


def _number(value: float) -> str:
    # NaN is the one value that is not equal to itself.
    return repr(value) if value == value else ""
