"""SPECS: a CLIP-based score for long image captions, as a curve over the caption's detail units.

Names below are imported on first use, so that `import specs_core` loads neither torch nor spaCy.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "CHECKPOINTS": "checkpoints",
    "Checkpoint": "checkpoints",
    "Encoder": "encoder",
    "ScoreCurve": "curve",
    "SpecsError": "errors",
    "clip_score": "scoring",
    "cosine": "scoring",
    "load_encoder": "encoder",
    "read_image": "images",
    "score_curve": "curve",
    "segment": "segmentation",
    "specs_score": "scoring",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
