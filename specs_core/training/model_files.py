"""Fine-tuned models on disk: in the format that they came in, with where they come from beside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from specs_core.checkpoints import Checkpoint, config_beside
from specs_core.errors import CheckpointError
from specs_core.longclip import open_clip_config


def origin_of(checkpoint: Checkpoint, data: Path) -> dict[str, str]:
    """Return domain, training data and licence of a model that was fine-tuned from a checkpoint on data."""
    return {
        "domain": checkpoint.domain,
        "trained_on": f"{data.name}, from {checkpoint.label} ({checkpoint.trained_on})",
        "licence": f"{checkpoint.licence} ({checkpoint.label}); and whatever {data.name} asks for",
    }


def write_like(
    model: nn.Module, folder: Path, checkpoint: Checkpoint, source: Path, beside: dict[str, Any]
) -> Path:
    """Write a model in float32, in the format of the checkpoint that it came from.

    Args:
        model: An open_clip model.
        folder: Where `model.pt` (LongCLIP's format) or `model.safetensors` (open_clip's) goes.
        checkpoint: What the model was before.
        source: Its file.
        beside: For the JSON file beside; open_clip's configuration is added where the format needs it.

    Returns:
        The path of the weights.

    Raises:
        CheckpointError: The source has lost its configuration.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if checkpoint.format == "longclip":
        path = folder / "model.pt"
        torch.save(split_positions(state), path)
    else:
        config = open_clip_config(checkpoint) if checkpoint.source == "open_clip" else config_beside(source)
        if config is None:
            raise CheckpointError(f"{source.name} needs its configuration in open_clip_config.json beside it")
        path = folder / "model.safetensors"
        save_file(state, path)
        beside = {"open_clip_config": config, **beside}
    path.with_suffix(".json").write_text(json.dumps(beside, indent=1) + "\n", encoding="utf-8")
    return path


def split_positions(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a LongCLIP state dict of an open_clip one, the reverse of `merge_positions`.

    LongCLIP reads the first positions from one table and the others from the second, so both may be whole.
    """
    return {**state, "positional_embedding_res": state["positional_embedding"].clone()}
