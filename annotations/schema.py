"""The tables of the rating store and their constraints.

Everything that is rated belongs to a campaign. An item is what one rater judges in one go: a caption of an
image, or a battle, two captions of one image that are items themselves.

Ratings are append-only: a change or a withdrawal is another row of ``revisions``, and triggers refuse to
alter or remove one. The view ``current_ratings`` holds the latest revision of each rater on each item, unless
that revision withdraws the rating. Append-only as well are the cuts of a caption (``units``), the record of
who corrected one (``segmentations``), the versions of a campaign's instructions (``guidelines``), what an
adjudicator decided (``final_labels``), the dip thresholds that models start with (``thresholds``) and what
was done to people's work (``audit``). Campaigns and items are deleted softly, by ``deleted_at``.

Times are UTC in one fixed-width ISO 8601 form, ``2026-01-31T09:05:00.000000Z``, so that they sort as text in
every database and need no conversion in a browser. Offsets count code points of the caption.
"""

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
    and_,
)

from annotations.campaign_tables import audit, campaigns, final_labels, guidelines, questions
from annotations.columns import metadata, new_id, time_column, timestamp
from annotations.threshold_tables import thresholds

# One place to import any table from.
__all__ = [
    "audit",
    "campaigns",
    "final_labels",
    "guidelines",
    "metadata",
    "new_id",
    "questions",
    "thresholds",
    "timestamp",
]

VERDICTS: Final = ("supported", "hallucinated", "unsure")
"""What a rater may say of one detail unit."""

ROLES: Final = ("rater", "adjudicator", "admin")
"""What a person may be."""

ITEM_ROLES: Final = ("regular", "training", "gold")
"""What an item is for: to be judged, to learn on, or to see how well somebody judges."""

images = Table(
    "images",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("sha256", String(64), CheckConstraint("length(sha256) = 64", "sha256_length"), nullable=False),
    Column("filename", Text, nullable=False),
    Column("width", Integer, CheckConstraint("width > 0", "width_positive"), nullable=False),
    Column("height", Integer, CheckConstraint("height > 0", "height_positive"), nullable=False),
    time_column("created_at"),
    UniqueConstraint("sha256"),
)

# `done` counts the finished places, in the same transactions that finish and free them: with it the next item
# is found on an index, whatever the number of items, and the overlap is a rule of the schema. An empty
# `segmenter_version` says that the caption is not cut yet, an empty `source` that nobody knows it; NULL would
# not do, because a unique constraint takes no two of them for the same.
items = Table(
    "items",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column(
        "role",
        String(8),
        CheckConstraint("role IN ('regular', 'training', 'gold')", "role_known"),
        nullable=False,
    ),
    Column("image_id", ForeignKey("images.id"), nullable=False),
    Column("caption", Text),
    Column(
        "caption_sha256", String(64), CheckConstraint("length(caption_sha256) = 64", "caption_sha256_length")
    ),
    Column("segmenter_version", String(120), nullable=False),
    Column("source", Text, nullable=False),
    Column("first_id", ForeignKey("items.id")),
    Column("second_id", ForeignKey("items.id")),
    Column("gold", Text),
    Column("external_id", Text),
    Column("priority", Integer, nullable=False),
    Column("weight", Float(53), CheckConstraint("weight > 0", "weight_positive"), nullable=False),
    Column("overlap", Integer, CheckConstraint("overlap >= 1", "overlap_positive"), nullable=False),
    Column(
        "done",
        Integer,
        CheckConstraint("done >= 0 AND done <= overlap", "done_within_overlap"),
        nullable=False,
    ),
    time_column("created_at"),
    time_column("deleted_at", nullable=True),
    CheckConstraint(
        "(kind = 'caption' AND caption IS NOT NULL AND caption_sha256 IS NOT NULL "
        "AND first_id IS NULL AND second_id IS NULL) OR "
        "(kind = 'battle' AND caption IS NULL AND caption_sha256 IS NULL AND segmenter_version = '' "
        "AND first_id IS NOT NULL AND second_id IS NOT NULL AND first_id <> second_id)",
        "kind_complete",
    ),
    UniqueConstraint("campaign_id", "first_id", "second_id"),
    UniqueConstraint(
        *("campaign_id", "image_id", "caption_sha256", "segmenter_version", "source"), name="uq_items_content"
    ),
)
_is_open = and_(items.c.deleted_at.is_(None), items.c.done < items.c.overlap)
Index(
    "ix_items_open",
    *(items.c[name] for name in ("campaign_id", "role", "priority", "done", "created_at", "id")),
    sqlite_where=_is_open,
    postgresql_where=_is_open,
)
Index("ix_items_image_id", items.c.image_id)

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
    Column("caption", Text, nullable=False),
    Column(
        "caption_sha256",
        String(64),
        CheckConstraint("length(caption_sha256) = 64", "caption_sha256_length"),
        nullable=False,
    ),
    Column("segmenter_version", String(120), nullable=False),
    Column(
        "based_on",
        String(120),
        CheckConstraint("based_on <> segmenter_version", "based_on_another"),
        nullable=False,
    ),
    Column("rater_id", ForeignKey("raters.id"), nullable=False),
    time_column("created_at"),
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
    Column("segmenter_version", String(120)),
    time_column("created_at"),
)

