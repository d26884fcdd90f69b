"""Where in the image a unit's delta comes from: gradient times attention in the vision tower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from PIL import Image
from torch import Tensor

from specs_core.encoder import Encoder
from specs_core.errors import HeatMapError
from specs_core.images import seen_region

FloatArray = npt.NDArray[np.float32]

ROLLOUT = "gradient times attention, rolled out over the layers"
POOL = "gradient times attention of the pool, sharpened by gradient times activation behind the stem"
INPUT = "gradient times input"


@dataclass(frozen=True, eq=False)
class HeatMap:
    """An estimate of where in an image a change of similarity comes from.

    Attributes:
        values: (h, w) float32 over the model's square input, from the upper left: positive where the image
            speaks for the change, negative where against. Their size means nothing by itself.
        region: (left, top, right, bottom), the part of the original image that the square shows, in its
            pixels; beyond the image where the preprocessing pads.
        delta: The change of the cosine that the map is of.
        method: How it was made.
        parts: (h', w') float32 maps that it is made of, by name.
    """

    values: FloatArray
    region: tuple[float, float, float, float]
    delta: float
    method: str
    parts: Mapping[str, FloatArray] = field(default_factory=dict)


def heat_map(
    encoder: Encoder, image: Image.Image, before: npt.ArrayLike | None, after: npt.ArrayLike
) -> HeatMap:
    """Estimate where in an image the change of similarity from one text to another comes from.

    Args:
        encoder: A model whose vision tower is open_clip's VisionTransformer, read at the class token, or its
            ModifiedResNet.
        image: An RGB image, as `specs_core.images.read_image` returns it.
        before: (D,) features of the prefix without the unit; None for the first unit, whose similarity itself
            is explained.
        after: (D,) features of the prefix with it.

    Returns:
        The map.

    Raises:
        HeatMapError: The vision tower is another, a feature does not exist (NaN: the unit lies beyond the
            context) or is no feature of this model, or the weights lead to numbers that are not finite.

    Source: Chefer, Gur and Wolf 2021, Generic Attention-model Explainability, equations 5 and 6;
        docs/metrics.md, "Heat map".
    """
    return ImageEvidence(encoder, image).heat_map(before, after)


class ImageEvidence:
    """One forward pass of an image with its graph, so that the map of each unit costs one backward pass.

    It holds the activations of the whole vision tower: some tens of megabytes for a ViT-B/32.

    Attributes:
        features: (D,) float32 of unit length, those of `Encoder.image_features`.
        region: As in `HeatMap`.
    """

    def __init__(self, encoder: Encoder, image: Image.Image) -> None:
        tower = encoder.model.visual
        _check_tower(encoder, tower)
        self.region = seen_region(image.size, encoder.image_size, resize_mode=encoder.resize_mode)
        self._label = encoder.checkpoint.label
        self._watched: list[Tensor]
        with torch.no_grad():
            pixels = encoder.pixels([image])
        with torch.enable_grad():
            if isinstance(tower, ModifiedResNet):
                raw, self._watched = _encode_by_pool(tower, pixels)
                self._grid = None
            else:
                raw, self._watched = _encode_by_blocks(tower, pixels)
                self._grid = (int(tower.grid_size[0]), int(tower.grid_size[1]))
            self._feature = F.normalize(raw.float(), dim=-1)  # (D,)
        self.features: FloatArray = encoder.unit_length([raw.detach()[None]])[0]

    def heat_map(self, before: npt.ArrayLike | None, after: npt.ArrayLike) -> HeatMap:
        """Estimate where the change from `before` to `after` comes from, as the function `heat_map` does."""
        change = _change(before, after, self._feature, self._label)
        delta = self._feature @ change
        # The graph is kept for the next unit.
        gradients = torch.autograd.grad(delta, self._watched, retain_graph=True)
        weighted = [
            value.detach() * gradient for value, gradient in zip(self._watched, gradients, strict=True)
        ]
        values, parts = _pooled(weighted) if self._grid is None else _rolled_out(weighted, self._grid)
        return HeatMap(
            values=_array(values, self._label),
            region=self.region,
            delta=float(delta.detach()),
            method=POOL if self._grid is None else ROLLOUT,
            parts={name: _array(part, self._label) for name, part in parts.items()},
        )


def gradient_times_input(
    encoder: Encoder, image: Image.Image, before: npt.ArrayLike | None, after: npt.ArrayLike
) -> HeatMap:
    """Return the simplest map of all, on any vision tower: each pixel times its gradient.

    Args:
        encoder: The model.
        image: As for `heat_map`.
        before: Likewise.
        after: Likewise.

    Returns:
        The map, (S, S). Something to hold `heat_map` against.

    Raises:
        HeatMapError: A feature does not exist or is no feature of this model, or the weights lead to numbers
            that are not finite.

    Source: Shrikumar et al. 2016, Not Just a Black Box.
    """
    label = encoder.checkpoint.label
    with torch.enable_grad():
        pixels = encoder.pixels([image]).requires_grad_()  # (1, 3, S, S)
        feature = F.normalize(encoder.model.encode_image(pixels)[0].float(), dim=-1)
        delta = feature @ _change(before, after, feature, label)
        (gradient,) = torch.autograd.grad(delta, pixels)
    return HeatMap(
        values=_array((pixels.detach() * gradient)[0].sum(0), label),
        region=seen_region(image.size, encoder.image_size, resize_mode=encoder.resize_mode),
        delta=float(delta.detach()),
        method=INPUT,
    )


def _check_tower(encoder: Encoder, tower: Any) -> None:
    if isinstance(tower, ModifiedResNet):
        return
    if (
        isinstance(tower, VisionTransformer)
        and tower.attn_pool is None
        and tower.pool_type == "tok"
        and tower.image_size[0] == tower.image_size[1]
        and all(isinstance(block, ResidualAttentionBlock) for block in tower.transformer.resblocks)
    ):
        return
    raise HeatMapError(
        f"the vision tower of model {encoder.checkpoint.label} ({type(tower).__name__}) has no heat map: "
        "choose a model with a CLIP vision transformer that is read at its class token, or a CLIP ResNet"
    )


def _encode_by_blocks(tower: Any, pixels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the feature (D,) of a vision transformer and the attention (1, H, T, T) of every layer."""
    x = tower._embeds(pixels)  # (1, T, W)
    attention: list[Tensor] = []
    for block in tower.transformer.resblocks:
        module = block.attn
        flat = F.linear(block.ln_1(x), module.in_proj_weight, module.in_proj_bias)
        q, k, v = (_heads(part, module.num_heads) for part in flat.chunk(3, dim=-1))
        attention.append(_watch(torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, dim=-1)))
        mixed = (attention[-1] @ v).transpose(1, 2).flatten(2)  # (1, T, W)
        x = x + block.ls_1(module.out_proj(mixed))
        x = x + block.ls_2(block.mlp(block.ln_2(x)))
    pooled, _ = tower._pool(x)
    return (pooled if tower.proj is None else pooled @ tower.proj)[0], attention


