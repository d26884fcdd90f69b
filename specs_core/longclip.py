"""Checkpoint files into open_clip models: LongCLIP and SPECS state dicts, and open_clip's own format.

Only tensors are ever read (`torch.load(weights_only=True)` or safetensors), every tensor's shape is
compared with the model's before anything is loaded, and whatever is wrong with a file comes out as one
CheckpointError.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from open_clip.pretrained import get_pretrained_cfg
from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict
from PIL import Image
from torch import Tensor, nn

from specs_core.checkpoints import (
    OPEN_CLIP_CONFIG,
    OPEN_CLIP_PREFIX,
    OPEN_CLIP_WEIGHTS,
    PHOTOGRAPHS,
    Checkpoint,
    config_beside,
    size_on_disk,
)
from specs_core.errors import CheckpointError, UnknownModelError
from specs_core.text_input import make_tokenizer
from specs_core.vocabulary_subset import expand_vocabulary

# LongCLIP keeps CLIP's first positions as they are and stretches the rest.
KEPT_POSITIONS = 20
HEAD_WIDTH = 64

_PREPROCESSING = ("mean", "std", "interpolation", "resize_mode", "fill_color")

# Entries of published state dicts that are no weights of the model.
_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "mask1", "mask2")
_FOREIGN_PICKLE = (AssertionError, AttributeError, EOFError, LookupError, TypeError, pickle.UnpicklingError)
_BROKEN_FILE = (OSError, RuntimeError, ValueError, ArithmeticError, struct.error, zipfile.BadZipFile)
_UNREADABLE = (*_BROKEN_FILE, *_FOREIGN_PICKLE)

StateDict = dict[str, Tensor]


@dataclass(frozen=True)
class LoadedModel:
    """A model ready for use.

    Attributes:
        model: An open_clip model in evaluation mode, float32, on the CPU.
        preprocess: From an RGB image to a (3, S, S) float32 tensor.
        tokenizer: open_clip's tokenizer for it.
        image_size: S, in pixels.
        embed_dim: Width of the shared feature space.
        context_length: Tokens that the text tower reads, start- and end-of-text included.
        resize_mode: What `preprocess` scales to S, and whether it crops or pads: "shortest" side and crop,
            "longest" side and pad, or both sides, "squash".
    """

    model: nn.Module
    preprocess: Callable[[Image.Image], Tensor]
    tokenizer: Any
    image_size: int
    embed_dim: int
    context_length: int
    resize_mode: str = "shortest"


def load_model(checkpoint: Checkpoint, path: Path) -> LoadedModel:
    """Load a checkpoint file into an open_clip model.

    Args:
        checkpoint: What the file is said to be.
        path: The file.

    Returns:
        The model with its preprocessing and tokenizer.

    Raises:
        CheckpointError: The file is truncated, foreign or of the wrong shape, or its configuration is.
    """
    state = read_state_dict(path)
    if checkpoint.format == "longclip":
        try:
            config: dict[str, Any] = {"model_cfg": longclip_config(state)}
            state = merge_positions(state)
        except CheckpointError as error:
            raise CheckpointError(f"{path.name}: {error}") from error
    elif checkpoint.source == "open_clip":
        config = open_clip_config(checkpoint)
    else:
        found = config_beside(path)
        if found is None:
            raise CheckpointError(f"{path.name} needs its configuration in open_clip_config.json beside it")
        config = found
    model = build_model(config["model_cfg"], where=path.name)
    load_weights(model, state, where=path.name)
    return _with_preprocessing(model, config)


def read_state_dict(path: Path) -> StateDict:
    """Read the tensors of a checkpoint file, as float32 where they are floating point.

    Args:
        path: A safetensors file, or a file that `torch.save` wrote; wrappers under "state_dict" or "model"
            and the prefix "module." are taken off.

    Returns:
        Tensors by name.

    Raises:
        CheckpointError: The file is missing, truncated, or holds anything but tensors.
    """
    try:
        content: Any
        if path.suffix == ".safetensors":
            from safetensors import SafetensorError
            from safetensors.torch import load_file

            try:
                content = load_file(path)
            except SafetensorError as error:
                raise ValueError(error) from error
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        if isinstance(error, FileNotFoundError):
            raise CheckpointError(f"there is no checkpoint file {path}") from error
        raise CheckpointError(
            f"{path.name} is not a readable checkpoint: it is cut short, or no file of plain tensors "
            "(safetensors, or a state dict saved by torch)"
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"{path.name} holds a {type(content).__name__}, not tensors by name")
    state: StateDict = {}
    for name, value in content.items():
        if not isinstance(name, str):
            raise CheckpointError(f"{path.name} has an entry named {name!r}, which is no weight's name")
        bare = name.removeprefix("module.")
        if bare in _NOT_WEIGHTS:
            continue
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise CheckpointError(f"{path.name} has a {kind} under {name!r} in place of a tensor")
        state[bare] = value.float() if value.is_floating_point() else value
    return state


def longclip_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Infer open_clip's model configuration from a LongCLIP state dict.

    Args:
        state: Tensors by name, as the published LongCLIP and SPECS files hold them.

    Returns:
        embed_dim, quick_gelu, vision_cfg and text_cfg; heads are width / 64.

    Raises:
        CheckpointError: A tensor that tells the shape is missing, or the shapes contradict each other.
    """
    needed = {
        "positional_embedding": 2,
        "positional_embedding_res": 2,
        "text_projection": 2,
        "token_embedding.weight": 2,
        "ln_final.weight": 1,
        "visual.conv1.weight": 4,
        "visual.positional_embedding": 2,
    }
    for name, axes in needed.items():
        if name not in state:
            raise CheckpointError(
                f"not a LongCLIP checkpoint, it has no {name} (open_clip's format needs {OPEN_CLIP_CONFIG})"
            )
        if state[name].dim() != axes:
            raise CheckpointError(f"{name} has {state[name].dim()} axes, not {axes}")
    if state["positional_embedding"].shape != state["positional_embedding_res"].shape:
        raise CheckpointError(
            f"positional_embedding {_shape(state['positional_embedding'])} and positional_embedding_res "
            f"{_shape(state['positional_embedding_res'])} differ in shape"
        )
    width, _, patch, _ = state["visual.conv1.weight"].shape
    text_width = state["ln_final.weight"].shape[0]
    patches = state["visual.positional_embedding"].shape[0] - 1  # one position is the class token's
    side = round(max(patches, 0) ** 0.5)
    if side < 1 or side * side != patches:
        raise CheckpointError(f"visual.positional_embedding has {patches} patches, which is no square")
    for name, size in (("visual", width), ("text", text_width)):
        if size < HEAD_WIDTH or size % HEAD_WIDTH:
            raise CheckpointError(f"the {name} width {size} is no multiple of the head width {HEAD_WIDTH}")
    return {
        "embed_dim": state["text_projection"].shape[1],
        "quick_gelu": True,
        "vision_cfg": {
            "image_size": side * patch,
            "layers": _count_layers(state, "visual.transformer.resblocks."),
            "width": width,
            "head_width": HEAD_WIDTH,
            "patch_size": patch,
        },
        "text_cfg": {
            "context_length": state["positional_embedding"].shape[0],
            "vocab_size": state["token_embedding.weight"].shape[0],
            "width": text_width,
            "heads": text_width // HEAD_WIDTH,
            "layers": _count_layers(state, "transformer.resblocks."),
        },
    }


