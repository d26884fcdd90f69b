"""Features that a scene's facts would have, which teach both towers a common language."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from specs_core.errors import ConfigError
from specs_core.scenes.world import BACKGROUNDS, KINDS, SIZES, TINTS
from specs_core.training.fact_table import OUTPUT_TYPES, OUTPUTS

if TYPE_CHECKING:
    from specs_core.training.scene_batches import SceneBatch


#: Dimensions of a kind's signature, which binds its tint, size, row and column to it.
SIGNATURE = 16

#: Share that a relation adds to what it lets one believe, whatever was told before. What "above the car"
#: implies needs both places looked up in the text; this needs its own words only.
_ENDS = 0.3

_VALUES = {"tint": tuple(TINTS), "size": SIZES, "row": ("0", "1", "2"), "column": ("0", "1", "2")}
_TYPES = ("background", "kind", *_VALUES)

#: Type -> the outputs of which one holds, (groups, values): one group of all backgrounds or of all kinds, and
#: one group a kind for the rest.
_GROUPS = {
    "background": torch.tensor([[OUTPUTS["background", name] for name in BACKGROUNDS]]),
    "kind": torch.tensor([[OUTPUTS["kind", kind] for kind in KINDS]]),
    **{
        name: torch.tensor([[OUTPUTS[name, kind, value] for value in values] for kind in KINDS])
        for name, values in _VALUES.items()
    },
}


def fact_codes(features: int) -> Tensor:
    """Return the direction of every output in the joint space, (F, D).

    Backgrounds and kinds have an axis each. "Red car" is the outer product of the car's signature and of red,
    the values of an attribute being the corners of a simplex. So what binds a tint to a kind is a hundred
    products that all kinds share, not one direction for each of 46 x 7 pairs, which each tower would have to
    learn one by one.

    Raises:
        ConfigError: The joint space has too few dimensions.

    Source: Smolensky 1990 (tensor products that bind values to roles), with signatures in place of axes.
    """
    signatures = _spread(len(KINDS), SIGNATURE)
    axes = torch.eye(len(BACKGROUNDS) + len(KINDS))
    columns = len(axes)
    needed = columns + SIGNATURE * sum(len(values) - 1 for values in _VALUES.values())
    if features < needed:
        raise ConfigError(f"embed_dim must be at least {needed} to hold the facts of scenes; got {features}.")
    codes = torch.zeros(len(OUTPUTS), features)
    for fact, output in OUTPUTS.items():
        if fact[0] == "background":
            codes[output, :columns] = axes[list(BACKGROUNDS).index(fact[1])]
        elif fact[0] == "kind":
            codes[output, :columns] = axes[len(BACKGROUNDS) + list(KINDS).index(fact[1])]
    start = columns
    for name, values in _VALUES.items():
        corners = _simplex(len(values))
        width = SIGNATURE * corners.shape[1]
        for kind, signature in zip(KINDS, signatures, strict=True):
            for value, corner in zip(values, corners, strict=True):
                bound = torch.outer(signature, corner).flatten()
                codes[OUTPUTS[name, kind, value], start : start + width] = bound
        start += width
    return codes


def _simplex(corners: int) -> Tensor:
    """Return (n, n - 1) unit vectors with equal angles between them."""
    centred = torch.eye(corners) - 1 / corners
    left, lengths, _ = torch.linalg.svd(centred)
    return F.normalize((left * lengths)[:, :-1], dim=-1)


def _spread(count: int, dimensions: int) -> Tensor:
    """Return (count, dimensions) unit vectors that a short descent has moved away from each other."""
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(count, dimensions, generator=generator).requires_grad_()
    optimizer = torch.optim.Adam([points], lr=0.02)
    with torch.enable_grad():
        for _ in range(500):
            unit = F.normalize(points, dim=-1)
            crowding = (unit @ unit.T - torch.eye(count)).pow(4).sum()
            optimizer.zero_grad()
            crowding.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return F.normalize(points.detach(), dim=-1)


class FactTeacher(nn.Module):
    """Features of facts that meet the SPECS terms, and read-outs of facts; dropped after the training.

    An image's facts and what a text lets one believe are known exactly, so the terms can be met on them
    without any tower, in a few hundred steps of a few numbers: how much each type of fact weighs on either
    side, and a direction for how many facts and units a text has. The towers then have features to aim at
    that already rise with every true unit and fall with every false one. They find them by reading facts off
    their own features along the same directions, which they learn several times as fast as the aim itself.

    Source: ours: docs/metrics.md, "Training".
    """

    codes: Tensor
    types: Tensor

    def __init__(self, features: int, cell_channels: int) -> None:
        super().__init__()
        self.register_buffer("codes", fact_codes(features), persistent=False)  # (F, D)
        kinds = torch.tensor([_TYPES.index(name) for name in OUTPUT_TYPES])
        self.register_buffer("types", F.one_hot(kinds).float(), persistent=False)  # (F, types)
        # All at a tenth of what they stand for: Adam moves every number by about the learning rate, and
        # these few should be there before the towers.
        self.image_weights = nn.Parameter(torch.full((len(_TYPES),), 0.1))
        self.text_weights = nn.Parameter(torch.full((len(_TYPES),), 0.1))
        self.image_offset = nn.Parameter(torch.randn(features) * 0.01)
        # What a text counts: facts of each type, units, relations, and one for the text itself.
        self.counts = nn.Parameter(torch.randn(len(_TYPES) + 3, features) * 0.005)
        # Of the read-outs, for images, texts and single cells of an image.
        self.scales = nn.Parameter(torch.full((3, len(_TYPES)), math.log(15.0)))
        self.kind_bias = nn.Parameter(torch.full((3,), -3.0))
        self.cells = nn.Linear(cell_channels, len(KINDS) + 1 + len(TINTS) + len(SIZES))

    def image_features(self, facts: Tensor) -> Tensor:
        """Return (..., D) normalised features of what holds of images or of single cells, (..., F)."""
        weighed = facts * (self.types @ self.image_weights)
        return F.normalize(weighed @ self.codes + self.image_offset, dim=-1)

    def text_features(self, batch: SceneBatch) -> Tensor:
        """Return (R, D) normalised features of what the texts of a batch say."""
        facts, counts = batch.text_facts, batch.counts
        counted = torch.cat([facts @ self.types, counts, torch.ones_like(counts[:, :1])], dim=-1)
        weighed = (facts + _ENDS * batch.text_ends) * (self.types @ self.text_weights)
        return F.normalize(weighed @ self.codes + counted @ self.counts, dim=-1)

    def read_loss(self, features: Tensor, facts: Tensor, *, side: int) -> Tensor:
        """Return the cross-entropy of facts (R, F) read off normalised features (R, D), summed over types.

        Whether a kind is there is asked of every kind; its tint, size, row and column, and the background,
        only where `facts` tell something of them. `side` is 0 for images, 1 for texts, 2 for cells.
        """
        readings = features @ self.codes.T  # (R, F)
        scales = self.scales[side].exp()
        losses = []
        for number, outputs in enumerate(_GROUPS.values()):
            wanted, logits = facts[:, outputs], scales[number] * readings[:, outputs]  # (R, groups, values)
            if number == _TYPES.index("kind"):
                presence = F.binary_cross_entropy_with_logits(
                    logits + self.kind_bias[side], wanted, reduction="sum"
                )
                losses.append(presence / wanted.sum().clamp(min=1.0))
                continue
            told = wanted.sum(-1) > 0  # (R, groups)
            if told.any():
                losses.append(F.cross_entropy(logits[told], wanted[told]))
        return torch.stack(losses).sum()

    def relation_loss(self, features: Tensor, batch: SceneBatch, *, scale: float) -> Tensor:
        """Return softplus(-s d), d the shift of a line that a relation tells, read off what its unit changes.

        "Left of the car" shifts the car's column to one end and the other thing's to the other, whatever the
        text told before. In most captions both places are known by then, so the whole text can be read, and
        drawn near its aim, without the relation.

        Args:
            features: (R, D), normalised.
            batch: Which text extends which, and what its relations speak for.
            scale: s.
        """
        extended = batch.base >= 0
        base = batch.base[extended]
        told = batch.text_ends[extended] - batch.text_ends[base]  # (P, F)
        readings = (features[extended] - features[base]) @ self.codes.T
        lines = torch.cat([_GROUPS["row"], _GROUPS["column"]])  # (2 kinds, 3)
        shift = readings[:, lines[:, 0]] - readings[:, lines[:, 2]]  # (P, 2 kinds)
        wanted = told[:, lines[:, 0]] - told[:, lines[:, 2]]
        return F.softplus(-scale * (shift * wanted.sign())[wanted != 0]).mean()

    def cell_loss(self, cells: Tensor, batch: SceneBatch) -> Tensor:
        """Return the cross-entropy of kind, tint and size read from the vision tower's last map (N, 9, C)."""
        read = self.cells(cells).flatten(0, 1).split([len(KINDS) + 1, len(TINTS), len(SIZES)], dim=-1)
        targets = (batch.cells, batch.cell_tints, batch.cell_sizes)
        return torch.stack(
            [F.cross_entropy(x, t.flatten(), ignore_index=-100) for x, t in zip(read, targets, strict=True)]
        ).sum()


def aim_loss(features: Tensor, aims: Tensor) -> Tensor:
    """Return the mean of 1 - cosine between normalised features and what they aim at, both (..., D)."""
    return 1 - (features * aims).sum(-1).mean()


def step_loss(features: Tensor, aims: Tensor, base: Tensor) -> Tensor:
    """Return the squared error of what one more unit changes, relative to the size of that change.

    Args:
        features: (R, D), normalised.
        aims: (R, D), normalised.
        base: (R,) index of the text that a text extends by one unit; -1 for none, which is left out.
    """
    extended = base >= 0
    wanted = aims[extended] - aims[base[extended]]
    found = features[extended] - features[base[extended]]
    return (found - wanted).square().sum() / wanted.square().sum().clamp(min=1e-6)
