"""Rating: which item a rater sees, what is kept of it, and what is shown after the submission."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from annotations.assignment import Assignment, claim_item, next_item, own_place, progress, release
from annotations.campaign_tables import INSPECT_CAMPAIGN
from annotations.campaigns import Campaign, get_campaign, list_campaigns
from annotations.drafts import save_draft as store_draft
from annotations.errors import UnknownRecordError
from annotations.forms import NewRating, check_cut
from annotations.gold import check_gold, get_gold
from annotations.images import get_image
from annotations.items import Item, get_item
from annotations.own_work import pace, submissions
from annotations.questions import Question
from annotations.reveals import record_reveal, revealed_at
from annotations.revisions import Rating, ratings
from annotations.store import save_rating, undo_rating
from app.answers import (
    MAX_COMMENT_CHARACTERS,
    Answers,
    FormError,
    as_form,
    read_answers,
    read_item_id,
    read_nonce,
    read_text,
    storable,
)
from app.default_thresholds import default_of, value_of
from app.inspection import store_item
from app.item_cuts import ensure_cut
from app.item_scores import curve_view, score_item, stored_curve
from app.markdown import to_html
from app.rating_forms import asked_of, form_content, question_view, resumed, stale_note, to_page
from app.stored_scores import METRIC

if TYPE_CHECKING:
    from app.context import AppContext
    from app.inspection import Inspection

MAX_REASON_CHARACTERS: Final = 200
_VERSION: Final = version("specs-lens")
_Asked = tuple[Item, Campaign, Sequence[Question], int]
_SHOWN_OF_A_CAPTION: Final = 80


def send_to_be_rated(context: AppContext, shown: Inspection, rater: str) -> str:
    """Store the caption that Inspect shows as one to be rated, and return the item's id.

    Whoever sends it has seen its curve, which is written down first.

    Raises:
        CaptionError: If the units are corrected and not saved.
        SpecsError: If the image has gone from the server's cache.
        AnnotationError: If the store refuses.
        OSError: If the image cannot be written.
    """
    item_id = store_item(context, shown, campaign_id=INSPECT_CAMPAIGN)
    record_reveal(context.engine, rater, item_id)
    return item_id


def campaign_list(context: AppContext, rater: str) -> list[dict[str, Any]]:
    """Return the campaigns that a rater can work on, with how far the rater has come in each.

    Args:
        context: The open context.
        rater: The rater's name.

    Raises:
        AnnotationError: If the database fails.
    """
    found = []
    for campaign in list_campaigns(context.engine):
        if campaign.paused_at is None:
            counts = progress(context.engine, rater, campaign_id=campaign.id)
            found.append({"id": campaign.id, "name": campaign.name, "done": counts.done, "left": counts.left})
    return found


def next_view(context: AppContext, rater: str, payload: object) -> dict[str, Any]:
    """Return the page with a rater's next item, or with what to do when there is none.

    Nothing of the item's score, source or other ratings is in it.

    Args:
        context: The open context.
        rater: The rater's name.
        payload: ``campaign``, the id of the campaign to take from; any that runs without it.

    Raises:
        FormError: If the campaign is not one that there is.
        AnnotationError: If the database fails.
        SpecsError: If the caption cannot be cut.
    """
    campaign = _read_campaign(context, payload)
    campaign_id = None if campaign is None else campaign.id
    assignment = None
    if campaign is None or campaign.deleted_at is None:
        assignment = next_item(context.engine, rater, campaign_id=campaign_id)
    if assignment is not None:
        return _form_view(context, rater, assignment)
    problem = ""
    if campaign is not None and campaign.paused_at is not None:
        problem = f"The campaign “{campaign.name}” is paused; what you have submitted is kept."
    return {
        "view": "empty",
        "campaign": None if campaign is None else {"id": campaign.id, "name": campaign.name},
        "progress": progress_view(context, rater, campaign_id),
        "problem": problem,
    }


def open_view(context: AppContext, rater: str, payload: object) -> dict[str, Any]:
    """Return the page with one particular item: one's own to be revised, or one sent from Inspect.

    Args:
        context: The open context.
        rater: The rater's name.
        payload: ``item``, the item's id.

    Raises:
        FormError: If the form names no item, or one of a campaign that is paused.
        AnnotationError: If there is no such item, it has all its raters, or the database fails.
        SpecsError: If the caption cannot be cut.
    """
    item = get_item(context.engine, read_item_id(payload))
    campaign = get_campaign(context.engine, item.campaign_id)
    if campaign.deleted_at is not None:
        raise UnknownRecordError(f"there is no item {item.id!r}, or it was deleted")
    if campaign.paused_at is not None and not has_rated(context, rater, item.id):
        raise FormError(f"The campaign “{campaign.name}” is paused; open this caption when it goes on.")
    return _form_view(context, rater, claim_item(context.engine, rater, item.id))


def history(context: AppContext, rater: str, campaign_id: str | None) -> list[dict[str, Any]]:
    """Return a rater's own submissions, the newest first.

    Raises:
        AnnotationError: If the database fails.
    """
    return [
        {
            "item": one.item_id,
            "kind": one.kind,
            "caption": one.caption[:_SHOWN_OF_A_CAPTION],
            "saved_at": one.saved_at,
        }
        for one in submissions(context.engine, rater, campaign_id=campaign_id or None)
    ]


def progress_view(context: AppContext, rater: str, campaign_id: str | None) -> dict[str, Any]:
    """Return how far a rater has come, and how fast.

    Raises:
        AnnotationError: If the database fails.
    """
    counts = progress(context.engine, rater, campaign_id=campaign_id)
    speed = pace(context.engine, rater, campaign_id=campaign_id)
    return {
        "done": counts.done,
        "left": counts.left,
        "today": speed.today,
        "median_seconds": speed.median_seconds,
    }


def save_draft(context: AppContext, rater: str, payload: object) -> dict[str, Any]:
    """Keep an unfinished form.

    Args:
        context: The open context.
        rater: The rater's name.
        payload: ``item`` and ``content``, the form as it came from the browser.

    Returns:
        ``saved_at``, UTC, ISO 8601.

    Raises:
        FormError: If the form cannot be kept as it is.
        AnnotationError: If there is no such item or the database fails.
    """
    item, _, asked, unit_count = _read_item(context, rater, payload)
    content = as_form(payload).get("content")
    check_cut(item, read_text(content, "segmenter_version") or None)
    given = form_content(content, kind=item.kind, flipped=_flipped(context, rater, item))
    answers = read_answers(given, questions=asked, unit_count=unit_count)
    return {"saved_at": store_draft(context.engine, rater, item.id, answers.to_json())}


def submit(context: AppContext, rater: str, payload: object) -> dict[str, Any]:
    """Commit a filled-in form; the same form sent twice is one rating.

    Args:
        context: The open context.
        rater: The rater's name.
        payload: The form as it came from the browser.

    Returns:
        ``receipt``, the number, and ``saved_at``, UTC, ISO 8601; for an item to learn on ``feedback`` and
        ``note`` as well.

    Raises:
        FormError: If something is missing or malformed.
        AnnotationError: If there is no such item, it has all its raters, or the database fails. Nothing is
            stored then.
    """
    item, campaign, asked, unit_count = _read_item(context, rater, payload)
    given = form_content(payload, kind=item.kind, flipped=_flipped(context, rater, item))
    answers = read_answers(given, questions=asked, unit_count=unit_count)
    nonce = read_nonce(payload)
    if None in answers.verdicts or len(answers.answers) < len(asked):
        raise FormError("Give every unit a verdict and every question an answer, then submit again.")
    receipt = save_rating(
        context.engine,
        NewRating(
            item_id=item.id,
            rater=rater,
            answers=answers.answers,
            verdicts=answers.verdicts,
            nonce=nonce,
            comment=answers.comment,
            guideline_version=str(campaign.guideline_version),
            application_version=_VERSION,
            active_seconds=answers.seconds or None,
            segmenter_version=read_text(payload, "segmenter_version") or None,
        ),
    )
    return {"receipt": receipt.number, "saved_at": receipt.saved_at, **_feedback(context, item, answers)}


def skip(context: AppContext, rater: str, payload: object) -> dict[str, Any]:
    """Give an item back unrated; its draft is kept and it is not handed to this rater again.

    Raises:
        FormError: If the form does not name an item, or the reason is too long.
        AnnotationError: If there is no such item or the database fails.
    """
    reason = storable(read_text(payload, "reason")).strip()
    if len(reason) > MAX_REASON_CHARACTERS:
        raise FormError(
            f"A reason has at most {MAX_REASON_CHARACTERS} characters; this one has {len(reason)}."
        )
    release(context.engine, rater, read_item_id(payload), reason=reason or "skipped")
    return {}


def undo(context: AppContext, rater: str, payload: object) -> dict[str, Any]:
    """Take a submission back, and return the page with its answers to go on from.

    Raises:
        FormError: If the form does not name an item.
        AnnotationError: If this rater has no rating of it, or the database fails.
        SpecsError: If the caption cannot be cut.
    """
    item_id = read_item_id(payload)
    undo_rating(context.engine, rater, item_id, application_version=_VERSION)
    return _form_view(context, rater, claim_item(context.engine, rater, item_id))


def reveal(context: AppContext, rater: str, payload: object) -> dict[str, Any]:
    """Return the curve of an item to somebody who has rated it, computing and storing it where there is none.

    The reveal is written down before anything is returned.

    Args:
        context: The open context.
        rater: The rater's name.
        payload: ``item``, the item's id.

    Raises:
        FormError: If this rater has not submitted a rating of the item and its campaign is a blind one, or
            the item is a battle.
        AnnotationError: If there is no such item or the database fails.
        SpecsError: If the model cannot be loaded or the image cannot be read.
    """
    item = get_item(context.engine, read_item_id(payload))
    if item.kind == "battle":
        raise FormError("A battle has no curve.")
    if not may_see_curve(context, rater, item):
        raise FormError("The curve of a caption is shown after its rating has been submitted.")
    record = stored_curve(context, item.id)
    if record is None:
        # The rater waits for the curve alone; the background scores the rest.
        record = score_item(context, item.id, context.encoders.get(), metrics=(METRIC,))
    record_reveal(context.engine, rater, item.id)
    default = default_of(context, record["provenance"]["weights_sha256"])
    return {"item": item.id, **curve_view(record, threshold=value_of(default))}


def has_rated(context: AppContext, rater: str, item_id: str) -> bool:
    """Tell whether a rater has submitted a rating of an item and not withdrawn it.

    Raises:
        AnnotationError: If the database fails.
    """
    return _current_rating(context, rater, item_id) is not None


def may_see_curve(context: AppContext, rater: str, item: Item) -> bool:
    """Tell whether a rater may see the score of an item: it is rated, or its campaign is not a blind one.

    Raises:
        AnnotationError: If the database fails.
    """
    if has_rated(context, rater, item.id):
        return True
    # Of a caption that was not given to this rater nobody needs the score, blind campaign or not.
    is_blind = get_campaign(context.engine, item.campaign_id).blind
    return not is_blind and own_place(context.engine, rater, item.id).state is not None


def _form_view(context: AppContext, rater: str, assignment: Assignment) -> dict[str, Any]:
    item = get_item(context.engine, assignment.item_id)
    if not item.is_cut:
        item = ensure_cut(context, item)
    image = get_image(context.engine, assignment.image_id)
    campaign = get_campaign(context.engine, assignment.campaign_id)
    asked, unit_count = asked_of(campaign, item)
    draft = resumed(
        assignment,
        _current_rating(context, rater, item.id) if assignment.finished else None,
        asked,
        [(unit.start, unit.end) for unit in item.units][:unit_count],
    )
    return {
        "view": "rate",
        "rater": rater,
        "item": item.id,
        "kind": item.kind,
        "training": assignment.training,
        "campaign": {"id": campaign.id, "name": campaign.name},
        "image": {"src": context.pictures.url(image.id), "width": image.width, "height": image.height},
        "caption": assignment.caption,
        "units": [unit.text.strip() for unit in item.units][:unit_count],
        "sides": assignment.sides,
        "questions": [question_view(question) for question in asked],
        "asks_verdicts": unit_count > 0,
        "segmenter_version": item.segmenter_version,
        "guideline": {"version": campaign.guideline_version, "html": to_html(campaign.guideline)},
        "draft": None if draft is None else to_page(draft, kind=item.kind, flipped=assignment.flipped),
        "saved_at": assignment.draft_saved_at if draft is not None else None,
        "finished": assignment.finished,
        "returned": assignment.returned,
        "revealed": revealed_at(context.engine, rater, item.id) is not None,
        "progress": progress_view(context, rater, campaign.id),
        "max_comment": MAX_COMMENT_CHARACTERS,
        "blind": campaign.blind,
        "problem": stale_note(assignment.draft),
    }


def _read_item(context: AppContext, rater: str, payload: object) -> _Asked:
    item = get_item(context.engine, read_item_id(payload))
    campaign = get_campaign(context.engine, item.campaign_id)
    if campaign.deleted_at is not None:
        raise UnknownRecordError(f"there is no item {item.id!r}, or it was deleted")
    # What is in hand may be finished. The sides of a battle are drawn when it is opened.
    closed = campaign.paused_at or item.kind == "battle"
    if closed and own_place(context.engine, rater, item.id).state is None:
        raise FormError("This caption was not given to you; open it before you rate it.")
    return item, campaign, *asked_of(campaign, item)


def _read_campaign(context: AppContext, payload: object) -> Campaign | None:
    name = read_text(payload, "campaign")
    if not name:
        return None
    try:
        return get_campaign(context.engine, name)
    except UnknownRecordError as error:
        raise FormError(
            "There is no such campaign here. Reload the page to see those that there are."
        ) from error


def _feedback(context: AppContext, item: Item, answers: Answers) -> dict[str, Any]:
    gold = get_gold(context.engine, item.id) if item.role == "training" else None
    if gold is None:
        return {"feedback": None, "note": ""}
    checks = check_gold(gold, item.units, verdicts=answers.verdicts, answers=answers.answers)
    return {
        "feedback": [asdict(check) for check in checks],
        "note": gold.feedback,
    }


def _flipped(context: AppContext, rater: str, item: Item) -> bool:
    return item.kind == "battle" and bool(own_place(context.engine, rater, item.id).flipped)


def _current_rating(context: AppContext, rater: str, item_id: str) -> Rating | None:
    return next(ratings(context.engine, item_id=item_id, rater=rater), None)
