"""What the form of the Analyse page offers: filters, questions and statistics, as data for its script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.analysis.definitions import DEFINITIONS
from annotations.correlation_levels import TIES
from annotations.correlation_report import LEVELS
from annotations.level_values import ties_at
from app.analysis_choice import form_of
from app.analysis_parts import N_RESAMPLES, SEED

if TYPE_CHECKING:
    from annotations.analysis.options import Options
    from annotations.analysis.table import AnalysisTable
    from app.analysis_parts import Asked

_LEVEL_NAMES: Final = {
    "pooled": "pooled",
    "per_image": "per image",
    "per_image_zero": "per image, constant as 0",
    "per_system": "per system",
    "per_system_zero": "per system, constant as 0",
    "between_systems": "between systems",
}
_UNKNOWN_SYSTEM: Final = "unknown system"


def form_view(asked: Asked, options: Options, table: AnalysisTable) -> dict[str, Any]:
    """Return what can be chosen, and what is.

    Args:
        asked: With a question and a metric that there are.
        options: Of the whole database.
        table: What the choice gave.

    Returns:
        Plain data; names are text and never HTML.
    """
    lengths = table.lengths[~np.isnan(table.lengths)]
    chosen = form_of(asked)
    if table.model is not None:
        chosen["model"] = table.model.sha256
    return {
        "campaigns": [_option(one.id, one.name) for one in options.campaigns],
        "raters": [_option(one.id, one.name) for one in options.raters],
        "systems": [_option(name, name or _UNKNOWN_SYSTEM) for name in options.systems],
        "tokens": [int(lengths.min()), int(lengths.max())] if len(lengths) else ["", ""],
        "days": list(options.days or ("", "")),
        "models": [
            _option(one.sha256, f"{one.model} · {one.sha256[:8]} ({one.captions:,})") for one in table.models
        ],
        "questions": [_option(name, name) for name in table.answers],
        "coefficients": [
            {
                **_option(name, name, definition=_text(name), source=DEFINITIONS[name].source),
                "ties": {level: ties_at(name, level) for level in LEVELS},
            }
            for name in TIES
        ],
        "levels": [_option(name, _LEVEL_NAMES[name], definition=_text(name)) for name in LEVELS],
        "interval": (
            f"95 % intervals: expanded percentile bootstrap over images, {N_RESAMPLES:,} resamples, seed "
            f"{SEED}, because captions of one image are not independent."
        ),
        "chosen": chosen,
    }


def _option(name: str, label: str, **more: str) -> dict[str, str]:
    return {"name": name, "label": label, **more}


def _text(name: str) -> str:
    return DEFINITIONS[name].text.removesuffix(".")
