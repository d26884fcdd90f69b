"""PostgreSQL: an engine that behaves as SQLite's does, and the server's errors in plain words."""

import ssl
import threading
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import IntegrityError

from annotations.errors import InvalidRecordError, StorageError

DRIVER: Final = "postgresql+pg8000"
"""What the store speaks PostgreSQL through; a URL may name it or say ``postgresql`` alone."""

PORT: Final = 5432

# Any constant will do, as long as every process of this program uses the same one.
_WRITE_LOCK: Final = 5_377_203_511

# By SQLSTATE or its beginning, see PostgreSQL's manual, appendix A. The first that fits is taken.
_ADVICE: Final = {
    "08": "the connection to the server broke; check that it runs, and try again",
    "25006": "the server takes no writes; give the address of the primary one, or make it writable",
    "28": "the server does not let this user in; check user and password",
    "3D000": "there is no such database on the server; create it with createdb",
    "42501": "this user may not create or change its tables; make the user the owner of the database",
    "53100": "the server's disk is full; free some space and try again",
    "53200": "the server is out of memory; try again",
    "53300": "the server has no connection left; close other programs or raise its max_connections",
    "57P": "the server is stopping or starting; try again when it runs",
    "58030": "the server could not read or write its disk; check that disk",
    "XX001": "the server found a damaged page; restore the database from a backup",
    "XX002": "the server found a damaged index; run REINDEX, or restore the database from a backup",
}
_UNREACHABLE: Final = "the server cannot be reached; check that it runs, and host and port in the URL"

# A constraint, and what the schema's triggers raise. The driver tells only a breach of uniqueness apart.
_BROKEN_RULE: Final = ("23", "P0001")


def create_postgres(url: URL, *, pool_size: int, pool_timeout: float) -> Engine:
    """Make an engine for a PostgreSQL server; nothing is connected yet.

    Args:
        url: ``postgresql://user:password@host:port/name`` or the same with ``postgresql+pg8000``. Options
            after a ``?``: ``sslmode`` (``disable``, ``prefer``, ``require`` or ``verify-full``) and ``host``,
            the folder of a Unix socket.
        pool_size: Connections at most; all are kept.
        pool_timeout: Seconds that a request waits for a free connection.

    Returns:
        The engine. Transactions that only read see one snapshot; all others hold one lock, one at a time.

    Raises:
        InvalidRecordError: If the driver or an option is another.
        StorageError: If the driver is not installed.
    """
    if url.drivername not in ("postgresql", DRIVER):
        raise InvalidRecordError(
            f"driver {url.drivername!r} is not supported; write postgresql://user@host/name or {DRIVER}://..."
        )
    options = _connect_options(url)
    try:
        engine = create_engine(
            url.set(drivername=DRIVER, query={}),
            connect_args=options,
            pool_pre_ping=True,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_timeout,
            execution_options={"specs_write_queue": threading.Lock()},
        )
    except ImportError as error:
        raise StorageError(
            "the driver for PostgreSQL is not installed; run: pip install 'specs-lens[postgres]'"
        ) from error

    # The driver sends the rows of one INSERT one by one and waits for each. As values of one statement, the
    # fifteen verdicts of a rating are one wait.
    engine.dialect.use_insertmanyvalues_wo_returning = True

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("specs_read_only", False):
            # For this transaction only; the driver's own setting is the session's and has to be put back.
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        else:
            # One writer at a time, as SQLite has it: the overlap cap rests on counting other people's rows,
            # which row locks alone do not protect.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")

    @event.listens_for(engine, "handle_error", retval=True)
    def _name(context: ExceptionContext) -> IntegrityError | None:
        error = context.original_exception
        if _sqlstate(error).startswith(_BROKEN_RULE) and isinstance(error.args[0], dict):
            return IntegrityError(context.statement, context.parameters, error)
        return None

    return engine


def advice_on(error: BaseException | None) -> str:
    """Say in words what the server or the driver reports, and what to do about it.

    Args:
        error: The driver's exception.

    Returns:
        A part of a sentence, without the address.
    """
    fields = _fields(error)
    if not fields:
        return _UNREACHABLE
    for prefix, words in _ADVICE.items():
        if _sqlstate(error).startswith(prefix):
            return words
    return str(fields.get("M", error))


def refuse_encoding(connection: Connection) -> None:
    """Refuse a database that cannot hold every character of a caption.

    Raises:
        StorageError: If its encoding is not UTF-8.
    """
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StorageError(
            f"cannot use {connection.engine.url.render_as_string()}: it stores text as {encoding}; "
            "create one with createdb --encoding UTF8 --template template0"
        )


def _sqlstate(error: BaseException | None) -> str:
    """Return the five characters by which the server names an error, or nothing if it named none."""
    return str(_fields(error).get("C", ""))


def _fields(error: BaseException | None) -> Mapping[str, str]:
    """Return what the server said, by the letters of its protocol: C the code, M the message."""
    # The server says why and closes; a driver that then writes meets the closed line and raises that instead.
    while error is not None:
        if error.args and isinstance(error.args[0], dict):
            return error.args[0]
        error = error.__cause__ or error.__context__
    return {}


def _connect_options(url: URL) -> dict[str, Any]:
    unknown = url.query.keys() - {"host", "sslmode"}
    if unknown:
        raise InvalidRecordError(
            f"a PostgreSQL URL takes the options host and sslmode; got {', '.join(sorted(unknown))}"
        )
    folder = url.query.get("host")
    if folder is not None:
        return {"unix_sock": f"{folder}/.s.PGSQL.{url.port or PORT}", "ssl_context": False}
    mode = url.query.get("sslmode", "prefer")
    if mode == "disable":
        return {"ssl_context": False}
    if mode == "prefer":
        return {}
    if mode not in ("require", "verify-full"):
        raise InvalidRecordError(f"sslmode is disable, prefer, require or verify-full; got {mode!r}")
    context = ssl.create_default_context()
    if mode == "require":
        # Encrypted, to whoever answers: what the word means to every other PostgreSQL program.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return {"ssl_context": context}
