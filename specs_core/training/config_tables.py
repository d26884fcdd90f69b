"""TOML tables into frozen dataclasses: unknown keys, missing keys and wrong types are refused."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from specs_core.errors import ConfigError

# What scalar fields take: whole numbers do for a float, true and false for no number.
_SCALARS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
}


def parse_toml(text: str, *, name: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Raises:
        ConfigError: It is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not TOML: {error}.") from error


def read_text(path: Path) -> str:
    """Return the text of a configuration file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The configuration {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The configuration {path} cannot be read: it is not UTF-8.") from error


def build_table(cls: type[Any], values: object, where: str) -> Any:
    """Return a dataclass with the values of a table; lists become tuples.

    Args:
        cls: A dataclass.
        values: The table.
        where: What to call it in errors.

    Raises:
        ConfigError: It is no table, a key is unknown or missing, or a value has the wrong type or is not
            finite.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{where} must be a table.")
    names = {field.name for field in fields(cls)}
    needed = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
    unknown, missing = sorted(values.keys() - names), sorted(needed - values.keys())
    if unknown:
        raise ConfigError(f"{where} has unknown keys: {', '.join(unknown)}.")
    if missing:
        raise ConfigError(f"{where} lacks: {', '.join(missing)}.")
    for field in fields(cls):
        if field.name in values and not _fits(values[field.name], str(field.type).removesuffix(" | None")):
            needed_type = str(field.type).replace("tuple[", "a list: [").replace(" | None", "")
            raise ConfigError(f"{where}: {field.name} is {values[field.name]!r}; {needed_type} is needed.")
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def _fits(value: object, wanted: str) -> bool:
    """Tell whether a value is of a scalar type, or a list of them; other types are not looked at."""
    if wanted in _SCALARS:
        return type(value) in _SCALARS[wanted] and not (isinstance(value, float) and not math.isfinite(value))
    listed = re.fullmatch(r"tuple\[(\w+), (\w+|\.\.\.)\]", wanted)
    if listed is None or listed[1] not in _SCALARS:
        return True
    long_enough = isinstance(value, list | tuple) and (listed[2] == "..." or len(value) == 2)
    return long_enough and all(_fits(each, listed[1]) for each in value)  # type: ignore[attr-defined]
