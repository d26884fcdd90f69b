"""Give raters a role and an account, and make the tables of invites, sessions and wrong codes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In SQL, because alembic would add the check in a second step, which SQLite cannot do.
    op.execute(
        "ALTER TABLE raters ADD COLUMN role VARCHAR(12) DEFAULT 'rater' NOT NULL "
        "CONSTRAINT ck_raters_role_known CHECK (role IN ('rater', 'adjudicator', 'admin'))"
    )
    op.add_column("raters", _time("disabled_at", nullable=True))
    op.add_column("raters", sa.Column("hub_id", sa.String(80)))
    op.create_index("ix_raters_hub_id", "raters", ["hub_id"], unique=True)
    op.create_table(
        "invites",
        sa.Column("id", sa.String(8), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("code_hash", sa.Text, nullable=False),
        _time("created_at"),
        _time("expires_at"),
        _time("revoked_at", nullable=True),
        sa.Column("failures", sa.Integer, nullable=False),
        _time("locked_until", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_invites"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name="fk_invites_rater_id"),
        sa.CheckConstraint("length(id) = 8", name="ck_invites_id_length"),
        sa.CheckConstraint("failures >= 0", name="ck_invites_failures_counted"),
    )
    op.create_index("ix_invites_rater_id", "invites", ["rater_id"])
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        _time("created_at"),
        _time("expires_at"),
        _time("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sessions"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name="fk_sessions_rater_id"),
        sa.CheckConstraint("length(token_sha256) = 64", name="ck_sessions_token_sha256_length"),
    )
    op.create_index("ix_sessions_rater_id", "sessions", ["rater_id"])
    op.create_table(
        "client_locks",
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        _time("locked_until", nullable=True),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("client", name="pk_client_locks"),
        sa.CheckConstraint("length(client) = 64", name="ck_client_locks_client_length"),
        sa.CheckConstraint("failures >= 0", name="ck_client_locks_failures_counted"),
    )


def _time(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(27), nullable=nullable)
