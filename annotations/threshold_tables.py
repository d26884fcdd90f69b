"""The table of the dip thresholds that models start with.

It belongs to the same database as those of `annotations.schema`, which says how all of them are kept.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from annotations.columns import metadata, time_column

# The latest row of a model's weights counts; a withdrawal is another row, with threshold 0. `rate` and what
# belongs to it are missing where nothing is promised: then somebody has chosen the threshold by eye.
thresholds = Table(
    "thresholds",
    metadata,
    Column("id", String(32), primary_key=True),
    Column(
        "model_sha256",
        String(64),
        CheckConstraint("length(model_sha256) = 64", "model_sha256_length"),
        nullable=False,
    ),
    Column("number", Integer, CheckConstraint("number >= 1", "number_positive"), nullable=False),
    Column("model", Text, nullable=False),
    Column("threshold", Float(53), CheckConstraint("threshold >= 0", "threshold_positive"), nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("rate", Float(53), CheckConstraint("rate > 0 AND rate < 1", "rate_between")),
    Column("failure", Float(53), CheckConstraint("failure > 0 AND failure < 1", "failure_between")),
    Column("seed", Integer),
    Column("share", Float(53), CheckConstraint("share > 0 AND share < 1", "share_between")),
    Column("n_images", Integer, CheckConstraint("n_images >= 0", "n_images_counted"), nullable=False),
    Column("n_units", Integer, CheckConstraint("n_units >= 0", "n_units_counted"), nullable=False),
    Column("realised", Float(53), CheckConstraint("realised BETWEEN 0 AND 1", "realised_share")),
    Column("realised_low", Float(53)),
    Column("realised_high", Float(53)),
    Column("realised_images", Integer),
    Column(
        "unsure",
        String(12),
        CheckConstraint("unsure IN ('left_out', 'hallucinated', 'supported')", "unsure_known"),
    ),
    Column("choice", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("application_version", String(60), nullable=False),
    Column("rater_id", ForeignKey("raters.id"), nullable=False),
    time_column("created_at"),
    CheckConstraint("NOT withdrawn OR (threshold = 0 AND rate IS NULL)", "withdrawn_empty"),
    CheckConstraint("(rate IS NULL) = (failure IS NULL)", "promise_complete"),
    UniqueConstraint("model_sha256", "number"),
)
