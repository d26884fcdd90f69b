"""Make the first tables, the view of current ratings, and the triggers that keep ratings append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What was said is never altered: a change is another row.
APPEND_ONLY = ("revisions", "answers", "verdicts")


def upgrade() -> None:
    _make_items()
    _make_ratings()
    op.execute(
        "CREATE VIEW current_ratings AS SELECT r.* FROM revisions AS r WHERE NOT r.withdrawn AND r.number = "
        "(SELECT max(n.number) FROM revisions AS n WHERE n.item_id = r.item_id AND n.rater_id = r.rater_id)"
    )
    _make_triggers()


def _time(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(27), nullable=nullable)


def _make_items() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.UniqueConstraint("sha256", name="uq_images_sha256"),
        sa.CheckConstraint("length(sha256) = 64", name="ck_images_sha256_length"),
        sa.CheckConstraint("width > 0", name="ck_images_width_positive"),
        sa.CheckConstraint("height > 0", name="ck_images_height_positive"),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("image_id", sa.String(32), nullable=False),
        sa.Column("caption", sa.Text, nullable=False),
        sa.Column("caption_sha256", sa.String(64), nullable=False),
        sa.Column("segmenter_version", sa.String(120), nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("overlap", sa.Integer, nullable=False),
        _time("created_at"),
        _time("deleted_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_items_image_id"),
        sa.UniqueConstraint("image_id", "caption_sha256", "segmenter_version", name="uq_items_image_id"),
        sa.CheckConstraint("length(caption_sha256) = 64", name="ck_items_caption_sha256_length"),
        sa.CheckConstraint("overlap >= 1", name="ck_items_overlap_positive"),
    )
    op.create_table(
        "units",
        sa.Column("caption_sha256", sa.String(64), nullable=False),
        sa.Column("segmenter_version", sa.String(120), nullable=False),
        sa.Column("start", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("end", sa.Integer, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("caption_sha256", "segmenter_version", "start", "end", name="pk_units"),
        sa.CheckConstraint('start >= 0 AND "end" > start', name="ck_units_offsets_ordered"),
    )
    op.create_table(
        "scores",
        sa.Column("item_id", sa.String(32), nullable=False),
        sa.Column("metric", sa.String(60), nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("score", sa.Float(53), nullable=False),
        sa.Column("similarity", sa.Float(53)),
        sa.Column("curve", sa.Text),
        _time("created_at"),
        sa.PrimaryKeyConstraint("item_id", "metric", "model_sha256", name="pk_scores"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_scores_item_id"),
    )


def _place(table: str) -> tuple[sa.ForeignKeyConstraint, sa.ForeignKeyConstraint]:
    """Point a table at items and raters."""
    return (
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=f"fk_{table}_item_id"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=f"fk_{table}_rater_id"),
    )


def _make_ratings() -> None:
    op.create_table(
        "raters",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_raters"),
        sa.UniqueConstraint("name", name="uq_raters_name"),
        sa.CheckConstraint("length(name) > 0", name="ck_raters_name_given"),
    )
    op.create_table(
        "assignments",
        sa.Column("item_id", sa.String(32), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        _time("claimed_at"),
        _time("lease_expires_at"),
        sa.Column("skip_reason", sa.Text),
        sa.PrimaryKeyConstraint("item_id", "rater_id", name="pk_assignments"),
        *_place("assignments"),
        sa.CheckConstraint("state IN ('held', 'released', 'done')", name="ck_assignments_state_known"),
    )
    op.create_index("ix_assignments_rater_id", "assignments", ["rater_id", "state"])
    op.create_table(
        "revisions",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("item_id", sa.String(32), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("receipt", sa.Integer, nullable=False),
        sa.Column("nonce", sa.String(120), nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("guideline_version", sa.String(60), nullable=False),
        sa.Column("application_version", sa.String(60), nullable=False),
        _time("metric_revealed_at", nullable=True),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_revisions"),
        *_place("revisions"),
        sa.UniqueConstraint("item_id", "rater_id", "number", name="uq_revisions_item_id"),
        sa.UniqueConstraint("rater_id", "receipt", name="uq_revisions_rater_id"),
        sa.UniqueConstraint("nonce", name="uq_revisions_nonce"),
        sa.CheckConstraint("number >= 1", name="ck_revisions_number_positive"),
        sa.CheckConstraint("receipt >= 1", name="ck_revisions_receipt_positive"),
        sa.CheckConstraint("length(nonce) > 0", name="ck_revisions_nonce_given"),
    )
    op.create_table(
        "answers",
        sa.Column("revision_id", sa.String(32), nullable=False),
        sa.Column("question", sa.String(40), nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("revision_id", "question", name="pk_answers"),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], name="fk_answers_revision_id"),
        sa.CheckConstraint("value BETWEEN 1 AND 5", name="ck_answers_value_on_scale"),
    )
    op.create_table(
        "verdicts",
        sa.Column("revision_id", sa.String(32), nullable=False),
        sa.Column("caption_sha256", sa.String(64), nullable=False),
        sa.Column("segmenter_version", sa.String(120), nullable=False),
        sa.Column("start", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("end", sa.Integer, nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.PrimaryKeyConstraint("revision_id", "start", name="pk_verdicts"),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], name="fk_verdicts_revision_id"),
        sa.ForeignKeyConstraint(
            ["caption_sha256", "segmenter_version", "start", "end"],
            ["units.caption_sha256", "units.segmenter_version", "units.start", "units.end"],
            name="fk_verdicts_caption_sha256",
        ),
        sa.CheckConstraint(
            "verdict IN ('supported', 'hallucinated', 'unsure')", name="ck_verdicts_verdict_known"
        ),
    )
    op.create_table(
        "drafts",
        sa.Column("item_id", sa.String(32), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        _time("saved_at"),
        sa.PrimaryKeyConstraint("item_id", "rater_id", name="pk_drafts"),
        *_place("drafts"),
    )
    op.create_table(
        "reveals",
        sa.Column("item_id", sa.String(32), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        _time("revealed_at"),
        sa.PrimaryKeyConstraint("item_id", "rater_id", name="pk_reveals"),
        *_place("reveals"),
    )


def _make_triggers() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
        for table in APPEND_ONLY:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
        return
    for table in APPEND_ONLY:
        for change in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change} BEFORE {change.upper()} ON {table} "
                f"BEGIN SELECT raise(ABORT, '{table} is append-only'); END"
            )
