"""The routes of the Rate page: plain HTTP beside Gradio, so that nothing in its queue holds up a save."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter

# Here and not below: FastAPI looks the types of a route's arguments up at run time.
from starlette.requests import Request
from starlette.responses import JSONResponse

from app import rating
from app.answers import FormError, storable
from app.json_routes import read_form, respond
from app.sessions import SignedOutError, require

if TYPE_CHECKING:
    from annotations.accounts import Account
    from app.context import AppContext

_ACTIONS: dict[str, Callable[[AppContext, str, object], dict[str, Any]]] = {
    "next": rating.next_view,
    "open": rating.open_view,
    "draft": rating.save_draft,
    "submit": rating.submit,
    "skip": rating.skip,
    "undo": rating.undo,
}

# Threads that serve raters. One writes while others read; many more only take the interpreter from each
# other, and from the one that holds the database's lock, for which all the others wait.
_AT_ONCE: Final = 8


def rating_router(context: AppContext) -> APIRouter:
    """Return the routes under ``/rating``; all of them are for people who are signed in.

    What goes wrong is answered with ``{"problem": sentence}``: 400 for a form that cannot be taken, 401 where
    nobody is signed in, or somebody other than the ``rater`` whom the page names, 404 for an item that is not
    there, 409 for one that others have taken, 503 where the database fails.

    Args:
        context: The open context.
    """
    router = APIRouter(prefix="/rating")
    revealing = CapacityLimiter(1)
    working = CapacityLimiter(_AT_ONCE)

    @router.get("/campaigns")
    def campaigns(request: Request) -> JSONResponse:
        return respond(lambda: {"campaigns": rating.campaign_list(context, require(context, request).name)})

    @router.get("/history")
    def history(request: Request, campaign: str = "") -> JSONResponse:
        return respond(
            lambda: {"items": rating.history(context, require(context, request).name, storable(campaign))}
        )

    @router.get("/progress")
    def progress(request: Request, campaign: str = "") -> JSONResponse:
        return respond(
            lambda: rating.progress_view(context, require(context, request).name, storable(campaign) or None)
        )

    @router.post("/reveal")
    async def reveal(request: Request) -> JSONResponse:
        # Computing a curve takes a model: one at a time, whatever the number of raters.
        return await _act(request, context, rating.reveal, limiter=revealing)

    @router.post("/{action}")
    async def act(request: Request, action: str) -> JSONResponse:
        wanted = _ACTIONS.get(action)
        if wanted is None:
            return respond(lambda: _unknown(action))
        return await _act(request, context, wanted, limiter=working)

    return router


async def _act(
    request: Request,
    context: AppContext,
    action: Callable[[AppContext, str, object], dict[str, Any]],
    *,
    limiter: CapacityLimiter,
) -> JSONResponse:
    form = await read_form(request)

    def run() -> dict[str, Any]:
        # Who is not signed in is told so before anything else.
        account = require(context, request)
        payload = form()
        _refuse_another(account, payload)
        return action(context, account.name, payload)

    return await to_thread.run_sync(respond, run, limiter=limiter)


def _refuse_another(account: Account, payload: object) -> None:
    """Refuse what a page sends for somebody else: all tabs of a browser share one cookie."""
    meant = payload.get("rater") if isinstance(payload, dict) else None
    if isinstance(meant, str) and meant != account.name:
        raise SignedOutError(f"this browser is signed in as {account.name} now, and this is of {meant}")


def _unknown(action: str) -> dict[str, Any]:
    raise FormError(f"There is no action {action[:40]!r}; there are {', '.join((*_ACTIONS, 'reveal'))}.")