def merge_positions(state: Mapping[str, Tensor]) -> StateDict:
    """Merge LongCLIP's two position tables into the one that open_clip has.

    LongCLIP adds both under complementary masks: positions 0..19 from one, 20.. from the other. Their sum
    is a plain table.

    Args:
        state: A LongCLIP state dict.

    Returns:
        A copy without `positional_embedding_res`.

    Source: Zhang et al. 2024, Long-CLIP, section 3.1 (knowledge-preserved stretching).
    """
    merged = dict(state)
    stretched = merged.pop("positional_embedding_res")
    kept = merged["positional_embedding"]
    merged["positional_embedding"] = torch.cat([kept[:KEPT_POSITIONS], stretched[KEPT_POSITIONS:]])  # (P, W)
    return merged


def build_model(config: Mapping[str, Any], *, where: str) -> nn.Module:
    """Build an open_clip model with random weights from its configuration.

    Args:
        config: embed_dim, vision_cfg, text_cfg and whatever else open_clip's model JSON files may hold.
        where: File name for the error.

    Raises:
        CheckpointError: open_clip does not understand the configuration.
    """
    options = deepcopy(dict(config))
    custom_text = options.pop("custom_text", False)
    model_class: Callable[..., nn.Module] = open_clip.CLIP
    if "multimodal_cfg" in options:
        model_class = open_clip.CoCa
    elif custom_text or "hf_model_name" in options["text_cfg"]:
        model_class = open_clip.CustomTextCLIP
    # The checkpoint holds every weight, so the towers have nothing of their own to download.
    if "timm_model_name" in options["vision_cfg"]:
        options["vision_cfg"]["timm_model_pretrained"] = False
    if "hf_model_name" in options["text_cfg"]:
        options["text_cfg"]["hf_model_pretrained"] = False
    try:
        return model_class(**options).eval()
    except (TypeError, ValueError, KeyError, RuntimeError, AssertionError, AttributeError) as error:
        raise CheckpointError(f"open_clip cannot build the model that {where} describes: {error}") from error


