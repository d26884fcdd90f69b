"""Keep why an item has no score, so that it is tried once and not for ever."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "score_failures",
        sa.Column("item_id", sa.String(32), nullable=False),
        sa.Column("metric", sa.String(60), nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("segmenter_version", sa.String(120), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("item_id", "metric", "model_sha256", name="pk_score_failures"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_score_failures_item_id"),
    )
