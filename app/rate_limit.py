"""How many requests one client may make: token buckets by client address, in bounded memory."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Receive, Scope, Send

COUNTED = "specs_lens.counted"
"""Key in an ASGI scope: this request has been counted as a call of the API."""

_MINUTE = 60.0
_EVENTS = "/gradio_api/"
# Calls of an endpoint by its name. Gradio's `run` and `api` refuse what goes through the queue, as the API's
# endpoints do; the page sends its small events there.
_BY_NAME = "/gradio_api/call/"
_SIGN_IN = "/session"
# One client usually has this much of an IPv6 address for itself.
_IPV6_PREFIX = 64


class RateLimit:
    """A bucket of tokens for each client: full at first, refilled evenly, one token a request.

    Args:
        per_minute: Requests a minute, at least 1; as many may come at once.
        clock: Seconds that only ever rise.
        max_clients: Clients remembered at once. Beyond it the one longest unseen is forgotten, and has a full
            bucket when it comes back.

    Raises:
        ValueError: Fewer than 1 request a minute, or fewer than 1 client.
    """

    def __init__(
        self, per_minute: int, *, clock: Callable[[], float] = time.monotonic, max_clients: int = 10_000
    ) -> None:
        if per_minute < 1 or max_clients < 1:
            raise ValueError(f"a limit needs at least 1 request and 1 client: {per_minute}, {max_clients}")
        self._capacity = float(per_minute)
        self._clock = clock
        self._max_clients = max_clients
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client: tokens, seconds
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many clients are remembered."""
        return len(self._buckets)

    def take(self, client: str) -> int:
        """Take a token, and return 0; where none is left, take nothing and return the seconds to wait.

        Args:
            client: As `client_key` gives it.
        """
        with self._lock:
            now = self._clock()
            tokens, seen = self._buckets.pop(client, (self._capacity, now))
            tokens = min(self._capacity, tokens + (now - seen) * self._capacity / _MINUTE)
            # Refilling in many small steps rounds; the whole seconds that a refusal named must be enough.
            allowed = tokens > 1 - 1e-9
            self._buckets[client] = (tokens - 1 if allowed else tokens, now)
            self._forget(now)
        return 0 if allowed else max(1, math.ceil((1 - tokens) * _MINUTE / self._capacity))

    def _forget(self, now: float) -> None:
        """Drop the buckets that are full again, and beyond the bound the oldest; the oldest stand first."""
        while self._buckets:
            client, (_, seen) = next(iter(self._buckets.items()))
            if now - seen < _MINUTE and len(self._buckets) <= self._max_clients:
                return
            del self._buckets[client]


def client_key(address: str | None) -> str:
    """Return what tells one client from another: its IPv4 address, or its IPv6 network.

    Args:
        address: As the server sees it, or None where it has none (a Unix socket).
    """
    if address is None:
        return ""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return str(ipaddress.ip_network((ip, _IPV6_PREFIX), strict=False))
        ip = ip.ipv4_mapped
    return str(ip)


def refusal_text(seconds: int) -> str:
    """Return the sentence for a client that has to wait."""
    return f"Too many requests from this address; try again in {seconds} second{'' if seconds == 1 else 's'}."


class RequestLimit:
    """ASGI middleware: counts what a client sends, and refuses with 429 what is beyond its limit.

    Calls of an endpoint by name count against the API's limit, and names that are not the API's are not
    found. Every other event that is posted counts against the wider limit of the page's own events. A call of
    the API through ``queue/join``, as gradio_client makes it, looks like any event here; the endpoint itself
    counts it (see `app.api`), and knows by `COUNTED` what was counted already.

    Args:
        app: The application behind it.
        api: Limit of the calls by name; None where the API is off.
        names: The API's endpoints.
        events: Limit of all other events.
        sign_ins: Limit of codes that are sent to sign in, besides the lock-out that the database keeps.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        api: RateLimit | None,
        names: Collection[str],
        events: RateLimit,
        sign_ins: RateLimit,
    ) -> None:
        self._app = app
        self._api = api
        self._names = tuple(names)
        self._events = events
        self._sign_ins = sign_ins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refusal = self._refusal(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        path = scope["path"]
        if path.rstrip("/") == _SIGN_IN:
            limit = self._sign_ins
        elif path.startswith(_EVENTS):
            limit = self._events
        else:
            return None
        if path.startswith(_BY_NAME):
            name = path.rstrip("/").rpartition("/")[2]
            if self._api is None:
                return JSONResponse({"detail": "The API of this server is turned off."}, status_code=404)
            if name not in self._names:
                known = ", ".join(self._names)
                return JSONResponse({"detail": f"There is no such endpoint; there are {known}."}, 404)
            limit = self._api
            scope[COUNTED] = True
        client = scope.get("client")
        seconds = limit.take(client_key(client[0] if client else None))
        if not seconds:
            return None
        # The routes of sign-in name a sentence for the visitor "problem", FastAPI and the API "detail".
        key = "problem" if limit is self._sign_ins else "detail"
        return JSONResponse(
            {key: refusal_text(seconds)}, status_code=429, headers={"retry-after": str(seconds)}
        )
