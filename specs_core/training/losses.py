"""The SPECS objective, term by term, on similarities."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def contrastive_loss(image_features: Tensor, text_features: Tensor, logit_scale: Tensor) -> Tensor:
    """Return CLIP's symmetric contrastive loss.

    Args:
        image_features: (N, D), normalised; row i belongs to text i.
        text_features: (N, D), normalised.
        logit_scale: Scalar that multiplies the cosines.

    Source: Radford et al. 2021, figure 3.
    """
    logits = logit_scale * image_features @ text_features.T  # (N, N)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def rise_loss(base: Tensor, longer: Tensor, *, margin: tuple[float, float]) -> Tensor:
    """Return the hinge loss that asks the similarity to rise when a true unit is added (L_pos).

    Args:
        base: (P,) similarity of each prefix.
        longer: (P,) similarity of the prefix and its true unit.
        margin: Range to which the margin, the batch mean of `longer - base`, is clamped.

    Source: SPECS (EMNLP 2025), L_pos, with a margin of its own; see docs/metrics.md, "Training".
    """
    gap = longer - base
    return F.relu(gap.detach().mean().clamp(*margin) - gap).mean()


def fall_loss(base: Tensor, longer: Tensor, *, margin: tuple[float, float]) -> Tensor:
    """Return the hinge loss that asks the similarity to fall when a false unit is added (L_neg).

    Arguments and source as for `rise_loss`.
    """
    return rise_loss(longer, base, margin=margin)


def pairwise_loss(true: Tensor, false: Tensor, *, scale: float) -> Tensor:
    """Return softplus(-s (true - false)) / s, the mean over pairs that share their prefix.

    Source: ours: docs/metrics.md, "Training".
    """
    return F.softplus(-scale * (true - false)).mean() / scale
