"""The dip threshold that a model starts with: who set it, what it was calibrated on, what is promised of it.

Nothing is ever altered: a new default, and a withdrawal, are further rows, and the latest one of a model's
weights counts.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, Select, insert, select

from annotations.audit import record_act
from annotations.detection import Unsure
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.raters import find_rater
from annotations.schema import new_id, raters, thresholds, timestamp

_SHA256_LENGTH: Final = 64
_PROMISE: Final = (
    "rate",
    "failure",
    "seed",
    "share",
    "realised",
    "realised_low",
    "realised_high",
    "realised_images",
)


@dataclass(frozen=True)
class Promise:
    """What is promised of a threshold, and how it was come by (docs/analysis.md, A threshold with a promise).

    Attributes:
        rate: The promised false-discovery rate.
        failure: Chance, over calibrations, that the promise is broken.
        seed: Of the split and of the flags that were drawn.
        share: Of the judged images, that it was calibrated on.
        realised: Mean share of wrong flags over the other images with a flag; None without any.
        realised_low: Lower end of its interval, or None.
        realised_high: Upper end, or None.
        realised_images: The other images with a flag.
    """

    rate: float
    failure: float
    seed: int
    share: float
    realised: float | None
    realised_low: float | None
    realised_high: float | None
    realised_images: int


@dataclass(frozen=True)
class NewThreshold:
    """A default to be set.

    Attributes:
        model_sha256: Of the weights that it is of.
        model: Their name.
        threshold: A unit is flagged where its delta is below minus this; 0 or more.
        n_images: Images that it rests on: those of the calibration, or all that were looked at.
        n_units: Their units with a majority and a delta.
        unsure: What a verdict of "unsure" counted as.
        choice: What of the ratings went in; anything that JSON can hold.
        promise: None where nothing is promised.
        application_version: Of the program.
        note: What else there is to say.
    """

    model_sha256: str
    model: str
    threshold: float
    n_images: int
    n_units: int
    unsure: Unsure
    choice: Mapping[str, Any]
    promise: Promise | None
    application_version: str
    note: str = ""


@dataclass(frozen=True)
class ModelThreshold:
    """A default as it is stored.

    Attributes:
        model_sha256: Of the weights that it is of.
        model: Their name.
        number: 1 for the first one of these weights, and so on.
        threshold: 0 after a withdrawal.
        withdrawn: Whether this row withdraws the default.
        n_images: As in `NewThreshold`.
        n_units: As in `NewThreshold`.
        unsure: As in `NewThreshold`; None for a withdrawal.
        choice: As in `NewThreshold`.
        promise: None where nothing is promised.
        application_version: Of the program.
        note: What else there is to say.
        set_by: Name of who set it.
        set_at: UTC, ISO 8601.
    """

    model_sha256: str
    model: str
    number: int
    threshold: float
    withdrawn: bool
    n_images: int
    n_units: int
    unsure: str | None
    choice: Mapping[str, Any] = field(compare=False)
    promise: Promise | None
    application_version: str
    note: str
    set_by: str
    set_at: str


def set_threshold(engine: Engine, new: NewThreshold, *, actor: str) -> ModelThreshold:
    """Make a threshold the default of a model's weights.

    The same once more, by a double click, writes no second row.

    Args:
        engine: From `open_database`.
        new: The threshold and where it comes from.
        actor: Name of the person who sets it.

    Returns:
        The default as it is stored.

    Raises:
        InvalidRecordError: If a number is out of range or the choice is nothing that JSON can hold.
        UnknownRecordError: If there is no such person.
        StorageError: If the database fails; then nothing is stored.
    """
    row = _checked(new)
    with writing(engine) as connection:
        return _append(connection, row, actor, "set threshold")


def withdraw_threshold(
    engine: Engine, model_sha256: str, *, actor: str, application_version: str, note: str = ""
) -> ModelThreshold:
    """Let a model start with threshold 0 again; what was the default stays in the history.

    Args:
        engine: From `open_database`.
        model_sha256: Of the weights.
        actor: Name of the person who withdraws it.
        application_version: Of the program.
        note: Why.

    Returns:
        The withdrawal as it is stored; the earlier one where it was withdrawn already.

    Raises:
        UnknownRecordError: If these weights never had a default, or there is no such person.
        StorageError: If the database fails; then nothing is stored.
    """
    with writing(engine) as connection:
        before = _latest(connection, model_sha256)
        if before is None:
            raise UnknownRecordError(f"the weights {model_sha256[:12]} have no default threshold to withdraw")
        if before.withdrawn:
            return before
        empty = dict.fromkeys((*_PROMISE, "unsure"))
        row = {
            "model_sha256": model_sha256,
            "model": before.model,
            "threshold": 0.0,
            "withdrawn": True,
            "n_images": 0,
            "n_units": 0,
            "choice": "{}",
            "note": note,
            "application_version": application_version,
            **empty,
        }
        return _append(connection, row, actor, "withdraw threshold")


def current_threshold(engine: Engine, model_sha256: str) -> ModelThreshold | None:
    """Return the default of a model's weights, or None where it has none or it was withdrawn.

    Args:
        engine: From `open_database`.
        model_sha256: Of the weights.

    Raises:
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        latest = _latest(connection, model_sha256)
    return None if latest is None or latest.withdrawn else latest


