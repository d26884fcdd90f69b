"""Rows of all processes as one tensor, with gradients."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gather_rows(rows: Tensor) -> Tensor:
    """Return the rows of all processes, by rank; in a single process the rows themselves.

    Every process then computes the loss of the whole batch. Its gradient reaches a process's own rows once
    from each of P processes, and the average that is taken over processes of the parameters' gradients
    divides by P: what remains is the gradient of the whole batch.

    Args:
        rows: (n, ...) of this process; n may differ between processes.

    Returns:
        (sum of n, ...), differentiable.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return rows
    gathered: Tensor = _GatherRows.apply(rows)
    return gathered


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        world, rank = dist.get_world_size(), dist.get_rank()
        count = torch.tensor([len(rows)], device=rows.device)
        counts = [torch.zeros_like(count) for _ in range(world)]
        dist.all_gather(counts, count)
        sizes = [int(each) for each in counts]
        # Collectives want equal shapes, so short shares are padded and cut again.
        padded = rows.new_zeros(max(sizes), *rows.shape[1:])
        padded[: len(rows)] = rows
        shares = [torch.empty_like(padded) for _ in range(world)]
        dist.all_gather(shares, padded)
        ctx.first, ctx.behind = sum(sizes[:rank]), sum(sizes[: rank + 1])
        return torch.cat([share[:size] for share, size in zip(shares, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        whole = gradients[0].contiguous().clone()
        dist.all_reduce(whole)
        return whole[ctx.first : ctx.behind]
