"""The web server: a FastAPI parent with the security rules, the health check and the mounted Gradio app."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from app.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.context import AppContext

_LOG = logging.getLogger("specs_lens")
_ASSETS = Path(__file__).parent / "assets"
# Hugging Face shows a Space inside a frame of its own site.
_SPACE_FRAME = "https://huggingface.co"
# The private network in which it puts its proxy and a Space's container.
_SPACE_NETWORK = "10.0.0.0/8"
_LAST_REQUESTS_SECONDS = 3


def create_app(context: AppContext) -> FastAPI:
    """Return the web application, ready for an ASGI server.

    Args:
        context: The open context; the caller keeps it alive as long as the application runs.
    """
    import gradio as gr
    from fastapi import FastAPI, HTTPException, Response
    from fastapi.middleware.cors import CORSMiddleware
    from fastapi.responses import FileResponse, JSONResponse
    from fastapi.staticfiles import StaticFiles
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from app.admin_api import admin_router
    from app.analysis_routes import analysis_router
    from app.api import NAMES, answer_wrong_arguments
    from app.backups import backup_report
    from app.hub import hub_router
    from app.rate_limit import RateLimit, RequestLimit
    from app.rating_api import rating_router
    from app.security import Guard
    from app.sessions import session_router
    from app.thumbnails import thumbnail_router
    from app.ui import build_ui, page_options
    from specs_core.errors import ImageError

    settings = context.settings
    origins = (*settings.allowed_origins, *_space_origin())
    api_limit = RateLimit(settings.api_per_minute) if settings.api_per_minute else None
    app = FastAPI(title="SPECS Lens", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(
        RequestLimit,
        api=api_limit,
        names=NAMES,
        events=RateLimit(settings.events_per_minute),
        sign_ins=RateLimit(settings.sign_ins_per_minute),
    )
    # Gradio answers any Origin with credentials unless its parent has a CORS policy of its own.
    app.add_middleware(CORSMiddleware, allow_origins=list(origins), allow_methods=["GET", "POST"])
    app.add_middleware(
        Guard,
        trusted_hosts=settings.trusted_hosts,
        allowed_origins=origins,
        frame_ancestors=(_SPACE_FRAME,) if "SPACE_ID" in os.environ else (),
    )

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        try:
            with context.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            _LOG.exception("the health check cannot reach the database")
            return JSONResponse({"status": "failing", "database": "unreachable"}, status_code=503)
        return JSONResponse({"status": "ok", "database": "ok", "backup": backup_report(context.backups)})

    @app.get("/pictures/{image_id}")
    def picture(image_id: str) -> Response:
        try:
            path = context.pictures.find(image_id)
        except ImageError as error:
            raise HTTPException(status_code=404, detail=str(error)) from error
        except ValueError:
            path = None
        if path is None:
            raise HTTPException(status_code=404, detail="no such picture")
        return FileResponse(path, headers={"cache-control": "private, max-age=86400, immutable"})

    app.include_router(thumbnail_router(context.pictures))
    app.include_router(session_router(context))
    app.include_router(admin_router(context))
    app.include_router(hub_router(context))
    app.include_router(analysis_router(context))
    app.include_router(rating_router(context))

    @app.api_route("/gradio_api/file=http{rest:path}", methods=["GET", "HEAD"])
    def fetched(rest: str) -> Response:
        # Gradio would fetch any address for the visitor and hand its content on as this server's.
        raise HTTPException(status_code=404, detail="no such file")

    app.mount("/static/lens", StaticFiles(directory=_ASSETS), name="lens-assets")

    blocks = build_ui(context, api_limit).queue(api_open=False, max_size=64)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        footer_links=[],
        run_history=False,
        favicon_path=str(_ASSETS / "favicon.png"),
        ssr_mode=False,
        enable_monitoring=False,
        show_error=False,
        max_file_size=f"{settings.max_upload_mb}mb",
        allowed_paths=[],
        blocked_paths=[str(settings.data)],
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
        **page_options(),
    )
    # Gradio's own application is the last that was mounted.
    mounted = app.routes[-1].app
    mounted.add_exception_handler(TypeError, answer_wrong_arguments(blocks))
    return app


def _space_origin() -> tuple[str, ...]:
    """Return the address under which Hugging Face serves this Space, where this is one."""
    host = os.environ.get("SPACE_HOST")
    return (f"https://{host}",) if host else ()


def trusted_proxies(settings: Settings) -> list[str]:
    """Return whom to believe what X-Forwarded-For says; a Space is reached through its host's proxy only."""
    return list(settings.trusted_proxies) or ([_SPACE_NETWORK] if "SPACE_ID" in os.environ else [])


