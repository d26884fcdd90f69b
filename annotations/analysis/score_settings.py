"""On what the chosen weights have run: precision, device and versions, as the curves of their scores tell."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, select

from annotations.analysis.table import AnalysisTable
from annotations.engine import reading
from annotations.schema import scores

SETTINGS: Final = (
    "dtype",
    "device",
    "torch_version",
    "open_clip_version",
    "specs_version",
    "segmenter",
    "segmenter_version",
    "context_length",
    "image_size",
)
"""What a curve may record of how it was made."""


@dataclass(frozen=True)
class ScoreSettings:
    """How the scores of the chosen weights were made.

    Attributes:
        values: By the name of the setting, one of `SETTINGS`, how many captions record which value.
        n_recorded: Captions whose curve records anything of it.
        n_not_recorded: Rated captions without such a record, for example those whose scores are from a file.
    """

    values: Mapping[str, Mapping[str, int]]
    n_recorded: int
    n_not_recorded: int


def not_recorded(table: AnalysisTable) -> ScoreSettings:
    """Return what is known of scores that came from a file: nothing."""
    return ScoreSettings({}, 0, len(table))


def read_score_settings(engine: Engine, table: AnalysisTable) -> ScoreSettings:
    """Read how the scores of the chosen weights were made.

    Args:
        engine: From `open_database`.
        table: The rated captions; those alone count.

    Raises:
        StorageError: If the database fails.
    """
    if table.model is None:
        return not_recorded(table)
    rated = set(table.items)
    found: dict[str, Counter[str]] = {name: Counter() for name in SETTINGS}
    recorded = set()
    wanted = select(scores.c.item_id, scores.c.curve).where(
        scores.c.model_sha256 == table.model.sha256, scores.c.curve.is_not(None)
    )
    with reading(engine) as connection:
        for item, curve in connection.execute(wanted):
            provenance = json.loads(curve).get("provenance") if item in rated else None
            if not isinstance(provenance, dict) or item in recorded:
                continue
            recorded.add(item)
            for name in SETTINGS:
                if provenance.get(name) is not None:
                    found[name][str(provenance[name])] += 1
    values = {name: dict(counts.most_common()) for name, counts in found.items() if counts}
    return ScoreSettings(values, len(recorded), len(rated) - len(recorded))
