"""Signing in with an account of the Hugging Face Hub, in a Space only: OpenID Connect, then our own session.

Outside a Space the helpers of the Hub's and Gradio's libraries log every visitor in as the account of the
server itself; nothing here runs there.
"""

from __future__ import annotations

import html
import logging
import os
import secrets
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

# Here and not below: FastAPI looks the types of a route's arguments up at run time.
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.sessions import COOKIE, in_space, set_session_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import APIRouter

    from app.context import AppContext
    from app.settings import Settings

ANYBODY: Final = "*"
"""In ``hub_raters``: everybody with an account of the Hub."""

_LOG = logging.getLogger("specs_lens")
_PROVIDER: Final = "https://huggingface.co"
_COOKIE: Final = "specs_hub"
_SECONDS: Final = 600.0
_MOST_PENDING: Final = 1000


def hub_is_open(settings: Settings) -> bool:
    """Tell whether anybody may sign in with the Hub: in a Space, with OAuth on, and somebody named."""
    return (
        in_space()
        and bool(os.environ.get("OAUTH_CLIENT_ID"))
        and bool(os.environ.get("OAUTH_CLIENT_SECRET"))
        and bool(settings.hub_raters or settings.hub_admins)
    )


def hub_role(userinfo: Mapping[str, Any], settings: Settings) -> str | None:
    """Return the role that the settings give an account of the Hub, or None where they do not name it.

    Args:
        userinfo: Claims of the Hub: ``preferred_username``, and ``orgs`` with one of each. Display names are
            not looked at, because anybody can take any.
        settings: With ``hub_admins`` and ``hub_raters``, names of users and organisations in any case.
    """
    orgs = userinfo.get("orgs")
    claims = [userinfo, *(orgs if isinstance(orgs, list) else [])]
    names = {
        claim["preferred_username"].casefold()
        for claim in claims
        if isinstance(claim, dict) and isinstance(claim.get("preferred_username"), str)
    }
    if names & {name.casefold() for name in settings.hub_admins}:
        return "admin"
    raters = {name.casefold() for name in settings.hub_raters}
    return "rater" if ANYBODY in raters or names & raters else None