def load_weights(model: nn.Module, state: Mapping[str, Tensor], *, where: str) -> None:
    """Load every weight of a model, all or nothing.

    Args:
        model: An open_clip model.
        state: Tensors by name.
        where: File name for the error.

    Raises:
        CheckpointError: A weight is missing, unknown, of another shape or not finite.
    """
    weights = dict(convert_state_dict(model, dict(state)))
    if not hasattr(model, "positional_embedding"):
        weights = convert_to_custom_text_state_dict(weights)
    weights = expand_vocabulary(weights, vocab_size=getattr(model, "vocab_size", 0), where=where)
    expected = model.state_dict()
    for scalar in ("logit_scale", "logit_bias"):
        # Published files hold these as () or as (1,).
        if scalar in weights and scalar in expected and weights[scalar].numel() == expected[scalar].numel():
            weights[scalar] = weights[scalar].reshape(expected[scalar].shape)
    problems = (
        [f"{name} is missing" for name in expected if name not in weights]
        + [f"{name} is unknown to the model" for name in weights if name not in expected]
        + [
            f"{name} has shape {_shape(weights[name])} and the model needs {_shape(expected[name])}"
            for name in expected
            if name in weights and weights[name].shape != expected[name].shape
        ]
    )
    if not problems:
        problems = [
            f"{name} holds numbers that are not finite" for name in weights if not _finite(weights[name])
        ]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise CheckpointError(f"{where} does not fit the model it is meant for: {problems[0]}{more}")
    model.load_state_dict(weights)


def open_clip_checkpoint(name: str) -> Checkpoint:
    """Find one of open_clip's own models.

    Args:
        name: "open_clip:ARCH/TAG".

    Raises:
        UnknownModelError: open_clip knows no such architecture, or has no such weights for it.
    """
    architecture, _, tag = name.removeprefix(OPEN_CLIP_PREFIX).partition("/")
    if architecture not in open_clip.list_models():
        raise UnknownModelError(
            f"open_clip has no architecture {architecture!r}; "
            f"a name looks like {OPEN_CLIP_PREFIX}ViT-B-16/laion2b_s34b_b88k"
        )
    weights = get_pretrained_cfg(architecture, tag)
    if not weights.get("hf_hub"):
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(architecture)) or "none"
        raise UnknownModelError(f"open_clip has no weights {tag!r} for {architecture}; it has: {tags}")
    repo_id, _, filename = weights["hf_hub"].rpartition("/")
    checkpoint = Checkpoint(
        name=name,
        source="open_clip",
        repo_id=repo_id,
        filename=filename or OPEN_CLIP_WEIGHTS[0],
        sha256=None,
        format="open_clip",
        architecture=architecture,
        tag=tag,
        context_length=open_clip.get_model_config(architecture)["text_cfg"].get("context_length", 77),
        domain=PHOTOGRAPHS,
        trained_on=f"see the card of {repo_id} on the hub",
        licence=f"see the card of {repo_id} on the hub",
    )
    return replace(checkpoint, size_bytes=size_on_disk(checkpoint))


def open_clip_config(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return model and preprocessing configuration of one of open_clip's own models.

    Args:
        checkpoint: With source "open_clip".
    """
    weights = get_pretrained_cfg(checkpoint.architecture, checkpoint.tag)
    model = open_clip.get_model_config(checkpoint.architecture)
    if weights.get("quick_gelu"):
        # open_clip only warns where the architecture lacks the activation that the weights know.
        model["quick_gelu"] = True
    return {
        "model_cfg": model,
        "preprocess_cfg": {key: weights[key] for key in _PREPROCESSING if key in weights},
    }


def _with_preprocessing(model: nn.Module, config: Mapping[str, Any]) -> LoadedModel:
    visual: Any = model.visual
    options = merge_preprocess_dict(asdict(PreprocessCfg()), dict(config.get("preprocess_cfg", {})))
    size = visual.image_size
    options["size"] = size
    text = config["model_cfg"]["text_cfg"]
    context_length = int(text.get("context_length", 77))
    return LoadedModel(
        model=model,
        preprocess=image_transform_v2(PreprocessCfg(**options), is_train=False),
        tokenizer=make_tokenizer(text, context_length=context_length),
        image_size=int(size[0] if isinstance(size, (tuple, list)) else size),
        embed_dim=int(config["model_cfg"]["embed_dim"]),
        context_length=context_length,
        resize_mode=str(options["resize_mode"]),
    )


def _count_layers(state: Mapping[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)})


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "()"


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
