"""What a row of this program's own export says, checked: campaigns, images, items, raters and ratings."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from annotations.campaigns import clean_campaign_name
from annotations.cuts import checked_spans, checked_text, checked_version
from annotations.errors import InvalidRecordError
from annotations.items import EVERYBODY, checked_caption
from annotations.questions import Question, check_questions
from annotations.raters import clean_name
from annotations.schema import ITEM_ROLES, VERDICTS

_ID: Final = re.compile("[0-9a-f]{32}")
_SHA256: Final = re.compile("[0-9a-f]{64}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_STATES: Final = ("released", "done", "returned")


@dataclass(frozen=True)
class Record:
    """One thing that a row mentions.

    Attributes:
        kind: ``campaign``, ``image``, ``rater``, ``cut``, ``caption``, ``battle``, ``rating``, ``place`` or
            ``label``.
        key: What it is known by.
        values: Its columns, and what belongs to it.
    """

    kind: str
    key: str
    values: dict[str, Any]


def records(row: Mapping[str, Any]) -> Iterator[Record]:
    """Return what a row mentions.

    Args:
        row: Of an export; its values as a CSV, JSON lines or Parquet file holds them.

    Yields:
        The records, each after those that it points at.

    Raises:
        InvalidRecordError: If a value is missing or malformed, or two of them are at odds.
    """
    fields = Fields(row)
    campaign_id = fields.id("campaign_id")
    settings = fields.parsed("campaign_settings")
    if settings is not None:
        yield Record("campaign", campaign_id, _campaign(fields.text("campaign"), campaign_id, settings))
    image_id = fields.id("image_id")
    yield Record(
        "image",
        image_id,
        {
            "id": image_id,
            "sha256": fields.match("image_sha256", _SHA256),
            "filename": fields.text("image_filename"),
            "width": fields.whole("image_width", 1),
            "height": fields.whole("image_height", 1),
            "created_at": fields.time("image_created_at"),
        },
    )
    for one in fields.parsed("battle_captions") or ():
        yield from _item(Fields(_mapping("battle_captions", one)), campaign_id, image_id, "caption", None)
    rated = row.get("rating_id") not in (None, "")
    judged = list(_verdicts(fields)) if rated else []
    yield from _item(fields, campaign_id, image_id, fields.among("kind", ("caption", "battle")), judged)
    for label in fields.parsed("final_labels") or ():
        yield from _label(Fields(_mapping("final_labels", label)), fields.id("item_id"))
    if rated:
        yield from _rating(fields, judged)


class Fields:
    """The values of a row, each taken out as what it has to be.

    Args:
        values: By column.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """Return a text, "" where there is none."""
        value = self._values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise InvalidRecordError(f"{name} is no text; got {value!r:.60}")
        return checked_text(name, value)

    def optional(self, name: str) -> str | None:
        """Return a text, None where there is none."""
        return self.text(name) or None

    def match(self, name: str, pattern: re.Pattern[str]) -> str:
        """Return a text of a certain form."""
        value = self.text(name)
        if not pattern.fullmatch(value):
            raise InvalidRecordError(f"{name} is malformed: {value!r:.60}")
        return value

    def id(self, name: str) -> str:
        """Return an id."""
        return self.match(name, _ID)

    def time(self, name: str) -> str:
        """Return a moment."""
        return self.match(name, _TIME)

    def optional_time(self, name: str) -> str | None:
        """Return a moment, None where there is none."""
        return self.time(name) if self.text(name) else None

    def among(self, name: str, known: tuple[str, ...]) -> str:
        """Return one of some texts."""
        value = self.text(name)
        if value not in known:
            raise InvalidRecordError(f"{name} is one of {', '.join(known)}; got {value!r:.60}")
        return value

    def whole(self, name: str, low: int, high: int = 2**31 - 1) -> int:
        """Return a whole number in a range."""
        value = self._values.get(name)
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,12}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidRecordError(f"{name} must be a whole number from {low} to {high}; got {value!r:.60}")
        return value

    def number(self, name: str, low: float) -> float | None:
        """Return a finite number, None where there is none."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or number < low:
            raise InvalidRecordError(f"{name} must be a number of at least {low:g}; got {value!r:.60}")
        return number

    def truth(self, name: str) -> bool | None:
        """Return whether something is so, None where nothing says."""
        value = self._values.get(name)
        known = {None: None, "": None, "True": True, "False": False, True: True, False: False}
        if isinstance(value, str | bool | None) and value in known:
            return known[value]
        raise InvalidRecordError(f"{name} is true or false; got {value!r:.60}")

    def parsed(self, name: str) -> Any:
        """Return a structured value, which may stand there as JSON; None where there is none."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return None if value == "" else json.loads(value)
        except (ValueError, RecursionError) as error:
            raise InvalidRecordError(f"{name} cannot be read as JSON: {error}") from error


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidRecordError(f"{name} is malformed: {value!r:.60}")
    return value