def _encode_by_pool(tower: Any, pixels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the feature (D,) of a ResNet, its stem's output (1, C, h, w) and its pool's attention.

    The pool's attention (1, H, 1, 1 + n) is that of the mean of the n cells, which is the query and the first
    of the keys.
    """
    stem = _watch(tower.stem(pixels))
    x = tower.layer4(tower.layer3(tower.layer2(tower.layer1(stem))))
    pool = tower.attnpool
    cells = x.flatten(2).mT  # (1, n, W)
    tokens = torch.cat([cells.mean(1, keepdim=True), cells], dim=1) + pool.positional_embedding
    asked = (pool.q_proj(tokens[:, :1]), pool.k_proj(tokens), pool.v_proj(tokens))
    q, k, v = (_heads(flat, pool.num_heads) for flat in asked)
    attention = torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, dim=-1)
    mixed = (attention @ v).transpose(1, 2).flatten(2)  # (1, 1, W)
    feature: Tensor = pool.c_proj(mixed)[0, 0]
    return feature, [stem, attention]


def _heads(flat: Tensor, heads: int) -> Tensor:
    return flat.view(*flat.shape[:2], heads, -1).transpose(1, 2)  # (1, H, T, W / H)


def _watch(tensor: Tensor) -> Tensor:
    # The first one starts the graph: what lies below it needs no gradient.
    return tensor if tensor.requires_grad else tensor.requires_grad_()


def _rolled_out(weighted: list[Tensor], grid: tuple[int, int]) -> tuple[Tensor, dict[str, Tensor]]:
    """Roll gradient times attention, (1, H, T, T) a layer, out over the layers, for both signs."""
    # Differs from the paper: it keeps what speaks for the target alone. With the target's sign turned round,
    # the gradients turn round too, so the same graph gives what speaks against; the map is the difference.
    speaking = [
        _class_row([(sign * layer).clamp(min=0)[0].mean(0) for layer in weighted]) for sign in (1, -1)
    ]
    parts = {
        "for": speaking[0].view(grid),
        "against": -speaking[1].view(grid),
        "last layer": weighted[-1][0].mean(0)[0, 1:].view(grid),
    }
    return parts["for"] + parts["against"], parts


def _class_row(layers: list[Tensor]) -> Tensor:
    """Return the class token's relevance to the patches, (T - 1,), from A_bar (T, T) of every layer."""
    # Equation 6, R <- R + A_bar R from R = 1, read in the class token's row: that row of the product
    # (1 + A_bar_L) ... (1 + A_bar_1), which is a row vector times one matrix after the other.
    row = torch.zeros_like(layers[-1][0])
    row[0] = 1
    for layer in reversed(layers):
        row = row + row @ layer
    return row[1:]


def _pooled(weighted: list[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Join a ResNet's two places: behind the stem (1, C, h, w), and in the pool (1, H, 1, 1 + n)."""
    stem = weighted[0][0].sum(0)  # (h, w)
    cells = weighted[1][0, :, 0, 1:].mean(0)  # (n,)
    side = round(len(cells) ** 0.5)
    pool = cells.view(side, side)
    # Differs from the paper: a ResNet has one layer of attention, over cells as large as objects. It says how
    # much a cell speaks and on which side; the size of the finer map says where in the cell. The finer map's
    # own signs change within an object and lead astray: docs/metrics.md, "Heat map".
    coarse = F.interpolate(pool[None, None], tuple(stem.shape), mode="bilinear", align_corners=False)[0, 0]
    fine = F.avg_pool2d(stem.abs()[None, None], 3, stride=1, padding=1, count_include_pad=False)[0, 0]
    return coarse * fine, {"attention of the pool": pool, "activation behind the stem": stem}


def _change(before: npt.ArrayLike | None, after: npt.ArrayLike, feature: Tensor, label: str) -> Tensor:
    """Return `after` minus `before` as a tensor beside the image's feature."""
    features = [np.asarray(text, dtype=np.float32) for text in (before, after) if text is not None]
    for text in features:
        if text.shape != tuple(feature.shape):
            raise HeatMapError(
                f"the text has features of shape {text.shape} and model {label} has {len(feature)} numbers: "
                "encode it with the model of the image"
            )
        if not np.isfinite(text).all():
            raise HeatMapError("the unit has no delta to show: it lies beyond what the model reads")
    change = features[-1] - features[0] if before is not None else features[0]
    return torch.from_numpy(change).to(feature.device)


def _array(values: Tensor, label: str) -> FloatArray:
    if not bool(torch.isfinite(values).all()):
        raise HeatMapError(f"model {label} gives a heat map that is not finite")
    array: FloatArray = values.detach().float().cpu().numpy()
    return array
