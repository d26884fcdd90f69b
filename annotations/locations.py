"""Where the data lies: one folder with the database and the images, shared by the app and the commands."""

import argparse
import os
import sys
from pathlib import Path


def default_data_dir() -> Path:
    """Return the folder in which this user's programs keep their data, with ``specs-lens`` appended."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "specs-lens"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "specs-lens"


def data_dir(given: Path | None = None) -> Path:
    """Return the data folder: the one given, else that of the variable ``SPECS_DATA``, else the default."""
    if given is None:
        variable = os.environ.get("SPECS_DATA")
        given = Path(variable) if variable else default_data_dir()
    return given.expanduser().resolve()


def database_url(data: Path, given: str | None = None) -> str:
    """Return the database's URL: the one given, else ``SPECS_DB``, else the file in the data folder.

    Args:
        data: From `data_dir`.
        given: A SQLAlchemy URL, or None.
    """
    return given or os.environ.get("SPECS_DB") or f"sqlite:///{data / 'specs.sqlite3'}"


def images_dir(data: Path) -> Path:
    """Return the folder of the stored images; ``originals`` in it holds imported files, named by image id."""
    return data / "images"


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the database and the images are."""
    parser.add_argument(
        "--database",
        metavar="URL",
        help="default: the variable SPECS_DB, or specs.sqlite3 in the data folder",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the data folder (default: the variable SPECS_DATA, or the app's folder)",
    )


def database_of(options: argparse.Namespace) -> str:
    """Return the database's URL that the options of `add_places` name."""
    return database_url(data_dir(options.data), options.database)