class PendingSignIns:
    """Sign-ins that have left for the Hub and not come back, in bounded memory.

    Each is kept under a random handle that only the browser's cookie has, and is given out once: what comes
    back in another browser finds nothing.

    Args:
        clock: Seconds that only ever rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pending: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._pending)

    def keep(self, secrets_of_it: dict[str, Any]) -> str:
        """Remember state, nonce and verifier of a sign-in, and return its handle."""
        now = self._clock()
        while self._pending:
            begun, _ = next(iter(self._pending.values()))
            if now - begun < _SECONDS and len(self._pending) < _MOST_PENDING:
                break
            self._pending.popitem(last=False)
        handle = secrets.token_urlsafe(32)
        self._pending[handle] = (now, secrets_of_it)
        return handle

    def take(self, handle: str | None) -> dict[str, Any]:
        """Return what was remembered under a handle and forget it; nothing where there is none."""
        begun, secrets_of_it = self._pending.pop(handle or "", (0.0, {}))
        return secrets_of_it if self._clock() - begun < _SECONDS else {}


def hub_router(context: AppContext) -> APIRouter:
    """Return the routes of signing in with the Hub; none where that is not open.

    ``GET /hub/sign-in`` sends the browser to the Hub, which sends it back to ``/hub/callback``. Of the Hub's
    answer nothing is kept but the account's id and, at a first visit, its user name.

    Args:
        context: The open context.
    """
    from fastapi import APIRouter

    router = APIRouter()
    if not hub_is_open(context.settings):
        return router

    import httpx2
    from authlib.common.errors import AuthlibBaseError
    from authlib.integrations.starlette_client import OAuth
    from joserfc.errors import JoseError

    from annotations.accounts import Account, hub_account
    from annotations.errors import AnnotationError, StorageError
    from annotations.sessions import sign_in_as, sign_out

    provider = os.environ.get("OPENID_PROVIDER_URL", _PROVIDER).rstrip("/")
    hub = OAuth().register(
        "hub",
        client_id=os.environ["OAUTH_CLIENT_ID"],
        client_secret=os.environ["OAUTH_CLIENT_SECRET"],
        server_metadata_url=f"{provider}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile", "code_challenge_method": "S256", "timeout": 10},
    )
    pending = PendingSignIns()
    # What a Hub that is down, or a visitor who makes up an answer, leads to: no answer, one that is not
    # OpenID's, a state, nonce or signature that is not right.
    failures = (AuthlibBaseError, JoseError, httpx2.HTTPError, ValueError, KeyError, RuntimeError)

    def page(message: str, status_code: int) -> HTMLResponse:
        return HTMLResponse(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>SPECS Lens</title>'
            f'<p>{html.escape(message)}</p><p><a href="/">Back to SPECS Lens</a></p></html>',
            status_code,
            headers={"cache-control": "no-store"},
        )

    def set_handle(response: Response, request: Request, handle: str | None) -> None:
        response.set_cookie(
            _COOKIE,
            handle or "",
            max_age=int(_SECONDS) if handle else 0,
            path="/hub",
            httponly=True,
            samesite="lax",
            secure=_is_https(request),
        )

    def begin(userinfo: Mapping[str, Any], role: str, earlier: str | None) -> tuple[str, Account]:
        name = userinfo.get("preferred_username") or "somebody from the Hub"
        account = hub_account(context.engine, userinfo["sub"], name, role)
        token = sign_in_as(context.engine, account.id)
        sign_out(context.engine, earlier)
        return token, account

    @router.get("/hub/sign-in")
    async def leave(request: Request) -> Response:
        # Where authlib keeps state, nonce and verifier; the browser gets a handle instead of them.
        request.scope["session"] = {}
        try:
            response = await hub.authorize_redirect(request, _callback_url(request))
        except failures:
            _LOG.exception("the Hub cannot be reached for a sign-in")
            return page("The Hub did not answer; try again later, or sign in with a code.", 502)
        set_handle(response, request, pending.keep(request.session))
        return response

    @router.get("/hub/callback")
    async def come_back(request: Request) -> Response:
        request.scope["session"] = pending.take(request.cookies.get(_COOKIE))
        try:
            token = await hub.authorize_access_token(request)
            claims = token["userinfo"]
            userinfo = await hub.userinfo(token=token)
            if not isinstance(claims["sub"], str) or claims["sub"] != userinfo["sub"]:
                raise ValueError("the Hub's two answers are about different accounts")
        except failures as error:
            # The error may quote what a visitor sent, and never holds a token.
            _LOG.info("a sign-in with the Hub failed: %s", type(error).__name__)
            response: Response = page("Signing in with the Hub did not work; go back and try again.", 400)
            set_handle(response, request, None)
            return response
        role = hub_role(userinfo, context.settings)
        if role is None:
            response = page("This account of the Hub may look at everything here, but not rate.", 403)
        else:
            try:
                earlier = request.cookies.get(COOKIE)
                session, account = await run_in_threadpool(begin, userinfo, role, earlier)
            except StorageError:
                _LOG.exception("nobody can sign in")
                response = page("The database does not answer; try again later.", 503)
            except AnnotationError as error:
                _LOG.info("an account of the Hub was refused: %s", error)
                response = page("This account may not sign in here; ask an admin.", 403)
            else:
                _LOG.info("%s signed in with the Hub", account.name)
                response = RedirectResponse("/", 303, headers={"cache-control": "no-store"})
                set_session_cookie(response, request, session)
        set_handle(response, request, None)
        return response

    return router


def _is_https(request: Request) -> bool:
    return in_space() or request.url.scheme == "https"


def _callback_url(request: Request) -> str:
    host = os.environ.get("SPACE_HOST")
    return f"https://{host}/hub/callback" if host else str(request.url_for("come_back"))
