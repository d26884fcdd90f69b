"""Fixtures of the metric's tests."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from specs_core.encoder import Encoder


@pytest.fixture(scope="session")
def tiny_encoder(tiny_checkpoint: Path) -> "Encoder":
    """The tiny random model, loaded."""
    from specs_core.encoder import load_encoder

    return load_encoder(str(tiny_checkpoint))