# Why an item has no score of a model. A row stands until the item is cut in another way, somebody asks for
# another try, or there is a score after all; until then nobody tries again.
score_failures = Table(
    "score_failures",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("metric", String(60), primary_key=True),
    Column("model_sha256", String(64), primary_key=True),
    Column("segmenter_version", String(120), nullable=False),
    Column("reason", Text, nullable=False),
    time_column("created_at"),
)

raters = Table(
    "raters",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(80), CheckConstraint("length(name) > 0", "name_given"), nullable=False),
    time_column("created_at"),
    Column(
        "role",
        String(12),
        CheckConstraint("role IN ('rater', 'adjudicator', 'admin')", "role_known"),
        server_default="rater",
        nullable=False,
    ),
    time_column("disabled_at", nullable=True),
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
    time_column("created_at"),
    time_column("expires_at"),
    time_column("revoked_at", nullable=True),
    Column("failures", Integer, CheckConstraint("failures >= 0", "failures_counted"), nullable=False),
    time_column("locked_until", nullable=True),
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
    time_column("created_at"),
    time_column("expires_at"),
    time_column("ended_at", nullable=True),
    Index(None, "rater_id"),
)

# Wrong codes by where they come from; `client` is the SHA-256 of the address.
client_locks = Table(
    "client_locks",
    metadata,
    Column("client", String(64), CheckConstraint("length(client) = 64", "client_length"), primary_key=True),
    Column("failures", Integer, CheckConstraint("failures >= 0", "failures_counted"), nullable=False),
    time_column("locked_until", nullable=True),
    time_column("updated_at"),
)

# The primary key is the hard promise that nobody gets one item twice. A `held` row counts against the item's
# overlap until its lease has expired, a `done` row for ever, a `released` row never; `returned` is done, but
# to be looked at again. `flipped` says that this rater is shown a battle's second caption on the left.
assignments = Table(
    "assignments",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("rater_id", ForeignKey("raters.id"), primary_key=True),
    Column(
        "state",
        String(8),
        CheckConstraint("state IN ('held', 'released', 'done', 'returned')", "state_known"),
        nullable=False,
    ),
    time_column("claimed_at"),
    time_column("lease_expires_at"),
    Column("skip_reason", Text),
    Column("return_reason", Text),
    Column("flipped", Boolean),
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
    time_column("metric_revealed_at", nullable=True),
    time_column("created_at"),
    Column("segmenter_version", String(120)),
    Column("active_seconds", Float(53), CheckConstraint("active_seconds >= 0", "active_seconds_positive")),
    UniqueConstraint("item_id", "rater_id", "number"),
    UniqueConstraint("rater_id", "receipt"),
    UniqueConstraint("nonce"),
)

answers = Table(
    "answers",
    metadata,
    Column("revision_id", ForeignKey("revisions.id"), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("value", Integer, nullable=False),
    Column("low", Integer, nullable=False),
    Column("high", Integer, nullable=False),
    CheckConstraint("value BETWEEN low AND high", "value_on_scale"),
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
    time_column("saved_at"),
)

reveals = Table(
    "reveals",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("rater_id", ForeignKey("raters.id"), primary_key=True),
    time_column("revealed_at"),
)

# A view, made by the migrations; kept out of `metadata` so that nothing tries to create it as a table.
current_ratings = Table(
    "current_ratings",
    MetaData(),
    *(Column(column.name, column.type) for column in revisions.columns),
)
