"""The tables of campaigns: what is asked, with which instructions, and what is decided about what was said.

They belong to the same database as those of `annotations.schema`, which says how all of them are kept.
"""

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from annotations.columns import metadata, time_column

INSPECT_CAMPAIGN: Final = "0" * 31 + "1"
"""Id of the campaign that takes the captions sent from Inspect to be rated; every database has it."""

LINKS_CAMPAIGN: Final = "0" * 31 + "2"
"""Id of the paused campaign that keeps captions with a copied link; every database has it."""

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(80), CheckConstraint("length(name) > 0", "name_given"), nullable=False),
    Column("overlap", Integer, CheckConstraint("overlap >= 1", "overlap_positive"), nullable=False),
    Column("lease_minutes", Integer, CheckConstraint("lease_minutes >= 1", "lease_positive"), nullable=False),
    Column("blind", Boolean, nullable=False),
    Column("asks_verdicts", Boolean, nullable=False),
    Column("gold_every", Integer, CheckConstraint("gold_every >= 0", "gold_every_positive"), nullable=False),
    time_column("created_at"),
    time_column("paused_at", nullable=True),
    time_column("deleted_at", nullable=True),
    UniqueConstraint("name"),
)

guidelines = Table(
    "guidelines",
    metadata,
    Column("campaign_id", ForeignKey("campaigns.id"), primary_key=True),
    Column(
        "version",
        Integer,
        CheckConstraint("version >= 1", "version_positive"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("text", Text, nullable=False),
    time_column("created_at"),
)

questions = Table(
    "questions",
    metadata,
    Column("campaign_id", ForeignKey("campaigns.id"), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("low", Integer, nullable=False),
    Column("high", Integer, CheckConstraint("high > low", "range_ordered"), nullable=False),
    Column("labels", Text, nullable=False),
)

# What an adjudicator decided of an item; the latest row counts. The votes stay as they are.
final_labels = Table(
    "final_labels",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("rater_id", ForeignKey("raters.id"), nullable=False),
    Column("number", Integer, CheckConstraint("number >= 1", "number_positive"), nullable=False),
    Column("content", Text, nullable=False),
    Column("comment", Text, nullable=False),
    time_column("created_at"),
    UniqueConstraint("item_id", "number"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("actor", String(80), nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),
    time_column("created_at"),
)
