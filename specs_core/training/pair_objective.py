"""The SPECS objective on batches of images with captions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from specs_core.prefix_tree import encode_trees
from specs_core.training.finetune_config import Loss
from specs_core.training.gathering import gather_rows
from specs_core.training.losses import contrastive_loss, fall_loss, pairwise_loss, rise_loss
from specs_core.training.pair_batches import PairBatch


class PairObjective(nn.Module):
    """A model and its loss in one forward pass, so that a wrapper that averages gradients sees the call."""

    def __init__(self, model: nn.Module, loss: Loss, *, bf16: bool) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.bf16 = bf16

    def train(self, mode: bool = True) -> PairObjective:
        """Set the mode; batch norms keep the checkpoint's statistics.

        Those of a small batch, or of one process's part of it, would be noise, and not the ones that the
        model is used with.
        """
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def forward(self, batch: PairBatch, step: int) -> dict[str, Tensor]:
        """Return `total`, the loss of all processes' captions, and without gradient what it is made of.

        Args:
            batch: The captions of this process.
            step: Steps done; the objective is the same at each.

        Source: SPECS (EMNLP 2025); ours: docs/metrics.md, "Training".
        """
        image, text = self.features(batch)
        similarity = (image[batch.caption] * text).sum(-1)  # (R,)
        # Losses are means over the batch and the margins are batch means: both over all processes.
        rises = gather_rows(similarity[batch.rises])  # (P, 2)
        falls = gather_rows(similarity[batch.falls])  # (B, 3)
        loss, terms = self.loss, {}
        if loss.contrastive:
            whole = gather_rows(text[batch.last])
            scale = self.model.logit_scale.exp()  # type: ignore[operator]
            terms["contrastive"] = contrastive_loss(gather_rows(image), whole, scale)
        if loss.positive and len(rises):
            terms["positive"] = rise_loss(rises[:, 0], rises[:, 1], margin=loss.margin)
        if loss.negative and len(falls):
            terms["negative"] = fall_loss(falls[:, 0], falls[:, 1], margin=loss.margin)
        if loss.pairwise and len(falls):
            terms["pairwise"] = pairwise_loss(falls[:, 2], falls[:, 1], scale=loss.pairwise_scale)
        if not terms:  # captions of one unit each, and no contrastive term: nothing to learn from
            terms["positive"] = 0.0 * similarity.sum()
        weights = {name: getattr(loss, name) for name in terms}
        total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        figures = {name: term.detach() for name, term in terms.items()}
        if len(rises):
            figures["rises"] = (rises[:, 1] > rises[:, 0]).float().mean().detach()
        if len(falls):
            figures["falls"] = (falls[:, 1] < falls[:, 0]).float().mean().detach()
        return {**figures, "total": total}

    def features(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """Return normalised features of images (N, D) and texts (R, D), float32."""
        model = self.model
        with torch.autocast(batch.images.device.type, torch.bfloat16, enabled=self.bf16):
            image = model.encode_image(batch.images)  # type: ignore[operator]
            if batch.token_ids is not None:
                text = model.encode_text(batch.token_ids)  # type: ignore[operator]
            else:
                text = torch.cat([encode_trees(model, part) for part in batch.trees])
        return F.normalize(image.float(), dim=-1), F.normalize(text.float(), dim=-1)
