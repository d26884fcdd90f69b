"""The routes of the owner's page: plain HTTP beside Gradio, each for the roles that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter

# Here and not below: FastAPI looks the types of a route's arguments up at run time.
from starlette.requests import Request
from starlette.responses import JSONResponse

from annotations.errors import UnknownRecordError
from app import admin_campaigns, admin_items
from app.admin_transfer import transfer_router
from app.json_routes import read_form, respond
from app.sessions import require

if TYPE_CHECKING:
    from annotations.accounts import Account
    from app.context import AppContext

_OWNER: Final = ("admin",)
_DECIDES: Final = ("admin", "adjudicator")
_Reading = Callable[["AppContext", "Account", Mapping[str, str]], dict[str, Any]]
_Acting = Callable[["AppContext", "Account", object], dict[str, Any]]

_READS: Final[dict[str, tuple[tuple[str, ...], _Reading]]] = {
    "campaigns": (_DECIDES, admin_campaigns.campaigns_view),
    "overview": (_OWNER, admin_campaigns.overview_view),
    "people": (_OWNER, admin_campaigns.people_view),
    "audit": (_OWNER, admin_campaigns.audit_view),
    "queue": (_DECIDES, admin_items.queue_view),
    "item": (_DECIDES, admin_items.case_view),
    "items": (_OWNER, admin_items.items_view),
    "deleted": (_OWNER, admin_items.deleted_view),
}
_ACTS: Final[dict[str, tuple[tuple[str, ...], _Acting]]] = {
    "campaigns/create": (_OWNER, admin_campaigns.create),
    "campaigns/change": (_OWNER, admin_campaigns.change),
    "campaigns/pause": (_OWNER, admin_campaigns.pause),
    "campaigns/delete": (_OWNER, admin_campaigns.delete),
    "guideline/preview": (_OWNER, admin_campaigns.preview),
    "people/invite": (_OWNER, admin_campaigns.invite_person),
    "people/role": (_OWNER, admin_campaigns.change_person_role),
    "people/disable": (_OWNER, admin_campaigns.disable_person),
    "people/sign-out": (_OWNER, admin_campaigns.sign_person_out),
    "items/return": (_OWNER, admin_items.hand_back),
    "items/delete": (_OWNER, admin_items.delete),
    "item/decide": (_DECIDES, admin_items.decide),
}
# These compare thousands of ratings: one at a time, so that raters are served meanwhile.
_HEAVY: Final = frozenset({"overview", "queue"})


def admin_router(context: AppContext) -> APIRouter:
    """Return the routes under ``/admin``: for admins, and what belongs to deciding for adjudicators too.

    What goes wrong is answered with ``{"problem": sentence}``: 400 for a form that cannot be taken, 401 where
    nobody is signed in, 403 for another role, 404 for what is not there, 409 for the last admin, 503 where
    the database fails.

    Args:
        context: The open context.
    """
    router = APIRouter()
    comparing = CapacityLimiter(1)
    # Before the routes below, which take every name.
    router.include_router(transfer_router(context, one_at_a_time=comparing))

    @router.get("/admin/{name:path}")
    async def read(request: Request, name: str) -> JSONResponse:
        roles, view = _READS.get(name, (_DECIDES, None))

        def run() -> dict[str, Any]:
            who = require(context, request, *roles)
            if view is None:
                raise UnknownRecordError(f"there is nothing called {name[:40]!r} here")
            return view(context, who, request.query_params)

        limiter = comparing if name in _HEAVY else None
        return await to_thread.run_sync(respond, run, limiter=limiter)

    @router.post("/admin/{name:path}")
    async def act(request: Request, name: str) -> JSONResponse:
        roles, action = _ACTS.get(name, (_DECIDES, None))
        form = await read_form(request)

        def run() -> dict[str, Any]:
            # Who may not do this is told so before anything else.
            who = require(context, request, *roles)
            if action is None:
                raise UnknownRecordError(f"there is nothing called {name[:40]!r} to do here")
            return action(context, who, form())

        return await to_thread.run_sync(respond, run)

    return router
