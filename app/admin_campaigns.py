"""Campaigns and people as the owner's page shows and changes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from annotations.accounts import disable, enable, people, set_role
from annotations.audit import audit_log
from annotations.campaign_tables import LINKS_CAMPAIGN
from annotations.campaigns import (
    DEFAULT_GUIDELINE,
    DEFAULT_LEASE_MINUTES,
    DEFAULT_OVERLAP,
    MAX_GUIDELINE_CHARACTERS,
    Campaign,
    change_campaign,
    create_campaign,
    delete_campaign,
    get_campaign,
    list_campaigns,
    pause_campaign,
)
from annotations.invites import DEFAULT_VALID_FOR, invite
from annotations.overview import Overview, campaign_overview
from annotations.questions import CRITERIA, Question
from annotations.sessions import sign_out_everywhere
from app.admin_forms import (
    MOST_AT_ONCE,
    maybe_flag,
    maybe_questions,
    maybe_whole,
    read_flag,
    read_id,
    read_line,
    read_offset,
)
from app.answers import as_form
from app.markdown import to_html

if TYPE_CHECKING:
    from annotations.accounts import Account
    from app.context import AppContext

Query = Mapping[str, str]


def campaigns_view(context: AppContext, who: Account, query: Query) -> dict[str, Any]:
    """Return every campaign, the deleted ones too, and what a new one can ask."""
    # What was kept for a copied link is nobody's work, and would be handed out if somebody resumed it.
    found = [
        _campaign(one) for one in list_campaigns(context.engine, deleted=True) if one.id != LINKS_CAMPAIGN
    ]
    return {
        "me": {"name": who.name, "role": who.role},
        "campaigns": found,
        "criteria": {name: [_question(one) for one in asked] for name, asked in CRITERIA.items()},
        "defaults": {
            "guideline": DEFAULT_GUIDELINE,
            "overlap": DEFAULT_OVERLAP,
            "lease_minutes": DEFAULT_LEASE_MINUTES,
        },
    }


def overview_view(context: AppContext, who: Account, query: Query) -> dict[str, Any]:
    """Return how a campaign goes."""
    found = campaign_overview(context.engine, read_id(dict(query), "campaign"))
    return {
        "campaign": _campaign(found.campaign),
        **{
            name: getattr(found, name)
            for name in ("items", "training", "gold", "wanted", "done", "ratings", "decided", "per_day")
        },
        "days": [{"day": day.isoformat(), "ratings": number} for day, number in found.days],
        "expected_end": found.expected_end.isoformat() if found.expected_end else None,
        "end_note": found.end_note,
        "agreement": _agreement(found),
        "compared": {"ratings": found.compared.ratings, "of": found.compared.total_ratings},
        "raters": [finite(asdict(rater)) for rater in found.raters],
        "battles": None if found.battles is None else asdict(found.battles),
    }


def create(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Make a campaign."""
    asked = maybe_questions(payload)
    given = {name: maybe_whole(payload, name) for name in ("overlap", "lease_minutes", "gold_every")}
    given |= {name: maybe_flag(payload, name) for name in ("blind", "asks_verdicts")}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if asked is not None:
        options["questions"] = asked
    if as_form(payload).get("guideline") is not None:
        options["guideline"] = read_line(payload, "guideline", most=MAX_GUIDELINE_CHARACTERS)
    name = read_line(payload, "name", most=200)
    campaign_id = create_campaign(context.engine, name, actor=who.name, **options)
    return {"campaign": _campaign(get_campaign(context.engine, campaign_id))}


def change(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Change settings, scales or the guideline of a campaign; what is left out stays."""
    guideline = None
    if as_form(payload).get("guideline") is not None:
        guideline = read_line(payload, "guideline", most=MAX_GUIDELINE_CHARACTERS)
    changed = change_campaign(
        context.engine,
        read_id(payload, "campaign"),
        overlap=maybe_whole(payload, "overlap"),
        lease_minutes=maybe_whole(payload, "lease_minutes"),
        gold_every=maybe_whole(payload, "gold_every"),
        blind=maybe_flag(payload, "blind"),
        guideline=guideline,
        asked=maybe_questions(payload),
        actor=who.name,
    )
    return {"campaign": _campaign(changed)}


def pause(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Stop handing out a campaign's items, or go on."""
    campaign_id = read_id(payload, "campaign")
    pause_campaign(context.engine, campaign_id, paused=read_flag(payload, "paused"), actor=who.name)
    return {"campaign": _campaign(get_campaign(context.engine, campaign_id))}


def delete(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Take a campaign out of circulation, or bring it back."""
    campaign_id = read_id(payload, "campaign")
    delete_campaign(context.engine, campaign_id, deleted=read_flag(payload, "deleted"), actor=who.name)
    return {"campaign": _campaign(get_campaign(context.engine, campaign_id))}


def preview(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Return a guideline as raters will see it."""
    return {"html": to_html(read_line(payload, "text", most=MAX_GUIDELINE_CHARACTERS))}


def people_view(context: AppContext, who: Account, query: Query) -> dict[str, Any]:
    """Return everybody whom the store knows."""
    return {"people": [asdict(person) for person in people(context.engine)]}


def invite_person(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Make a code with which a person signs in; it is in this answer and nowhere else."""
    days = maybe_whole(payload, "days")
    code = invite(
        context.engine,
        name := read_line(payload, "name", most=200),
        role=read_line(payload, "role", most=20) or None,
        valid_for=DEFAULT_VALID_FOR if days is None else timedelta(days=days),
        actor=who.name,
    )
    return {"name": name, "code": code}


def change_person_role(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Change what a person may do."""
    role = read_line(payload, "role", most=20)
    set_role(context.engine, read_id(payload, "person"), role, actor=who.name)
    return people_view(context, who, {})


def disable_person(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """Keep a person from signing in, or let them again."""
    person_id = read_id(payload, "person")
    if read_flag(payload, "disabled"):
        disable(context.engine, person_id, actor=who.name)
    else:
        enable(context.engine, person_id, actor=who.name)
    return people_view(context, who, {})


def sign_person_out(context: AppContext, who: Account, payload: object) -> dict[str, Any]:
    """End a person's sessions in all browsers."""
    ended = sign_out_everywhere(context.engine, read_id(payload, "person"), actor=who.name)
    return {"ended": ended, **people_view(context, who, {})}


def audit_view(context: AppContext, who: Account, query: Query) -> dict[str, Any]:
    """Return a part of what was done, the newest first."""
    offset = read_offset(query)
    found = audit_log(context.engine, MOST_AT_ONCE + 1, offset=offset)
    return {"acts": [asdict(act) for act in found[:MOST_AT_ONCE]], "more": len(found) > MOST_AT_ONCE}


def finite(value: Any) -> Any:
    """Return what JSON can hold: NaN, which stands for no value, becomes None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return value


def _agreement(found: Overview) -> list[dict[str, Any]]:
    return [{"name": one.name, "label": one.label, **finite(asdict(one.alpha))} for one in found.agreement]


def _campaign(campaign: Campaign) -> dict[str, Any]:
    kept = ("id", "name", "guideline", "guideline_version", "overlap", "blind", "asks_verdicts", "gold_every")
    times = ("created_at", "paused_at", "deleted_at")
    return {
        **{name: getattr(campaign, name) for name in (*kept, *times)},
        "lease_minutes": round(campaign.lease / timedelta(minutes=1)),
        "questions": [_question(question) for question in campaign.questions],
    }


def _question(question: Question) -> dict[str, Any]:
    return {**asdict(question), "labels": {str(value): word for value, word in question.labels.items()}}
