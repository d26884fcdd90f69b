"""Keep the dip threshold that each model starts with, and what was promised of it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "thresholds",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("threshold", sa.Float(53), nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("rate", sa.Float(53)),
        sa.Column("failure", sa.Float(53)),
        sa.Column("seed", sa.Integer),
        sa.Column("share", sa.Float(53)),
        sa.Column("n_images", sa.Integer, nullable=False),
        sa.Column("n_units", sa.Integer, nullable=False),
        sa.Column("realised", sa.Float(53)),
        sa.Column("realised_low", sa.Float(53)),
        sa.Column("realised_high", sa.Float(53)),
        sa.Column("realised_images", sa.Integer),
        sa.Column("unsure", sa.String(12)),
        sa.Column("choice", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("application_version", sa.String(60), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_thresholds"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name="fk_thresholds_rater_id"),
        sa.UniqueConstraint("model_sha256", "number", name="uq_thresholds_model_sha256"),
        sa.CheckConstraint("length(model_sha256) = 64", name="ck_thresholds_model_sha256_length"),
        sa.CheckConstraint("number >= 1", name="ck_thresholds_number_positive"),
        sa.CheckConstraint("threshold >= 0", name="ck_thresholds_threshold_positive"),
        sa.CheckConstraint("rate > 0 AND rate < 1", name="ck_thresholds_rate_between"),
        sa.CheckConstraint("failure > 0 AND failure < 1", name="ck_thresholds_failure_between"),
        sa.CheckConstraint("share > 0 AND share < 1", name="ck_thresholds_share_between"),
        sa.CheckConstraint("n_images >= 0", name="ck_thresholds_n_images_counted"),
        sa.CheckConstraint("n_units >= 0", name="ck_thresholds_n_units_counted"),
        sa.CheckConstraint("realised BETWEEN 0 AND 1", name="ck_thresholds_realised_share"),
        sa.CheckConstraint(
            "unsure IN ('left_out', 'hallucinated', 'supported')", name="ck_thresholds_unsure_known"
        ),
        sa.CheckConstraint(
            "NOT withdrawn OR (threshold = 0 AND rate IS NULL)", name="ck_thresholds_withdrawn_empty"
        ),
        sa.CheckConstraint("(rate IS NULL) = (failure IS NULL)", name="ck_thresholds_promise_complete"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER thresholds_append_only BEFORE UPDATE OR DELETE ON thresholds "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        return
    for change in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER thresholds_no_{change} BEFORE {change.upper()} ON thresholds "
            "BEGIN SELECT raise(ABORT, 'thresholds is append-only'); END"
        )
