"""The examples that come with the app: drawn scenes with a true caption and one with a false fact."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

EXAMPLES_DIR = Path(__file__).parent / "assets" / "examples"


@dataclass(frozen=True)
class Example:
    """One drawn scene.

    Attributes:
        image: File name in the examples folder.
        caption: A caption in which everything is true.
        false_caption: The same caption with one fact wrong.
        false_text: The part of ``false_caption`` that is wrong.
    """

    image: str
    caption: str
    false_caption: str
    false_text: str

    @property
    def path(self) -> Path:
        """The image file."""
        return EXAMPLES_DIR / self.image


def load_examples() -> tuple[Example, ...]:
    """Read the examples; none where the folder has none."""
    index = EXAMPLES_DIR / "examples.json"
    if not index.is_file():
        return ()
    rows = json.loads(index.read_text(encoding="utf-8"))["examples"]
    return tuple(
        Example(
            image=Path(row["image"]).name,
            caption=row["caption"],
            false_caption=row["false_caption"],
            false_text=row["false_caption"][slice(*row["false_span"])],
        )
        for row in rows
    )