def _listed(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidRecordError(f"{name} is malformed: {value!r:.60}")
    return value


def _same(name: str, value: str, clean: Callable[[str], str]) -> str:
    if clean(value) != value:
        raise InvalidRecordError(f"{name} is malformed: {value!r:.60}")
    return value


def _campaign(name: str, campaign_id: str, settings: Any) -> dict[str, Any]:
    fields = Fields(_mapping("campaign_settings", settings))
    asked = [Fields(_mapping("questions", one)) for one in _listed("questions", fields.parsed("questions"))]
    texts = [
        Fields(_mapping("guidelines", one)) for one in _listed("guidelines", fields.parsed("guidelines"))
    ]
    values: dict[str, Any] = {
        "id": campaign_id,
        "name": _same("campaign", name, clean_campaign_name),
        "overlap": fields.whole("overlap", 1),
        "lease_minutes": fields.whole("lease_minutes", 1),
        "gold_every": fields.whole("gold_every", 0),
        "created_at": fields.time("created_at"),
        "paused_at": fields.optional_time("paused_at"),
        "deleted_at": fields.optional_time("deleted_at"),
        **{one: bool(fields.truth(one)) for one in ("blind", "asks_verdicts")},
        "questions": [_question(one) for one in asked],
        "guidelines": [
            {
                "version": one.whole("version", 1),
                "text": one.text("text"),
                "created_at": one.time("created_at"),
            }
            for one in texts
        ],
    }
    if not values["guidelines"]:
        raise InvalidRecordError(f"campaign {name!r} has no guideline")
    check_questions([Question(**_spoken(one)) for one in values["questions"]])
    return values


def _question(fields: Fields) -> dict[str, Any]:
    return {
        **{name: fields.text(name) for name in ("name", "label", "hint", "labels")},
        "position": fields.whole("position", 0),
        "low": fields.whole("low", -1000),
        "high": fields.whole("high", -1000),
    }


def _spoken(one: Mapping[str, Any]) -> dict[str, Any]:
    labels = _mapping("labels", Fields(one).parsed("labels"))
    try:
        spoken = {int(value): str(label) for value, label in labels.items()}
    except ValueError as error:
        raise InvalidRecordError(f"labels are malformed: {one['labels']!r:.60}") from error
    return {**{name: one[name] for name in ("name", "label", "hint", "low", "high")}, "labels": spoken}


def _item(
    fields: Fields, campaign_id: str, image_id: str, kind: str, judged: list[dict[str, Any]] | None
) -> Iterator[Record]:
    battle = fields.parsed("battle")
    caption, version = fields.text("caption"), fields.text("item_segmenter_version")
    values: dict[str, Any] = {
        "id": fields.id("item_id"),
        "campaign_id": campaign_id,
        "kind": kind,
        "role": fields.among("role", ITEM_ROLES),
        "image_id": image_id,
        "caption": None,
        "caption_sha256": None,
        "segmenter_version": version,
        "source": fields.text("source"),
        "first_id": None,
        "second_id": None,
        "gold": fields.optional("gold"),
        "external_id": fields.optional("external_id"),
        "priority": fields.whole("priority", -(2**31)),
        "weight": fields.number("weight", 1e-300),
        "overlap": fields.whole("overlap", 1, EVERYBODY),
        "created_at": fields.time("item_created_at"),
        "deleted_at": fields.optional_time("item_deleted_at"),
    }
    if values["weight"] is None:
        raise InvalidRecordError("weight is missing")
    if kind == "battle":
        if not isinstance(battle, list) or len(battle) != 2 or version:
            raise InvalidRecordError("a battle is between two items, and nothing cuts it")
        pair = Fields({"first": battle[0], "second": battle[1]})
        values["first_id"], values["second_id"] = pair.id("first"), pair.id("second")
        captions = fields.parsed("battle_captions") or ()
        if [one.get("item_id") for one in captions] != battle or battle[0] == battle[1]:
            raise InvalidRecordError("battle and battle_captions name different items")
    else:
        digest = hashlib.sha256(checked_caption(caption).encode()).hexdigest()
        if digest != fields.text("caption_sha256"):
            raise InvalidRecordError("caption_sha256 is not that of the caption; one of them was changed")
        values["caption"], values["caption_sha256"] = caption, digest
        if version:
            cut = fields.parsed("units")
            if cut is None and judged and fields.text("segmenter_version") == version:
                cut = judged
            yield _cut(caption, digest, version, cut)
        if judged and (other := fields.text("segmenter_version")) != version:
            yield _cut(caption, digest, other, judged)
    yield Record(kind, values["id"], values)


def _cut(caption: str, caption_sha256: str, version: str, cut: Any) -> Record:
    spans = [Fields(_mapping("units", one)) for one in _listed("units", cut)]
    found = [(one.whole("start", 0), one.whole("end", 1)) for one in spans]
    checked = checked_spans(caption, [(caption[start:end], start, end) for start, end in found])
    values = {"caption_sha256": caption_sha256, "segmenter_version": checked_version(version)}
    return Record("cut", f"{caption_sha256} {version}", {**values, "spans": checked})


def _verdicts(fields: Fields) -> Iterator[dict[str, Any]]:
    for one in fields.parsed("verdicts") or ():
        said = Fields(_mapping("verdicts", one))
        verdict = said.among("verdict", VERDICTS) if said.optional("verdict") else None
        yield {"start": said.whole("start", 0), "end": said.whole("end", 1), "verdict": verdict}


def _rater(fields: Fields, since: str) -> Record:
    rater_id, name = fields.id("rater_id"), _same("rater", fields.text("rater"), clean_name)
    return Record("rater", rater_id, {"id": rater_id, "name": name, "created_at": fields.time(since)})


def _rating(fields: Fields, judged: list[dict[str, Any]]) -> Iterator[Record]:
    yield _rater(fields, "rater_created_at")
    item_id, rater_id, version = (
        fields.id("item_id"),
        fields.id("rater_id"),
        fields.optional("segmenter_version"),
    )
    if judged and version is None:
        raise InvalidRecordError("there are verdicts, and no segmenter_version says of what")
    given = _mapping("answers", fields.parsed("answers") or {})
    ranges = _mapping("question_ranges", fields.parsed("question_ranges") or {})
    if given.keys() != ranges.keys():
        raise InvalidRecordError("answers and question_ranges are of different questions")
    said = []
    for name in sorted(given):
        span = _listed("question_ranges", ranges[name])
        if len(span) != 2 or not 1 <= len(name) <= 40:
            raise InvalidRecordError(f"question_ranges is malformed: {ranges!r:.60}")
        ends = Fields({"low": span[0], "high": span[1]})
        bounds = ends.whole("low", -1000), ends.whole("high", -1000)
        value = Fields(given).whole(name, *bounds)
        said.append([name, value, *bounds])
    rating_id = fields.id("rating_id")
    values = {
        "id": rating_id,
        "item_id": item_id,
        "rater_id": rater_id,
        "number": fields.whole("number", 1),
        "receipt": fields.whole("receipt", 1),
        "nonce": fields.match("nonce", re.compile(r".{1,120}", re.DOTALL)),
        "withdrawn": bool(fields.truth("withdrawn")),
        "comment": fields.text("comment"),
        **{name: fields.text(name)[:60] for name in ("guideline_version", "application_version")},
        "metric_revealed_at": fields.optional_time("metric_revealed_at"),
        "created_at": fields.time("saved_at"),
        "segmenter_version": version,
        "active_seconds": fields.number("active_seconds", 0),
        "answers": said,
        "verdicts": [[one["start"], one["end"], one["verdict"]] for one in judged if one["verdict"]],
        "caption_sha256": fields.text("caption_sha256"),
    }
    yield Record("rating", rating_id, values)
    place = fields.parsed("place")
    if place is not None:
        taken = Fields(_mapping("place", place))
        values = {
            "item_id": item_id,
            "rater_id": rater_id,
            "state": taken.among("state", _STATES),
            **{name: taken.time(name) for name in ("claimed_at", "lease_expires_at")},
            **{name: taken.optional(name) for name in ("skip_reason", "return_reason")},
            "flipped": fields.truth("flipped"),
        }
        yield Record("place", f"{item_id} {rater_id}", values)


def _label(fields: Fields, item_id: str) -> Iterator[Record]:
    yield _rater(fields, "rater_created_at")
    label_id = fields.id("id")
    values = {
        "id": label_id,
        "item_id": item_id,
        "rater_id": fields.id("rater_id"),
        "number": fields.whole("number", 1),
        "content": fields.text("content"),
        "comment": fields.text("comment"),
        "created_at": fields.time("created_at"),
    }
    yield Record("label", label_id, values)
