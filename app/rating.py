"""Rating one caption: which item a rater sees, what is kept, and what is shown after the submission."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from annotations.assignment import claim_item, next_item, progress, release
from annotations.assignment import save_draft as store_draft
from annotations.images import get_image
from annotations.items import get_item
from annotations.raters import clean_name
from annotations.reveals import record_reveal, revealed_at
from annotations.revisions import Rating, ratings
from annotations.scores import load_curve, scores_and_ratings
from annotations.store import NewRating, save_rating
from app.answers import (
    MAX_COMMENT_CHARACTERS,
    Answers,
    FormError,
    read_answers,
    read_item_id,
    read_nonce,
    read_text,
    storable,
)
from app.stored_scores import METRIC, store_record
from specs_core.checkpoints import resolve

if TYPE_CHECKING:
    from annotations.assignment import Assignment
    from annotations.items import Item
    from app.context import AppContext
    from specs_core.encoder import Encoder

GUIDELINE_VERSION: Final = "1"
MAX_REASON_CHARACTERS: Final = 200


def sign_in_view(problem: str = "") -> dict[str, Any]:
    """Return the page that asks who is rating."""
    return {"view": "sign_in", "problem": problem, "stamp": _stamp()}


def next_view(context: AppContext, rater: str, *, problem: str = "") -> dict[str, Any]:
    """Return the page with a rater's next item, or with what to do when there is none.

    Nothing of the item's score, source or other ratings is in it.

    Args:
        context: The open context.
        rater: The rater's name, as it came from the page.
        problem: A sentence to be shown on the page.

    Raises:
        AnnotationError: If the name will not do or the database fails.
    """
    rater = clean_name(rater)
    assignment = next_item(context.engine, rater)
    if assignment is not None:
        return _form_view(context, rater, assignment, problem=problem)
    return {
        "view": "empty",
        "rater": rater,
        "done": progress(context.engine, rater).done,
        "problem": problem,
        "stamp": _stamp(),
    }


def requested_view(context: AppContext, rater: str, item_id: str) -> dict[str, Any]:
    """Return the page with the item that was sent from Inspect, where its curve has been seen already.

    Args:
        context: The open context.
        rater: The rater's name, as it came from the page.
        item_id: Of the item.

    Raises:
        AnnotationError: If the name or the item will not do, the item has all its raters, or the
            database fails.
    """
    rater = clean_name(rater)
    assignment = claim_item(context.engine, rater, item_id)
    record_reveal(context.engine, rater, item_id)
    return _form_view(context, rater, assignment)


def save_draft(context: AppContext, payload: object) -> dict[str, Any]:
    """Keep an unfinished form.

    Args:
        context: The open context.
        payload: The form as it came from the browser.

    Returns:
        ``saved_at``, UTC, ISO 8601.

    Raises:
        FormError: If the form cannot be kept as it is.
        AnnotationError: If the name or the item will not do, or the database fails.
    """
    rater, item, answers = _read_form(context, payload)
    now = datetime.now(UTC)
    content = {**answers.to_json(), "saved_at": now.isoformat()}
    return {"saved_at": store_draft(context.engine, rater, item.id, content, now=now)}


def submit(context: AppContext, payload: object) -> dict[str, Any]:
    """Commit a filled-in form; the same form sent twice is one rating.

    Args:
        context: The open context.
        payload: The form as it came from the browser.

    Returns:
        ``receipt``, the number, and ``saved_at``, UTC, ISO 8601.

    Raises:
        FormError: If something is missing or malformed.
        AnnotationError: If the name or the item will not do, or the database fails. Nothing is stored then.
    """
    rater, item, answers = _read_form(context, payload)
    nonce = read_nonce(payload)
    correctness, thoroughness, overall = answers.correctness, answers.thoroughness, answers.overall
    if not answers.is_complete or correctness is None or thoroughness is None or overall is None:
        raise FormError("Give every unit a verdict and every scale a number, then submit again.")
    receipt = save_rating(
        context.engine,
        NewRating(
            item_id=item.id,
            rater=rater,
            correctness=correctness,
            thoroughness=thoroughness,
            overall=overall,
            verdicts=answers.verdicts,
            nonce=nonce,
            comment=answers.comment,
            guideline_version=GUIDELINE_VERSION,
            application_version=version("specs-lens"),
        ),
    )
    return {"receipt": receipt.number, "saved_at": receipt.saved_at}


def skip(context: AppContext, payload: object) -> None:
    """Give an item back unrated; its draft is kept and it is not handed to this rater again.

    Raises:
        FormError: If the form does not name an item, or the reason is too long.
        AnnotationError: If the name will not do or the database fails.
    """
    reason = storable(read_text(payload, "reason")).strip()
    if len(reason) > MAX_REASON_CHARACTERS:
        raise FormError(
            f"A reason has at most {MAX_REASON_CHARACTERS} characters; this one has {len(reason)}."
        )
    release(
        context.engine,
        clean_name(read_text(payload, "rater")),
        read_item_id(payload),
        reason=reason or "skipped",
    )


def reveal(context: AppContext, payload: object) -> dict[str, Any]:
    """Return the curve of an item to somebody who has rated it, computing and storing it where there is none.

    The reveal is written down before anything is returned.

    Args:
        context: The open context.
        payload: ``rater`` and ``item`` as they came from the browser.

    Raises:
        FormError: If this rater has not submitted a rating of the item.
        AnnotationError: If the name or the item will not do, or the database fails.
        SpecsError: If the model cannot be loaded or the image cannot be read.
    """
    rater, item_id = clean_name(read_text(payload, "rater")), read_item_id(payload)
    if _current_rating(context, rater, item_id) is None:
        raise FormError("The curve of a caption is shown after its rating has been submitted.")
    record = _stored_curve(context, item_id) or score_item(context, item_id, context.encoders.get())
    record_reveal(context.engine, rater, item_id)
    return {"view": "curve", "item": item_id, "stamp": _stamp(), **_curve_view(record)}


def score_item(context: AppContext, item_id: str, encoder: Encoder) -> dict[str, Any]:
    """Score an item as its stored units cut it, store the score, and return the curve's record.

    Args:
        context: The open context.
        item_id: Of the item.
        encoder: The loaded model.

    Raises:
        AnnotationError: If there is no such item or the database fails.
        SpecsError: If the image cannot be read.
    """
    # Imported here: the page must be up before torch is.
    from specs_core.curve import curve_of_units, curve_record
    from specs_core.errors import ImageError
    from specs_core.images import read_image
    from specs_core.segmentation.units import DetailUnit

    item = get_item(context.engine, item_id)
    path = context.pictures.find(item.image_id)
    if path is None:
        raise ImageError(
            f"The image of this caption is missing from the data folder (image {item.image_id})."
        )
    curve = curve_of_units(
        encoder,
        encoder.image_features([read_image(path)])[0],
        tuple(DetailUnit(unit.text, unit.start, unit.end) for unit in item.units),
        segmenter="stored",
        segmenter_version=item.segmenter_version,
    )
    record = curve_record(curve, encoder)
    store_record(context.engine, item_id, record, weights_sha256=encoder.weights_sha256)
    return record


def _form_view(
    context: AppContext, rater: str, assignment: Assignment, *, problem: str = ""
) -> dict[str, Any]:
    image = get_image(context.engine, assignment.image_id)
    draft = _resumed(
        assignment, _current_rating(context, rater, assignment.item_id) if assignment.finished else None
    )
    return {
        "view": "rate",
        "rater": rater,
        "item": assignment.item_id,
        "image": {"src": context.pictures.url(image.id), "width": image.width, "height": image.height},
        "caption": assignment.caption,
        "units": [unit.text.strip() for unit in assignment.units],
        "draft": draft,
        "saved_at": (assignment.draft or {}).get("saved_at") if draft else None,
        "finished": assignment.finished,
        "revealed": revealed_at(context.engine, rater, assignment.item_id) is not None,
        "done": progress(context.engine, rater).done,
        "guideline": GUIDELINE_VERSION,
        "max_comment": MAX_COMMENT_CHARACTERS,
        "problem": problem,
        "stamp": _stamp(),
    }


def _resumed(assignment: Assignment, earlier: Rating | None) -> dict[str, Any] | None:
    """Return what the form begins with: the draft, or else the rating that is being revised."""
    if assignment.draft is not None:
        try:
            return read_answers(assignment.draft, unit_count=len(assignment.units)).to_json()
        except FormError:
            # A draft of another version of the form: the item is shown empty rather than not at all.
            return None
    if earlier is None:
        return None
    # A verdict belongs to the unit with its offsets and to no other.
    given = {(verdict.start, verdict.end): verdict.verdict for verdict in earlier.verdicts}
    return Answers(
        verdicts=tuple(given.get((unit.start, unit.end)) for unit in assignment.units),
        correctness=earlier.correctness,
        thoroughness=earlier.thoroughness,
        overall=earlier.overall,
        comment=earlier.comment,
    ).to_json()


def _read_form(context: AppContext, payload: object) -> tuple[str, Item, Answers]:
    rater = clean_name(read_text(payload, "rater"))
    item = get_item(context.engine, read_item_id(payload))
    return rater, item, read_answers(payload, unit_count=len(item.units))


def _current_rating(context: AppContext, rater: str, item_id: str) -> Rating | None:
    return next(ratings(context.engine, item_id=item_id, rater=rater), None)


def _stored_curve(context: AppContext, item_id: str) -> dict[str, Any] | None:
    """Return a curve that is stored already, the default model's before any other."""
    scored = [
        row for row in scores_and_ratings(context.engine) if (row.item_id, row.metric) == (item_id, METRIC)
    ]
    default = resolve(context.encoders.default_name).label
    scored.sort(key=lambda row: row.model != default)
    for row in scored:
        record = load_curve(context.engine, item_id, metric=METRIC, model_sha256=row.model_sha256)
        if record is not None:
            return record
    return None


def _curve_view(record: Mapping[str, Any]) -> dict[str, Any]:
    units = record["units"]
    if record["score"] is None:
        return {
            "problem": "The caption's first unit is longer than the model can read, so there is no curve."
        }
    return {
        "model": record["model"],
        "score": record["score"],
        "similarity": [unit["similarity"] for unit in units],
        "delta": [unit["delta"] for unit in units],
        "dip": [unit["dip"] for unit in units],
    }


def _stamp() -> str:
    # Two equal pages in a row must still differ, or the browser would not be told of the second one.
    return secrets.token_hex(6)
