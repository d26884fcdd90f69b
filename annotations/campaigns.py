"""Campaigns: what is asked of whom, how often, and with which instructions."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, and_, bindparam, func, insert, select, update

from annotations.audit import record_act
from annotations.cuts import checked_text
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.questions import CRITERIA, Question, check_questions, read_questions, write_questions
from annotations.schema import campaigns, guidelines, items, new_id, revisions, timestamp

DEFAULT_OVERLAP: Final = 3
"""How many raters an item gets unless it is added with another number."""

DEFAULT_LEASE_MINUTES: Final = 30
"""How long an item is kept for a rater after the last sign of life."""

MAX_GUIDELINE_CHARACTERS: Final = 100_000

DEFAULT_GUIDELINE: Final = """Judge each unit first, then the caption as a whole. \
The score stays hidden until you have submitted.

- **supported**: the image shows everything this unit says
- **hallucinated**: the image contradicts the unit, or does not show what it claims
- **unsure**: too small, hidden, or a matter of taste
"""

# Built once: they are read with every form that a rater opens or sends.
_newest = guidelines.alias("newest")
_latest = select(func.max(_newest.c.version)).where(_newest.c.campaign_id == campaigns.c.id).scalar_subquery()
_READ: Final = (
    select(campaigns, guidelines.c.version.label("guideline_version"), guidelines.c.text.label("guideline"))
    .select_from(campaigns)
    .join(guidelines, and_(guidelines.c.campaign_id == campaigns.c.id, guidelines.c.version == _latest))
)
_BY_ID: Final = _READ.where(campaigns.c.id == bindparam("id"))
_BY_NAME: Final = _READ.where(campaigns.c.name == bindparam("name"))


@dataclass(frozen=True)
class Campaign:
    """What is asked of the raters of a set of items.

    Attributes:
        id: 32 hexadecimal digits.
        name: What people call it, unique.
        questions: The scales in the order in which they are asked.
        guideline: The current instructions, Markdown.
        guideline_version: 1 for the first text, 2 for the next, and so on.
        overlap: How many raters an item gets that is added without a number of its own.
        lease: How long an item is kept for a rater after the last sign of life.
        blind: Whether the metric stays hidden from a rater until the rating is submitted.
        asks_verdicts: Whether every unit is judged before the scales.
        gold_every: One of this many items is a gold one, on average; 0 for none.
        created_at: UTC, ISO 8601.
        paused_at: Since when nothing is handed out, or None.
        deleted_at: When it was deleted, or None.
    """

    id: str
    name: str
    questions: tuple[Question, ...]
    guideline: str
    guideline_version: int
    overlap: int
    lease: timedelta
    blind: bool
    asks_verdicts: bool
    gold_every: int
    created_at: str
    paused_at: str | None
    deleted_at: str | None


def create_campaign(
    engine: Engine,
    name: str,
    *,
    questions: Sequence[Question] = CRITERIA["correctness"],
    guideline: str = DEFAULT_GUIDELINE,
    overlap: int = DEFAULT_OVERLAP,
    lease_minutes: int = DEFAULT_LEASE_MINUTES,
    blind: bool = True,
    asks_verdicts: bool = True,
    gold_every: int = 0,
    actor: str | None = None,
) -> str:
    """Make a campaign.

    Args:
        engine: From `open_database`.
        name: 1 to 80 characters, not that of another campaign.
        questions: The scales in order; at least one unless verdicts are asked.
        guideline: The instructions, Markdown.
        overlap: How many raters an item gets at most, at least 1.
        lease_minutes: How long an item is kept for a rater, at least 1.
        blind: Whether the metric stays hidden until the rating is submitted.
        asks_verdicts: Whether every unit is judged.
        gold_every: One of this many items is a gold one; 0 for none.
        actor: Who does it, for the audit log, unless None.

    Returns:
        The campaign's id.

    Raises:
        InvalidRecordError: If the name is taken or a value will not do.
        StorageError: If the database fails.
    """
    name = clean_campaign_name(name)
    _check_settings(overlap=overlap, lease_minutes=lease_minutes, gold_every=gold_every)
    check_questions(questions)
    if not questions and not asks_verdicts:
        raise InvalidRecordError(
            f"campaign {name!r} asks nothing; give it a scale, or let it ask for verdicts"
        )
    with writing(engine) as connection:
        campaign_id = insert_campaign(
            connection,
            name,
            questions=questions,
            guideline=_checked_guideline(guideline),
            overlap=overlap,
            lease_minutes=lease_minutes,
            blind=blind,
            asks_verdicts=asks_verdicts,
            gold_every=gold_every,
        )
        record_act(connection, actor, "create campaign", campaign_id, {"name": name})
    return campaign_id


def insert_campaign(
    connection: Connection, name: str, *, questions: Sequence[Question], guideline: str, **settings: Any
) -> str:
    """Write a checked campaign down, in an open transaction, and return its id.

    Raises:
        InvalidRecordError: If the name is taken.
    """
    taken = connection.execute(select(campaigns.c.deleted_at).where(campaigns.c.name == name)).one_or_none()
    if taken is not None:
        where = "" if taken.deleted_at is None else ", which was deleted and can be restored"
        raise InvalidRecordError(f"there is a campaign {name!r} already{where}; choose another name")
    campaign_id, now = new_id(), timestamp()
    connection.execute(insert(campaigns).values(id=campaign_id, name=name, created_at=now, **settings))
    connection.execute(
        insert(guidelines).values(campaign_id=campaign_id, version=1, text=guideline, created_at=now)
    )
    write_questions(connection, campaign_id, questions)
    return campaign_id


def change_campaign(
    engine: Engine,
    campaign_id: str,
    *,
    overlap: int | None = None,
    lease_minutes: int | None = None,
    blind: bool | None = None,
    gold_every: int | None = None,
    guideline: str | None = None,
    asked: Sequence[Question] | None = None,
    actor: str | None = None,
) -> Campaign:
    """Change what may change of a campaign; None leaves a setting as it is.

    Another overlap holds for items that are added later. Another guideline is a new version of it, and
    ratings say which version their rater saw. The questions can change only until the first rating.

    Args:
        engine: From `open_database`.
        campaign_id: Of the campaign.
        overlap: At least 1.
        lease_minutes: At least 1.
        blind: Whether the metric stays hidden until the rating is submitted.
        gold_every: 0 or more.
        guideline: The instructions, Markdown.
        asked: The scales in order.
        actor: Who does it, for the audit log, unless None.

    Returns:
        The campaign as it is now.

    Raises:
        InvalidRecordError: If a value will not do, or there are ratings and other questions are given.
        UnknownRecordError: If there is no such campaign.
        StorageError: If the database fails.
    """
    values: dict[str, Any] = {
        name: value
        for name, value in {
            "overlap": overlap,
            "lease_minutes": lease_minutes,
            "blind": blind,
            "gold_every": gold_every,
        }.items()
        if value is not None
    }
    with writing(engine) as connection:
        before = find_campaign(connection, campaign_id)
        _check_settings(
            overlap=before.overlap if overlap is None else overlap,
            lease_minutes=1 if lease_minutes is None else lease_minutes,
            gold_every=gold_every or 0,
        )
        if values:
            connection.execute(update(campaigns).where(campaigns.c.id == campaign_id).values(values))
        if guideline is not None and _checked_guideline(guideline) != before.guideline:
            connection.execute(
                insert(guidelines).values(
                    campaign_id=campaign_id,
                    version=before.guideline_version + 1,
                    text=guideline,
                    created_at=timestamp(),
                )
            )
        if asked is not None and tuple(asked) != before.questions:
            check_questions(asked)
            rated = select(revisions.c.id).join(items, items.c.id == revisions.c.item_id)
            if connection.scalar(rated.where(items.c.campaign_id == campaign_id).limit(1)) is not None:
                raise InvalidRecordError(
                    f"campaign {before.name!r} has ratings, so its questions stay; make another campaign"
                )
            write_questions(connection, campaign_id, asked)
        after = find_campaign(connection, campaign_id)
        if after != before:
            changed = {**values, "guideline_version": after.guideline_version}
            changed |= {"questions": [question.name for question in after.questions]}
            record_act(connection, actor, "change campaign", campaign_id, {"name": before.name, **changed})
        return after


def pause_campaign(engine: Engine, campaign_id: str, *, paused: bool, actor: str | None = None) -> None:
    """Stop handing out the items of a campaign, or go on; what is in a rater's hands can still be submitted.

    Args:
        engine: From `open_database`.
        campaign_id: Of the campaign.
        paused: Whether to stop.
        actor: Who does it, for the audit log, unless None.

    Raises:
        UnknownRecordError: If there is no such campaign.
        StorageError: If the database fails.
    """
    action = "pause campaign" if paused else "resume campaign"
    _set(engine, campaign_id, actor, action, paused_at=timestamp() if paused else None)


def delete_campaign(
    engine: Engine, campaign_id: str, *, deleted: bool = True, actor: str | None = None
) -> None:
    """Take a campaign out of circulation with everything in it, or bring it back; nothing is removed.

    Args:
        engine: From `open_database`.
        campaign_id: Of the campaign.
        deleted: False to bring it back.
        actor: Who does it, for the audit log, unless None.

    Raises:
        UnknownRecordError: If there is no such campaign.
        StorageError: If the database fails.
    """
    action = "delete campaign" if deleted else "restore campaign"
    _set(engine, campaign_id, actor, action, deleted_at=timestamp() if deleted else None)


def list_campaigns(engine: Engine, *, deleted: bool = False) -> tuple[Campaign, ...]:
    """Read the campaigns in the order in which they were made.

    Args:
        engine: From `open_database`.
        deleted: Whether deleted ones are among them.

    Raises:
        StorageError: If the database fails.
    """
    query = _READ.order_by(campaigns.c.created_at, campaigns.c.id)
    if not deleted:
        query = query.where(campaigns.c.deleted_at.is_(None))
    with reading(engine) as connection:
        return tuple(_campaign(connection, row) for row in connection.execute(query).all())


def get_campaign(engine: Engine, name_or_id: str) -> Campaign:
    """Read one campaign, deleted or not.

    Args:
        engine: From `open_database`.
        name_or_id: Its name or its id.

    Raises:
        UnknownRecordError: If there is no such campaign.
        StorageError: If the database fails.
    """
    with reading(engine) as connection:
        return find_campaign(connection, name_or_id)


def find_campaign(connection: Connection, name_or_id: str) -> Campaign:
    """Read one campaign in an open transaction, deleted or not.

    Raises:
        UnknownRecordError: If there is no such campaign.
    """
    row = None
    if name_or_id.isprintable():  # another text is no campaign's name, and some of them no database takes
        row = connection.execute(_BY_ID, {"id": name_or_id}).one_or_none()
        row = row or connection.execute(_BY_NAME, {"name": name_or_id}).one_or_none()
    if row is None:
        raise UnknownRecordError(f"there is no campaign {name_or_id!r}")
    return _campaign(connection, row)


def clean_campaign_name(name: str) -> str:
    """Bring a campaign's name into the form in which it is stored.

    Raises:
        InvalidRecordError: If nothing is left, more than 80 characters are, or one of them cannot be shown.
    """
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise InvalidRecordError(f"a campaign's name has 1 to 80 characters that can be shown; got {name!r}")
    return name


def _check_settings(*, overlap: int, lease_minutes: int, gold_every: int) -> None:
    if overlap < 1:
        raise InvalidRecordError(f"an item needs at least 1 rater; got an overlap of {overlap}")
    if lease_minutes < 1:
        raise InvalidRecordError(f"a lease lasts at least 1 minute; got {lease_minutes}")
    if gold_every < 0:
        raise InvalidRecordError(f"one of 0 or more items is a gold one; got {gold_every}")


def _checked_guideline(text: str) -> str:
    if len(text) > MAX_GUIDELINE_CHARACTERS:
        raise InvalidRecordError(
            f"a guideline may have {MAX_GUIDELINE_CHARACTERS:,} characters; this one has {len(text):,}"
        )
    return checked_text("guideline", text)


def _set(engine: Engine, campaign_id: str, actor: str | None, action: str, **values: str | None) -> None:
    with writing(engine) as connection:
        campaign = find_campaign(connection, campaign_id)
        connection.execute(update(campaigns).where(campaigns.c.id == campaign.id).values(values))
        record_act(connection, actor, action, campaign.id, {"name": campaign.name})


def _campaign(connection: Connection, row: Row[Any]) -> Campaign:
    return Campaign(
        id=row.id,
        name=row.name,
        questions=read_questions(connection, row.id),
        guideline=row.guideline,
        guideline_version=row.guideline_version,
        overlap=row.overlap,
        lease=timedelta(minutes=row.lease_minutes),
        blind=row.blind,
        asks_verdicts=row.asks_verdicts,
        gold_every=row.gold_every,
        created_at=row.created_at,
        paused_at=row.paused_at,
        deleted_at=row.deleted_at,
    )
