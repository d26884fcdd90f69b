"""Make campaigns with their instructions and questions, and let items be battles, training or gold.

What was there belongs to the campaign that takes the captions sent from the Inspect page.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSPECT_CAMPAIGN = "0" * 31 + "1"
LINKS_CAMPAIGN = "0" * 31 + "2"
CREATED_AT = "2026-11-21T00:00:00.000000Z"
GUIDELINE = """Judge each unit first, then the caption as a whole. \
The score stays hidden until you have submitted.

- **supported**: the image shows everything this unit says
- **hallucinated**: the image contradicts the unit, or does not show what it claims
- **unsure**: too small, hidden, or a matter of taste
"""
QUESTIONS = (
    ("correctness", "Correctness", "nothing false", '{"1": "much is false", "5": "all true"}'),
    (
        "thoroughness",
        "Thoroughness",
        "nothing important missing",
        '{"1": "most is missing", "5": "all there"}',
    ),
    ("overall", "Overall", "how good a description", '{"1": "poor", "5": "excellent"}'),
)
APPEND_ONLY = ("answers", "guidelines", "final_labels", "audit")
CURRENT_RATINGS = (
    "CREATE VIEW current_ratings AS SELECT r.* FROM revisions AS r WHERE NOT r.withdrawn AND r.number = "
    "(SELECT max(n.number) FROM revisions AS n WHERE n.item_id = r.item_id AND n.rater_id = r.rater_id)"
)
KIND_COMPLETE = (
    "(kind = 'caption' AND caption IS NOT NULL AND caption_sha256 IS NOT NULL "
    "AND first_id IS NULL AND second_id IS NULL) OR "
    "(kind = 'battle' AND caption IS NULL AND caption_sha256 IS NULL AND segmenter_version = '' "
    "AND first_id IS NOT NULL AND second_id IS NOT NULL AND first_id <> second_id)"
)


def upgrade() -> None:
    op.execute("DROP VIEW current_ratings")
    _make_campaigns()
    _change_items()
    _change_assignments()
    _change_answers()
    op.add_column("scores", sa.Column("segmenter_version", sa.String(120)))
    op.execute(
        "UPDATE scores SET segmenter_version = "
        "(SELECT i.segmenter_version FROM items AS i WHERE i.id = scores.item_id)"
    )
    op.add_column("revisions", sa.Column("segmenter_version", sa.String(120)))
    op.execute(
        "ALTER TABLE revisions ADD COLUMN active_seconds FLOAT "
        "CONSTRAINT ck_revisions_active_seconds_positive CHECK (active_seconds >= 0)"
    )
    _fill_segmenter_versions()
    op.execute(CURRENT_RATINGS)
    _make_decisions()
    _make_triggers()


def _make_campaigns() -> None:
    campaigns = op.create_table(
        "campaigns",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("overlap", sa.Integer, nullable=False),
        sa.Column("lease_minutes", sa.Integer, nullable=False),
        sa.Column("blind", sa.Boolean, nullable=False),
        sa.Column("asks_verdicts", sa.Boolean, nullable=False),
        sa.Column("gold_every", sa.Integer, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("paused_at", sa.String(27)),
        sa.Column("deleted_at", sa.String(27)),
        sa.PrimaryKeyConstraint("id", name="pk_campaigns"),
        sa.UniqueConstraint("name", name="uq_campaigns_name"),
        sa.CheckConstraint("length(name) > 0", name="ck_campaigns_name_given"),
        sa.CheckConstraint("overlap >= 1", name="ck_campaigns_overlap_positive"),
        sa.CheckConstraint("lease_minutes >= 1", name="ck_campaigns_lease_positive"),
        sa.CheckConstraint("gold_every >= 0", name="ck_campaigns_gold_every_positive"),
    )
    guidelines = op.create_table(
        "guidelines",
        sa.Column("campaign_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "version", name="pk_guidelines"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_guidelines_campaign_id"),
        sa.CheckConstraint("version >= 1", name="ck_guidelines_version_positive"),
    )
    questions = op.create_table(
        "questions",
        sa.Column("campaign_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("low", sa.Integer, nullable=False),
        sa.Column("high", sa.Integer, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "name", name="pk_questions"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_questions_campaign_id"),
        sa.CheckConstraint("high > low", name="ck_questions_range_ordered"),
    )
    # Those of links are kept, not handed out, and anybody who has the link may see them.
    for campaign_id, name, blind, paused_at in (
        (INSPECT_CAMPAIGN, "From Inspect", True, None),
        (LINKS_CAMPAIGN, "Links", False, CREATED_AT),
    ):
        op.bulk_insert(
            campaigns,
            [
                {
                    "id": campaign_id,
                    "name": name,
                    "overlap": 3,
                    "lease_minutes": 30,
                    "blind": blind,
                    "asks_verdicts": True,
                    "gold_every": 0,
                    "created_at": CREATED_AT,
                    "paused_at": paused_at,
                }
            ],
        )
        op.bulk_insert(
            guidelines,
            [{"campaign_id": campaign_id, "version": 1, "text": GUIDELINE, "created_at": CREATED_AT}],
        )
        op.bulk_insert(
            questions,
            [
                {
                    "campaign_id": campaign_id,
                    "name": question,
                    "position": position,
                    "label": label,
                    "hint": hint,
                    "low": 1,
                    "high": 5,
                    "labels": labels,
                }
                for position, (question, label, hint, labels) in enumerate(QUESTIONS)
            ],
        )


def _change_items() -> None:
    # Described here rather than read from the database, so that no name of a constraint is lost.
    before = sa.Table(
        "items",
        sa.MetaData(),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("image_id", sa.String(32), nullable=False),
        sa.Column("caption", sa.Text, nullable=False),
        sa.Column("caption_sha256", sa.String(64), nullable=False),
        sa.Column("segmenter_version", sa.String(120), nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("overlap", sa.Integer, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("deleted_at", sa.String(27)),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_items_image_id"),
        sa.UniqueConstraint("image_id", "caption_sha256", "segmenter_version", name="uq_items_image_id"),
        sa.CheckConstraint("length(caption_sha256) = 64", name="ck_items_caption_sha256_length"),
        sa.CheckConstraint("overlap >= 1", name="ck_items_overlap_positive"),
    )
    with op.batch_alter_table("items", copy_from=before) as items:
        items.drop_constraint("uq_items_image_id", type_="unique")
        for name, size in (("caption", sa.Text()), ("caption_sha256", sa.String(64))):
            items.alter_column(name, existing_type=size, nullable=True)
        items.add_column(_filled("campaign_id", sa.String(32), f"'{INSPECT_CAMPAIGN}'"))
        items.add_column(_filled("kind", sa.String(8), "'caption'"))
        items.add_column(_filled("role", sa.String(8), "'regular'"))
        items.add_column(_filled("priority", sa.Integer(), "0"))
        items.add_column(_filled("weight", sa.Float(53), "1"))
        items.add_column(_filled("done", sa.Integer(), "0"))
        for name in ("first_id", "second_id"):
            items.add_column(sa.Column(name, sa.String(32)))
        for name in ("gold", "external_id"):
            items.add_column(sa.Column(name, sa.Text()))
    op.execute("UPDATE items SET source = '' WHERE source IS NULL")
    # What follows is not of the table as it was: the defaults go, and the constraints come.
    op.execute(
        "UPDATE items SET done = (SELECT count(*) FROM assignments AS a "
        "WHERE a.item_id = items.id AND a.state = 'done')"
    )
    # A cap that was lowered by hand must not keep a database from being brought up to date.
    op.execute("UPDATE items SET overlap = done WHERE done > overlap")
    with op.batch_alter_table("items") as items:
        for name in ("campaign_id", "kind", "role", "priority", "weight", "done"):
            items.alter_column(name, server_default=None)
        items.alter_column("source", existing_type=sa.Text(), nullable=False)
        items.create_foreign_key("fk_items_campaign_id", "campaigns", ["campaign_id"], ["id"])
        for name in ("first_id", "second_id"):
            items.create_foreign_key(f"fk_items_{name}", "items", [name], ["id"])
        items.create_unique_constraint("uq_items_campaign_id", ["campaign_id", "first_id", "second_id"])
        items.create_unique_constraint(
            "uq_items_content", ["campaign_id", "image_id", "caption_sha256", "segmenter_version", "source"]
        )
        items.create_check_constraint(op.f("ck_items_role_known"), "role IN ('regular', 'training', 'gold')")
        items.create_check_constraint(op.f("ck_items_weight_positive"), "weight > 0")
        items.create_check_constraint(op.f("ck_items_done_within_overlap"), "done >= 0 AND done <= overlap")
        items.create_check_constraint(op.f("ck_items_kind_complete"), KIND_COMPLETE)
    op.execute(
        "CREATE INDEX ix_items_open ON items (campaign_id, role, priority, done, created_at, id) "
        "WHERE deleted_at IS NULL AND done < overlap"
    )
    op.create_index("ix_items_image_id", "items", ["image_id"])


def _filled(name: str, kind: sa.types.TypeEngine[Any], default: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=sa.text(default))


def _change_assignments() -> None:
    with op.batch_alter_table("assignments") as assignments:
        assignments.drop_constraint("ck_assignments_state_known", type_="check")
        assignments.create_check_constraint(
            op.f("ck_assignments_state_known"), "state IN ('held', 'released', 'done', 'returned')"
        )
        assignments.add_column(sa.Column("return_reason", sa.Text()))
        assignments.add_column(sa.Column("flipped", sa.Boolean()))


def _change_answers() -> None:
    with op.batch_alter_table("answers") as answers:
        answers.drop_constraint("ck_answers_value_on_scale", type_="check")
        answers.add_column(_filled("low", sa.Integer(), "1"))
        answers.add_column(_filled("high", sa.Integer(), "5"))
    with op.batch_alter_table("answers") as answers:
        for name in ("low", "high"):
            answers.alter_column(name, server_default=None)
        answers.create_check_constraint(op.f("ck_answers_value_on_scale"), "value BETWEEN low AND high")


def _fill_segmenter_versions() -> None:
    """Say of each revision what had cut its caption; until now an item could not be cut in another way."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    trigger = "revisions_append_only ON revisions" if is_postgres else "revisions_no_update"
    op.execute(f"DROP TRIGGER {trigger}")
    op.execute(
        "UPDATE revisions SET segmenter_version = "
        "(SELECT i.segmenter_version FROM items AS i WHERE i.id = revisions.item_id)"
    )
    _refuse_changes("revisions", ("update", "delete") if is_postgres else ("update",))


def _make_decisions() -> None:
    op.create_table(
        "final_labels",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("item_id", sa.String(32), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_final_labels"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_final_labels_item_id"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name="fk_final_labels_rater_id"),
        sa.UniqueConstraint("item_id", "number", name="uq_final_labels_item_id"),
        sa.CheckConstraint("number >= 1", name="ck_final_labels_number_positive"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )


def _make_triggers() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    # There the trigger of `answers` has stayed.
    for table in APPEND_ONLY[1:] if is_postgres else APPEND_ONLY:
        _refuse_changes(table, ("update", "delete"))


def _refuse_changes(table: str, changes: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        return
    for change in changes:
        op.execute(
            f"CREATE TRIGGER {table}_no_{change} BEFORE {change.upper()} ON {table} "
            f"BEGIN SELECT raise(ABORT, '{table} is append-only'); END"
        )