def threshold_history(engine: Engine, model_sha256: str) -> tuple[ModelThreshold, ...]:
    """Return all that was ever the default of a model's weights, and its withdrawals, the newest first.

    Args:
        engine: From `open_database`.
        model_sha256: Of the weights.

    Raises:
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        return tuple(_stored(row) for row in connection.execute(_rows(model_sha256)).mappings())


def _checked(new: NewThreshold) -> dict[str, Any]:
    if len(new.model_sha256) != _SHA256_LENGTH or not new.model:
        raise InvalidRecordError("a default threshold needs the name and the SHA-256 of a model's weights")
    if not math.isfinite(new.threshold) or new.threshold < 0:
        raise InvalidRecordError(f"a default threshold is a number from 0 up; got {new.threshold}")
    if new.n_images < 0 or new.n_units < 0:
        raise InvalidRecordError(f"there cannot be {new.n_images} images and {new.n_units} units")
    if not new.application_version:
        raise InvalidRecordError("a default threshold needs the version of the program that sets it")
    promise = {name: None if new.promise is None else getattr(new.promise, name) for name in _PROMISE}
    for name in ("rate", "failure", "share"):
        value = promise[name]
        if new.promise is not None and not (value is not None and 0 < value < 1):
            raise InvalidRecordError(f"the {name} of a promise is between 0 and 1; got {value}")
    for name in ("realised", "realised_low", "realised_high"):
        value = promise[name]
        if value is not None and not 0 <= value <= 1:
            raise InvalidRecordError(f"the {name} of a promise is between 0 and 1, or unknown; got {value}")
    try:
        choice = json.dumps(dict(new.choice), ensure_ascii=False, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InvalidRecordError(f"the choice must be a JSON object: {error}") from error
    return {
        "model_sha256": new.model_sha256,
        "model": new.model,
        "threshold": float(new.threshold),
        "withdrawn": False,
        "n_images": new.n_images,
        "n_units": new.n_units,
        "unsure": new.unsure,
        "choice": choice,
        "note": new.note,
        "application_version": new.application_version,
        **promise,
    }


def _append(connection: Connection, row: Mapping[str, Any], actor: str, action: str) -> ModelThreshold:
    rater_id = find_rater(connection, actor)
    if rater_id is None:
        raise UnknownRecordError(f"there is no person {actor!r}; whoever sets a default signs in first")
    latest = connection.execute(_rows(row["model_sha256"]).limit(1)).mappings().first()
    same = latest is not None and latest["rater_id"] == rater_id
    if latest is not None and same and all(latest[name] == value for name, value in row.items()):
        return _stored(latest)
    number = 1 if latest is None else latest["number"] + 1
    connection.execute(
        insert(thresholds).values(
            id=new_id(), number=number, rater_id=rater_id, created_at=timestamp(), **row
        )
    )
    told = {name: row[name] for name in ("model", "threshold", "rate", "failure")}
    record_act(connection, actor, action, row["model_sha256"], {**told, "number": number})
    stored = _latest(connection, row["model_sha256"])
    assert stored is not None  # written above, in this transaction
    return stored


def _rows(model_sha256: str) -> Select[Any]:
    return (
        select(thresholds, raters.c.name.label("set_by"))
        .join(raters, raters.c.id == thresholds.c.rater_id)
        .where(thresholds.c.model_sha256 == model_sha256)
        .order_by(thresholds.c.number.desc())
    )


def _latest(connection: Connection, model_sha256: str) -> ModelThreshold | None:
    row = connection.execute(_rows(model_sha256).limit(1)).mappings().first()
    return None if row is None else _stored(row)


def _stored(row: RowMapping) -> ModelThreshold:
    promised = None if row["rate"] is None else Promise(**{name: row[name] for name in _PROMISE})
    return ModelThreshold(
        model_sha256=row["model_sha256"],
        model=row["model"],
        number=row["number"],
        threshold=row["threshold"],
        withdrawn=bool(row["withdrawn"]),
        n_images=row["n_images"],
        n_units=row["n_units"],
        unsure=row["unsure"],
        choice=json.loads(row["choice"]),
        promise=promised,
        application_version=row["application_version"],
        note=row["note"],
        set_by=row["set_by"],
        set_at=row["created_at"],
    )
