"""What the server allows a browser to do: hosts, origins and response headers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger("specs_lens")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What a browser says of a page that is not ours, should something on the way have taken its Origin away.
_OTHER_SITES = frozenset({"cross-site", "same-site"})

# Gradio's own page needs inline scripts and evaluates its templates; everything else stays on this server.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)


def host_name(host: str) -> str:
    """Return a Host header's name in lower case, without its port; an IPv6 address keeps its brackets."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def is_own_origin(origin: str, host: str, allowed_origins: Iterable[str] = ()) -> bool:
    """Tell whether a request that a page at ``origin`` makes comes from this app's own pages.

    Args:
        origin: The Origin header, for example ``http://127.0.0.1:7860`` or ``null``.
        host: The Host header that the request is addressed to.
        allowed_origins: Further origins that count as our own.
    """
    if origin.rstrip("/") in allowed_origins:
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.strip().lower()


class Guard:
    """ASGI middleware: refuses foreign hosts and foreign origins, and sets the security headers.

    A request that changes something carries the Origin of the page that made it; one without an Origin header
    does not come from a page (curl, the health check) and passes.

    Args:
        app: The application behind it.
        trusted_hosts: Host names that requests may be addressed to, against DNS rebinding; ``*`` allows all.
        allowed_origins: Further origins whose pages may post.
        frame_ancestors: Origins that may show the app in a frame, besides its own.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted_hosts: Iterable[str] = ("*",),
        allowed_origins: Iterable[str] = (),
        frame_ancestors: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._trusted_hosts = frozenset(host.lower() for host in trusted_hosts)
        self._allowed_origins = frozenset(allowed_origins)
        frames = " ".join(("'self'", *frame_ancestors))
        policy = f"{CONTENT_SECURITY_POLICY}; frame-ancestors {frames}"
        self._headers = (
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        refusal = None
        if "*" not in self._trusted_hosts and host_name(host) not in self._trusted_hosts:
            refusal = PlainTextResponse("This address is not one that the app answers to.", status_code=421)
        elif scope.get("method", "POST") not in _SAFE_METHODS and (
            not is_own_origin(origin, host, self._allowed_origins)
            if origin is not None
            else headers.get(b"sec-fetch-site") in _OTHER_SITES
        ):
            refusal = PlainTextResponse("Requests from other sites are refused.", status_code=403)

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                ours = {name for name, _ in self._headers}
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in ours]
                message = {**message, "headers": [*kept, *self._headers]}
            await send(message)

        if refusal is None:
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                if scope["type"] != "http" or started:
                    raise
                # Starlette's own answer to a fault goes out beside this class, without its headers.
                _LOG.exception("%s %s failed", scope.get("method"), scope.get("path"))
                failure = PlainTextResponse("Something went wrong on the server; its log says what.", 500)
                await failure(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send_with_headers)
