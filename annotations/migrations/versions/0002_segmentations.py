"""Make the table of segmentations that people corrected, and let no cut of a caption be altered."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# `units` too: a verdict stands on a unit, and a corrected cut stands beside the automatic one.
APPEND_ONLY = ("segmentations", "units")


def upgrade() -> None:
    op.create_table(
        "segmentations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("image_id", sa.String(32), nullable=False),
        sa.Column("caption", sa.Text, nullable=False),
        sa.Column("caption_sha256", sa.String(64), nullable=False),
        sa.Column("segmenter_version", sa.String(120), nullable=False),
        sa.Column("based_on", sa.String(120), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_segmentations"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_segmentations_image_id"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name="fk_segmentations_rater_id"),
        sa.UniqueConstraint(
            "image_id", "caption_sha256", "segmenter_version", "rater_id", name="uq_segmentations_image_id"
        ),
        sa.CheckConstraint("length(caption_sha256) = 64", name="ck_segmentations_caption_sha256_length"),
        sa.CheckConstraint("based_on <> segmenter_version", name="ck_segmentations_based_on_another"),
    )
    if op.get_bind().dialect.name == "postgresql":
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
