"""A small file of images with captions, and a configuration to fine-tune the tiny model on it."""

import json

import pytest
from PIL import Image, ImageDraw

from specs_core.training.finetune_config import parse_finetune_config

KINDS = ("disc", "square", "bar", "ring", "cross", "arch", "wedge", "star")
TINTS = {"red": "#c0392b", "blue": "#1f4e9c", "green": "#3a7d44", "black": "#222222"}


@pytest.fixture(scope="session")
def pair_file(tmp_path_factory):
    """Sixteen images with captions of three to four units; half have units and false facts of their own."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = []
    for number in range(16):
        kind, tint = KINDS[number % 8], list(TINTS)[number % 4]
        image = Image.new("RGB", (64, 64), "#fdf6e3")
        ImageDraw.Draw(image).ellipse((4, 4, 20 + 2 * number, 40), fill=TINTS[tint])
        image.save(folder / f"{number}.png")
        units = [
            f"A {tint} {kind} number {number} ",
            "lies on pale ground, ",
            f"near shape {number} of many.",
        ]
        if number % 3 == 0:
            units.append(f" It casts no shadow {number}.")
        caption = "".join(units)
        row = {"id": f"p{number}", "image": f"{number}.png", "caption": caption}
        if number % 2:
            ends = [len("".join(units[: u + 1])) for u in range(len(units))]
            start = caption.index("pale")
            row["units"] = [[a, b] for a, b in zip([0, *ends], ends, strict=False)]
            row["false_facts"] = [{"span": [start, start + 4], "text": "dark", "type": "background"}]
        rows.append(json.dumps(row))
    path = folder / "train.jsonl"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def finetune_text(pair_file, tiny_checkpoint):
    """A function that returns a configuration as TOML text, with lines added at the top and per table."""

    def text(top="steps = 4\nbatch = 8", **tables):
        parts = [f"seed = 3\nlearning_rate = 1e-3\nwarmup = 2\nbf16 = false\n{top}"]
        values = {"start": f"model = '{tiny_checkpoint}'", "data": f"train = '{pair_file}'"}
        for name in ("start", "data", "loss", "negatives"):
            parts.append(f"[{name}]\n{values.get(name, '')}\n{tables.get(name, '')}")
        return "\n".join(parts)

    return text


@pytest.fixture
def finetune_config(finetune_text):
    """The same as a configuration."""

    def config(*args, **tables):
        return parse_finetune_config(finetune_text(*args, **tables))

    return config