def _warm_up(context: AppContext) -> None:
    """Load the model and the parser and read the ratings, so that nobody need wait for them."""
    from annotations.errors import AnnotationError
    from app.pages.analyse_warm_up import warm_up
    from specs_core.errors import SpecsError
    from specs_core.segmentation import segment

    try:
        if context.encoders.is_on_disk():
            context.encoders.get()
        segment("A red car stands in the middle.")
    except SpecsError as error:
        _LOG.warning("the default model is not ready yet: %s", error)
    try:
        warm_up(context)
    except AnnotationError as error:
        _LOG.warning("the ratings cannot be read for the Analyse page yet: %s", error)


def _first_admin_text(code: str, database: str) -> str:
    return (
        f"\n    Sign in as admin with this code: {code}\n"
        "    It is valid for 7 days, and each start prints another one until an admin has signed in.\n"
        f"    More with: specs-ratings invite NAME --database {database}\n"
    )


def _port_is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _should_open_browser(settings: Settings) -> bool:
    if settings.open_browser is not None:
        return settings.open_browser
    has_display = sys.platform == "darwin" or any(
        name in os.environ for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return has_display and sys.stdout.isatty()


def main() -> int:
    """Start the app with the settings of the environment and return the exit code."""
    # Before torch is imported. Where another process shares the cores, threads that wait by spinning make the
    # text tower several times as slow (docs/models.md, "Speed").
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # Its steps are of no interest to whoever starts the app; what goes wrong is told below.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "SPECS_" + "_".join(str(part) for part in problem["loc"]).upper()
            print(f"specs-lens: {name}={problem['input']!r}: {problem['msg']}", file=sys.stderr)
        return 2
    if not _port_is_free(settings.host, settings.port):
        print(
            f"specs-lens: cannot listen on {settings.host}:{settings.port}, something else does already. "
            "Stop it or set SPECS_PORT to another port.",
            file=sys.stderr,
        )
        return 2
    print("SPECS Lens is starting ...", flush=True)

    import uvicorn

    from annotations.errors import AnnotationError
    from annotations.invites import first_admin_code
    from app.background_scores import BackgroundScores
    from app.context import open_context

    try:
        context = open_context(settings)
        code = first_admin_code(context.engine)
    except (AnnotationError, OSError) as error:
        print(f"specs-lens: {error}", file=sys.stderr)
        return 2
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(context),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            # Given even where empty: uvicorn's own default believes everybody on this machine.
            forwarded_allow_ips=trusted_proxies(settings),
            # An open page holds a connection for ever, and whoever stops a container waits ten seconds:
            # what is left of them is for the last backup.
            timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
        )
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_cut_connection)
    print(f"SPECS Lens: {settings.url}   (data in {settings.data}; Ctrl+C stops)", flush=True)
    if code is not None:
        print(_first_admin_text(code, context.engine.url.render_as_string()), flush=True)
    # A moment later, so that the page that is opened now is served first.
    warm_up = threading.Timer(3.0, _warm_up, args=(context,))
    warm_up.daemon = True
    warm_up.start()
    if _should_open_browser(settings):
        threading.Timer(0.8, webbrowser.open, args=(settings.url,)).start()
    scores = BackgroundScores(context) if settings.background_scores else contextlib.nullcontext()
    if context.backups is None:
        with scores:
            server.run()
        return 0
    # uvicorn raises the signal that stopped it once more when it is done; unhandled it would end the process
    # before the last backup.
    signal.signal(signal.SIGTERM, _end)
    # The last scores are stored before the last backup is taken.
    with context.backups, scores, contextlib.suppress(KeyboardInterrupt):
        server.run()
    return 0


def _is_no_cut_connection(record: logging.LogRecord) -> bool:
    """Keep out of the log that open pages lost their connection when the app stopped, which is no fault."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, asyncio.CancelledError) and "graceful shutdown exceeded" not in str(
        record.msg
    )


def _end(_number: int, _frame: object) -> None:
    # A second one must not break off the last backup.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)
