"""Captions in and ratings out over HTTP, for the owner's page."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter

# Here and not below: FastAPI looks the types of a route's arguments up at run time.
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from annotations.campaigns import get_campaign
from annotations.exporting import export_items, export_parquet, export_ratings
from annotations.importing import ImportPlan, import_items
from annotations.reading import SUFFIXES, is_own_export
from app.admin_forms import read_id
from app.answers import FormError
from app.json_routes import TooLargeError, respond
from app.sessions import require

if TYPE_CHECKING:
    from app.context import AppContext

_MEDIA: Final = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}
_UPLOAD: Final = "application/octet-stream"
_MEGABYTE: Final = 2**20


def transfer_router(context: AppContext, *, one_at_a_time: CapacityLimiter) -> APIRouter:
    """Return the routes ``/admin/export`` and ``/admin/import``, for admins.

    ``GET /admin/export?campaign=ID&what=ratings|items&format=csv|jsonl|parquet`` downloads a file. It is
    written to the disk first and sent from there: memory is no limit, and what goes wrong is told in a
    sentence instead of ending a file in the middle. ``POST /admin/import?campaign=ID&name=FILE&skip=yes|no``
    takes a table with its images inside as ``application/octet-stream``, up to the limit of uploads.

    Args:
        context: The open context.
        one_at_a_time: Held while an import is read.
    """
    router = APIRouter(prefix="/admin")

    @router.get("/export")
    def export(request: Request) -> Response:
        made: list[tuple[tempfile.TemporaryDirectory[str], Path, str]] = []

        def run() -> dict[str, Any]:
            require(context, request, "admin")
            made.append(_export(context, request.query_params))
            return {}

        problem = respond(run)
        if not made:
            return problem
        folder, path, media = made[0]
        done = BackgroundTask(folder.cleanup)
        headers = {"cache-control": "no-store"}
        return FileResponse(path, media_type=media, filename=path.name, headers=headers, background=done)

    @router.post("/import")
    async def take_in(request: Request) -> JSONResponse:
        # Who may not do this is told so before anything of the file is read.
        refusal = await to_thread.run_sync(respond, lambda: {"name": require(context, request, "admin").name})
        if refusal.status_code != 200:
            return refusal
        context.settings.data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=context.settings.data, prefix=".upload-") as folder:
            run: Callable[[], dict[str, Any]]
            try:
                path = Path(folder) / _upload_name(request)
                await _receive(request, path, limit=context.settings.max_upload_mb * _MEGABYTE)
            except FormError as error:
                failure = error
                run = lambda: _raise(failure)  # noqa: E731
            else:
                run = lambda: _import(context, request, path)  # noqa: E731
            return await to_thread.run_sync(respond, run, limiter=one_at_a_time)

    return router


def _export(context: AppContext, query: Any) -> tuple[tempfile.TemporaryDirectory[str], Path, str]:
    campaign = get_campaign(context.engine, read_id(dict(query), "campaign"))
    what, kind = query.get("what", "ratings"), query.get("format", "csv")
    if what not in ("ratings", "items") or kind not in _MEDIA:
        raise FormError(f"Ratings or items can be downloaded as {', '.join(_MEDIA)}.")
    folder = tempfile.TemporaryDirectory(prefix="specs-export-")
    try:
        name = re.sub(r"[^A-Za-z0-9]+", "-", campaign.name).strip("-") or "campaign"
        path = Path(folder.name) / f"{name}-{what}.{kind}"
        if kind == "parquet":
            export_parquet(context.engine, path, what=what, campaign_id=campaign.id)
        else:
            write = export_items if what == "items" else export_ratings
            with path.open("w", encoding="utf-8", newline="") as stream:
                write(context.engine, stream, format=kind, campaign_id=campaign.id)
    except BaseException:
        folder.cleanup()
        raise
    return folder, path, _MEDIA[kind]


def _upload_name(request: Request) -> str:
    suffix = Path(request.query_params.get("name", "")).suffix.lower()
    if suffix not in SUFFIXES:
        raise FormError(f"A table to import is a file that ends in {', '.join(SUFFIXES)}.")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _UPLOAD:
        # A page of another site can send a form without asking first, but not this type.
        raise FormError(f"Send the file with the content type {_UPLOAD}.")
    return f"upload{suffix}"


async def _receive(request: Request, path: Path, *, limit: int) -> None:
    size = 0
    with path.open("wb") as out:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise TooLargeError(
                    f"This file is larger than {limit // _MEGABYTE} MB; use specs-ratings import, "
                    "or raise SPECS_MAX_UPLOAD_MB."
                )
            await asyncio.to_thread(out.write, part)


def _import(context: AppContext, request: Request, path: Path) -> dict[str, Any]:
    who = require(context, request, "admin")
    campaign = get_campaign(context.engine, read_id(dict(request.query_params), "campaign"))
    if is_own_export(path):
        raise FormError("This is an export of this program; bring it back with specs-ratings import.")
    # Paths in the table lead nowhere: the folder has nothing but the table in it.
    plan = ImportPlan(
        campaign=campaign.name,
        skip_invalid=request.query_params.get("skip") == "yes",
        images_from=path.parent,
        actor=who.name,
    )
    report = import_items(context.engine, path, plan, images=context.settings.images_dir)
    return {
        "rows": report.rows,
        "refused": report.refused,
        "refusals": [{"row": one.number, "reason": one.reason} for one in report.refusals],
        "repeated": report.repeated,
        "written": None if report.written is None else asdict(report.written),
    }


def _raise(error: FormError) -> dict[str, Any]:
    raise error
