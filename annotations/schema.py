"""The tables of the rating store, their constraints, and how times and ids are written.

Ratings are append-only: a change or a withdrawal is another row of ``revisions``, and triggers refuse to
alter or remove one. The view ``current_ratings`` holds the latest revision of each rater on each item, unless
that revision withdraws the rating. The cuts of a caption, ``units``, and the record of who corrected one,
``segmentations``, are append-only as well. Items are deleted softly, by ``deleted_at``.

Times are UTC in one fixed-width ISO 8601 form, ``2026-01-31T09:05:00.000000Z``, so that they sort as text in
every database and need no conversion in a browser. Offsets count code points of the caption.
"""

import secrets
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

QUESTIONS: Final = ("correctness", "thoroughness", "overall")
"""The scales that every rating answers, in the order in which they are asked."""

SCALE: Final = (1, 5)
"""Lowest and highest answer on each scale."""

VERDICTS: Final = ("supported", "hallucinated", "unsure")
"""What a rater may say of one detail unit."""

ROLES: Final = ("rater", "adjudicator", "admin")
"""What a person may be."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def new_id() -> str:
    """Draw a random id of 32 hexadecimal digits, which tells nothing about order or origin."""
    return secrets.token_hex(16)


def timestamp(moment: datetime | None = None) -> str:
    """Write a moment as the store writes times.

    Args:
        moment: An aware datetime; now when None.

    Returns:
        UTC with microseconds, 27 characters, for example ``2026-01-31T09:05:00.000000Z``.
    """
    moment = datetime.now(UTC) if moment is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _cut_caption() -> tuple[Column[str], ...]:
    """Return the columns of a caption and of what cut it."""
    length = CheckConstraint("length(caption_sha256) = 64", "caption_sha256_length")
    return (
        Column("caption", Text, nullable=False),
        Column("caption_sha256", String(64), length, nullable=False),
        Column("segmenter_version", String(120), nullable=False),
    )


def _time(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, String(27), nullable=nullable)


images = Table(
    "images",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("sha256", String(64), CheckConstraint("length(sha256) = 64", "sha256_length"), nullable=False),
    Column("filename", Text, nullable=False),
    Column("width", Integer, CheckConstraint("width > 0", "width_positive"), nullable=False),
    Column("height", Integer, CheckConstraint("height > 0", "height_positive"), nullable=False),
    _time("created_at"),
    UniqueConstraint("sha256"),
)

items = Table(
    "items",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("image_id", ForeignKey("images.id"), nullable=False),
    *_cut_caption(),
    Column("source", Text),
    Column("overlap", Integer, CheckConstraint("overlap >= 1", "overlap_positive"), nullable=False),
    _time("created_at"),
    _time("deleted_at", nullable=True),
    UniqueConstraint("image_id", "caption_sha256", "segmenter_version"),
)

# Units belong to a caption as one version of a segmenter cuts it, not to an item: a verdict points here, so
# it can never come to stand on another piece of text.
units = Table(
    "units",
    metadata,
    Column("caption_sha256", String(64), primary_key=True),
    Column("segmenter_version", String(120), primary_key=True),
    Column("start", Integer, primary_key=True, autoincrement=False),
    Column("end", Integer, primary_key=True, autoincrement=False),
    CheckConstraint('start >= 0 AND "end" > start', "offsets_ordered"),
)

# A cut that a person corrected. Its units stand in `units` under `segmenter_version`, a name made from the
# cut itself: the same cut by two people is one version with two rows here, and their ratings are of the same
# units.
segmentations = Table(
    "segmentations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("image_id", ForeignKey("images.id"), nullable=False),
    *_cut_caption(),
    Column(
        "based_on",
        String(120),
        CheckConstraint("based_on <> segmenter_version", "based_on_another"),
        nullable=False,
    ),
    Column("rater_id", ForeignKey("raters.id"), nullable=False),
    _time("created_at"),
    UniqueConstraint("image_id", "caption_sha256", "segmenter_version", "rater_id"),
)

scores = Table(
    "scores",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("metric", String(60), primary_key=True),
    Column("model_sha256", String(64), primary_key=True),
    Column("model", Text, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("similarity", Float(53)),
    Column("curve", Text),
    _time("created_at"),
)

raters = Table(
    "raters",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(80), CheckConstraint("length(name) > 0", "name_given"), nullable=False),
    _time("created_at"),
    Column(
        "role",
        String(12),
        CheckConstraint("role IN ('rater', 'adjudicator', 'admin')", "role_known"),
        server_default="rater",
        nullable=False,
    ),
    _time("disabled_at", nullable=True),
    Column("hub_id", String(80)),
    UniqueConstraint("name"),
    # An index, because SQLite cannot add a unique column to a table that is there.
    Index(None, "hub_id", unique=True),
)

# A code that lets one person sign in until it expires. `id` is the part of the code by which it is found; of
# the secret part only the argon2 hash is stored.
invites = Table(
    "invites",
    metadata,
    Column("id", String(8), CheckConstraint("length(id) = 8", "id_length"), primary_key=True),
    Column("rater_id", ForeignKey("raters.id"), nullable=False),
    Column("code_hash", Text, nullable=False),
    _time("created_at"),
    _time("expires_at"),
    _time("revoked_at", nullable=True),
    Column("failures", Integer, CheckConstraint("failures >= 0", "failures_counted"), nullable=False),
    _time("locked_until", nullable=True),
    Index(None, "rater_id"),
)

# A browser that is signed in. Rows stay when a session has ended: they tell who has ever signed in.
sessions = Table(
    "sessions",
    metadata,
    Column(
        "token_sha256",
        String(64),
        CheckConstraint("length(token_sha256) = 64", "token_sha256_length"),
        primary_key=True,
    ),
    Column("rater_id", ForeignKey("raters.id"), nullable=False),
    _time("created_at"),
    _time("expires_at"),
    _time("ended_at", nullable=True),
    Index(None, "rater_id"),
)

# Wrong codes by where they come from; `client` is the SHA-256 of the address.
client_locks = Table(
    "client_locks",
    metadata,
    Column("client", String(64), CheckConstraint("length(client) = 64", "client_length"), primary_key=True),
    Column("failures", Integer, CheckConstraint("failures >= 0", "failures_counted"), nullable=False),
    _time("locked_until", nullable=True),
    _time("updated_at"),
)

# The primary key is the hard promise that nobody gets one item twice. A `held` row counts against the item's
# overlap until its lease has expired, a `done` row for ever, a `released` row never.
assignments = Table(
    "assignments",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("rater_id", ForeignKey("raters.id"), primary_key=True),
    Column(
        "state",
        String(8),
        CheckConstraint("state IN ('held', 'released', 'done')", "state_known"),
        nullable=False,
    ),
    _time("claimed_at"),
    _time("lease_expires_at"),
    Column("skip_reason", Text),
    Index(None, "rater_id", "state"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("rater_id", ForeignKey("raters.id"), nullable=False),
    Column("number", Integer, CheckConstraint("number >= 1", "number_positive"), nullable=False),
    Column("receipt", Integer, CheckConstraint("receipt >= 1", "receipt_positive"), nullable=False),
    Column("nonce", String(120), CheckConstraint("length(nonce) > 0", "nonce_given"), nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("comment", Text, nullable=False),
    Column("guideline_version", String(60), nullable=False),
    Column("application_version", String(60), nullable=False),
    _time("metric_revealed_at", nullable=True),
    _time("created_at"),
    UniqueConstraint("item_id", "rater_id", "number"),
    UniqueConstraint("rater_id", "receipt"),
    UniqueConstraint("nonce"),
)

answers = Table(
    "answers",
    metadata,
    Column("revision_id", ForeignKey("revisions.id"), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("value", Integer, CheckConstraint("value BETWEEN 1 AND 5", "value_on_scale"), nullable=False),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("revision_id", ForeignKey("revisions.id"), primary_key=True),
    Column("caption_sha256", String(64), nullable=False),
    Column("segmenter_version", String(120), nullable=False),
    Column("start", Integer, primary_key=True, autoincrement=False),
    Column("end", Integer, nullable=False),
    Column(
        "verdict",
        String(12),
        CheckConstraint("verdict IN ('supported', 'hallucinated', 'unsure')", "verdict_known"),
        nullable=False,
    ),
    ForeignKeyConstraint(
        ["caption_sha256", "segmenter_version", "start", "end"],
        ["units.caption_sha256", "units.segmenter_version", "units.start", "units.end"],
    ),
)

drafts = Table(
    "drafts",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("rater_id", ForeignKey("raters.id"), primary_key=True),
    Column("content", Text, nullable=False),
    _time("saved_at"),
)

reveals = Table(
    "reveals",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("rater_id", ForeignKey("raters.id"), primary_key=True),
    _time("revealed_at"),
)

# A view, made by the migrations; kept out of `metadata` so that nothing tries to create it as a table.
current_ratings = Table(
    "current_ratings",
    MetaData(),
    *(Column(column.name, column.type) for column in revisions.columns),
)
