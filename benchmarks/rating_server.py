"""Serve the routes of signing in and rating alone, without Gradio and torch, so that a start is quick.

Run: python benchmarks/rating_server.py PORT, with SPECS_DATA and SPECS_DB in the environment as for the app.
"""

import sys

import uvicorn
from fastapi import FastAPI

from app.context import open_context
from app.rating_api import rating_router
from app.security import Guard
from app.server import trusted_proxies
from app.sessions import session_router
from app.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until the process is ended."""
    context = open_context(settings)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, trusted_hosts=settings.trusted_hosts)
    app.include_router(session_router(context))
    app.include_router(rating_router(context))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        forwarded_allow_ips=trusted_proxies(settings),
    )


if __name__ == "__main__":
    serve(Settings(port=int(sys.argv[1])))
