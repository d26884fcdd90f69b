"""Who is signed in: the routes that begin and end a session, its cookie, and the check for handlers."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from typing import TYPE_CHECKING, Any, Final

# Here and not below: FastAPI looks the types of a route's arguments up at run time.
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app.rate_limit import client_key

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.responses import Response

    from annotations.accounts import Account
    from app.context import AppContext

COOKIE: Final = "specs_session"

_LOG = logging.getLogger("specs_lens")
_LARGEST_BODY: Final = 4096
# Codes that are compared at once: each takes 19 MB and a core for 20 ms, and nobody else may wait for them.
_COMPARED_AT_ONCE: Final = 2


class SignInError(PermissionError):
    """What a visitor may not do; the message is one sentence for them."""


class SignedOutError(SignInError):
    """A visitor who is not signed in, where one has to be."""


def account_of_request(context: AppContext, request: Any) -> Account | None:
    """Return who makes a request, or None where nobody is signed in.

    Args:
        context: The open context.
        request: Of Starlette, or ``gr.Request``.

    Raises:
        annotations.errors.StorageError: If the database fails.
    """
    from annotations.sessions import account_of

    return account_of(context.engine, _token(request))


def require(context: AppContext, request: Any, *roles: str) -> Account:
    """Return who makes a request, and refuse whoever may not make it.

    Args:
        context: The open context.
        request: Of Starlette, or ``gr.Request``.
        roles: The roles that may; everybody who is signed in where none is given.

    Raises:
        SignInError: If nobody is signed in, or somebody in another role.
        annotations.errors.StorageError: If the database fails.
    """
    account = account_of_request(context, request)
    if account is None:
        raise SignedOutError("you are not signed in; sign in with your code on the Rate page")
    if roles and account.role not in roles:
        raise SignInError(f"this is for the role {' or '.join(roles)}; {account.name} is {account.role}")
    return account


def in_space() -> bool:
    """Tell whether the app runs in a Hugging Face Space, which shows it in a frame of another site."""
    return "SPACE_ID" in os.environ


def set_session_cookie(response: Response, request: Request, token: str | None) -> None:
    """Hand a session's token to the browser, or take it back where it is None.

    Written by hand: Python's own cookies know ``Partitioned`` from version 3.14 on only.
    """
    from annotations.sessions import SESSION_LENGTH

    age = int(SESSION_LENGTH.total_seconds()) if token else 0
    if in_space():
        # Inside another site's frame a browser sends back no other kind.
        rest = "SameSite=None; Secure; Partitioned"
    else:
        rest = "SameSite=Lax; Secure" if request.url.scheme == "https" else "SameSite=Lax"
    response.headers.append("set-cookie", f"{COOKIE}={token or ''}; HttpOnly; Max-Age={age}; Path=/; {rest}")


def session_router(context: AppContext) -> APIRouter:
    """Return the routes with which a browser signs in and out.

    ``POST /session`` takes ``{"code": ...}``; ``GET /session`` tells who is signed in; ``DELETE /session``
    ends this session and ``DELETE /sessions`` all of this person's. What goes wrong is answered with
    ``{"problem": sentence}``.

    Args:
        context: The open context.
    """
    from fastapi import APIRouter
    from fastapi.responses import JSONResponse

    from annotations.errors import LockedOutError, SignInRefusedError, StorageError
    from annotations.sessions import sign_out, sign_out_everywhere
    from annotations.sign_in import sign_in
    from app.hub import hub_is_open
    from app.problems import sentence

    router = APIRouter()
    comparing = asyncio.Semaphore(_COMPARED_AT_ONCE)

    def answer(content: object, status_code: int = 200) -> JSONResponse:
        return JSONResponse(content, status_code, headers={"cache-control": "no-store"})

    def problem(message: str, status_code: int) -> JSONResponse:
        return answer({"problem": sentence(message)}, status_code)

    def begin(code: str, client: str, earlier: str | None) -> tuple[str, Account]:
        begun = sign_in(context.engine, code, client=client)
        # Otherwise the one that the cookie named would live on where nobody can end it.
        sign_out(context.engine, earlier)
        return begun

    @router.post("/session")
    async def post_session(request: Request) -> JSONResponse:
        body = await _small_body(request)
        if body is None:
            return problem(f"a request for signing in has at most {_LARGEST_BODY:,} bytes", 413)
        code = _code_in(request, body)
        if code is None:
            return problem('send JSON: {"code": "..."}', 400)
        client = client_key(request.client.host if request.client else None)
        try:
            # Whoever waits does so without a thread, of which the page needs some.
            async with comparing:
                token, account = await run_in_threadpool(begin, code, client, _token(request))
        except SignInRefusedError as error:
            _LOG.info("a code was refused")
            return problem(str(error), 401)
        except LockedOutError as error:
            _LOG.warning("a code was not looked at: %s", error)
            return problem(str(error), 429)
        except StorageError as error:
            _LOG.exception("nobody can sign in")
            return problem(str(error), 503)
        _LOG.info("%s signed in", account.name)
        response = answer({"name": account.name, "role": account.role})
        set_session_cookie(response, request, token)
        return response

    @router.get("/session")
    def get_session(request: Request) -> JSONResponse:
        try:
            account = account_of_request(context, request)
        except StorageError as error:
            return problem(str(error), 503)
        who = {"name": account.name, "role": account.role} if account else {"name": None, "role": None}
        return answer({**who, "hub": hub_is_open(context.settings)})

    @router.delete("/session")
    def delete_session(request: Request) -> JSONResponse:
        try:
            sign_out(context.engine, _token(request))
        except StorageError as error:
            return problem(str(error), 503)
        response = answer({"name": None, "role": None})
        set_session_cookie(response, request, None)
        return response

    @router.delete("/sessions")
    def delete_sessions(request: Request) -> JSONResponse:
        try:
            account = require(context, request)
            ended = sign_out_everywhere(context.engine, account.id)
        except SignInError as error:
            return problem(str(error), 401)
        except StorageError as error:
            return problem(str(error), 503)
        response = answer({"ended": ended})
        set_session_cookie(response, request, None)
        return response

    return router


def _token(request: Any) -> str | None:
    # Gradio's cookies are an object on which a cookie's name can hide a method, so only operators are used.
    cookies = request.cookies
    return cookies[COOKIE] if COOKIE in cookies else None  # noqa: SIM401


async def _small_body(request: Request) -> bytes | None:
    """Read a body, and stop where it is larger than a code can be."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            return None
    return body


def _code_in(request: Request, body: bytes) -> str | None:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return None
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    code = content.get("code") if isinstance(content, dict) else None
    return code if isinstance(code, str) else None
