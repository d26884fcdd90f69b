"""What the JSON routes have in common: a body of bounded size, and errors as one sentence."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse

from annotations.errors import (
    AnnotationError,
    InvalidRecordError,
    ItemFullError,
    LastAdminError,
    NonceReusedError,
    UnknownRecordError,
)
from app.answers import FormError
from app.problems import sentence
from app.sessions import SignedOutError, SignInError
from specs_core.errors import SpecsError

_LOG = logging.getLogger("specs_lens")
LARGEST_BODY: Final = 2**20

# The first that fits; what is not in it is a fault of the server.
_STATUS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (SignedOutError, 401),
    (SignInError, 403),
    (FormError, 400),
    (UnknownRecordError, 404),
    (ItemFullError, 409),
    (NonceReusedError, 409),
    (LastAdminError, 409),
    (InvalidRecordError, 400),
    (AnnotationError, 503),
    (SpecsError, 422),
)


class TooLargeError(FormError):
    """A request with more in it than any form has."""


def answer(content: object, status_code: int = 200) -> JSONResponse:
    """Return a JSON answer that no cache keeps."""
    return JSONResponse(content, status_code, headers={"cache-control": "no-store"})


def respond(action: Callable[[], Any]) -> JSONResponse:
    """Return what an action gives, or the problem that it met: ``{"problem": sentence}``.

    Args:
        action: Gives what JSON can hold, or raises an error of this program.
    """
    try:
        return answer(action())
    except tuple(kind for kind, _ in _STATUS) as error:
        status = next(status for kind, status in _STATUS if isinstance(error, kind))
        if isinstance(error, TooLargeError):
            status = 413
        if status >= 500:
            _LOG.exception("a request failed")
        return answer({"problem": sentence(str(error))}, status)


async def read_json(request: Request, *, largest: int = LARGEST_BODY) -> object:
    """Read a JSON body.

    Args:
        request: The request.
        largest: Bytes that are read at most.

    Returns:
        The decoded JSON, of any shape.

    Raises:
        TooLargeError: If there are more bytes.
        FormError: If it is not JSON, or not sent as such.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > largest:
            raise TooLargeError(f"A request has at most {largest:,} bytes.")
    # A page of another site can send a form without asking first, but not this type.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise FormError("Send JSON, with the content type application/json.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FormError("The request cannot be read as JSON.") from error


async def read_form(request: Request) -> Callable[[], object]:
    """Read a JSON body, and keep what is wrong with it until somebody asks.

    Args:
        request: The request.

    Returns:
        Gives the decoded JSON, or raises what `read_json` raised: who may not send anything is told so first.
    """
    try:
        payload = await read_json(request)
    except FormError as error:
        # Python forgets `error` at the end of this block.
        failure = error

        def fail() -> object:
            raise failure

        return fail
    return lambda: payload
