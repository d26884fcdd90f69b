"""Items, the queue of disputed ones, and decisions on them, as the owner's page shows and makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from annotations.adjudication import Case, FinalLabel, adjudication_queue, read_case, save_final_label
from annotations.images import get_image
from annotations.items import delete_item, restore_item
from annotations.oversight import MAX_REASON_CHARACTERS, ListedItem, deleted, find_items, return_item
from app.admin_forms import (
    MOST_AT_ONCE,
    read_flag,
    read_id,
    read_line,
    read_offset,
    read_scale_answers,
    read_verdicts,
)
from app.answers import MAX_COMMENT_CHARACTERS, FormError
from app.thumbnails import thumbnail_url

if TYPE_CHECKING:
    from annotations.accounts import Account
    from annotations.revisions import Rating
    from app.context import AppContext

Query = Mapping[str, str]

_LONGEST_SEARCH = 200


def queue_view(context: AppContext, who: Account, query: Query) -> dict[str, Any]:
    """Return a part of the queue of disputed items."""
    campaign_id, offset = read_id(dict(query), "campaign"), read_offset(query)
    found = adjudication_queue(context.engine, campaign_id, MOST_AT_ONCE, offset)
    return {
        "items": [
            {**asdict(one), "thumbnail": thumbnail_url(one.image_id), "item": one.item_id}
            for one in found.items
        ],
        "compared": found.compared,
        "total": found.total,
        "decided": found.decided,
        "more": offset + len(found.items) < found.compared,
    }


def case_view(context: AppContext, who: Account, query: Query) -> dict[str, Any]:
    """Return all that is needed to decide of an item."""
    return _case(context, read_case(context.engine, read_id(dict(query), "item")))


def decide(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Write a final label down."""
    item_id = read_id(payload, "item")
    label = save_final_label(
        context.engine,
        item_id,
        adjudicator=who.name,
        answers=read_scale_answers(payload),
        verdicts=read_verdicts(payload),
        comment=read_line(payload, "comment", most=MAX_COMMENT_CHARACTERS),
    )
    return {"label": _label(label)}


def hand_back(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Hand a submitted item back to its rater."""
    item_id = read_id(payload, "item")
    reason = read_line(payload, "reason", most=MAX_REASON_CHARACTERS)
    rater = read_line(payload, "rater", most=200)
    return_item(context.engine, item_id, rater, reason=reason, actor=who.name)
    return _case(context, read_case(context.engine, item_id))


def items_view(context: AppContext, who: Account, query: Query) -> dict[str, Any]:
    """Return a part of the items whose captions hold a text."""
    text, offset = query.get("text", ""), read_offset(query)
    if len(text) > _LONGEST_SEARCH:
        raise FormError(f"Search for at most {_LONGEST_SEARCH} characters.")
    campaign_id = read_id(dict(query), "campaign") if query.get("campaign") else None
    found = find_items(
        context.engine,
        campaign_id=campaign_id,
        text=text.replace("\x00", ""),
        deleted=query.get("deleted") == "yes",
        limit=MOST_AT_ONCE,
        offset=offset,
    )
    more = offset + len(found.items) < found.total
    return {"items": [_listed(item) for item in found.items], "total": found.total, "more": more}


def deleted_view(context: AppContext, who: Account, query: Query) -> dict[str, Any]:
    """Return what was deleted and can be restored."""
    found = deleted(context.engine)
    return {
        "campaigns": [{"id": one.id, "name": one.name} for one in found.campaigns],
        "items": [_listed(item) for item in found.items],
        "total": found.total_items,
    }


def delete(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Take an item out of circulation, or bring it back."""
    item_id = read_id(payload, "item")
    act = delete_item if read_flag(payload, "deleted") else restore_item
    act(context.engine, item_id, actor=who.name)
    return {"item": item_id}


def _listed(item: ListedItem) -> dict[str, Any]:
    return {**asdict(item), "thumbnail": thumbnail_url(item.image_id)}


def _case(context: AppContext, case: Case) -> dict[str, Any]:
    image = get_image(context.engine, case.item.image_id)
    return {
        "item": case.item.id,
        "kind": case.item.kind,
        "deleted_at": case.item.deleted_at,
        "source": case.item.source,
        "campaign": {"id": case.campaign.id, "name": case.campaign.name},
        "image": {"src": context.pictures.url(image.id), "width": image.width, "height": image.height},
        "captions": list(case.captions),
        "units": [unit.text.strip() for unit in case.item.units] if case.campaign.asks_verdicts else [],
        "questions": [
            {**asdict(one), "labels": {str(value): word for value, word in one.labels.items()}}
            for one in case.questions
        ],
        "votes": [_vote(vote) for vote in case.votes],
        "label": None if case.label is None else _label(case.label),
        "max_comment": MAX_COMMENT_CHARACTERS,
    }


def _vote(vote: Rating) -> dict[str, Any]:
    return {
        "rater": vote.rater,
        "answers": vote.answers,
        "verdicts": [verdict.verdict for verdict in vote.verdicts],
        "comment": vote.comment,
        "saved_at": vote.saved_at,
        "guideline": vote.guideline_version,
    }


def _label(label: FinalLabel) -> dict[str, Any]:
    return {
        "adjudicator": label.adjudicator,
        "number": label.number,
        "answers": label.answers,
        "verdicts": [verdict.verdict for verdict in label.verdicts],
        "comment": label.comment,
        "decided_at": label.decided_at,
    }
