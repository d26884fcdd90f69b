"""Time plain against fused attention, forward and backward, at the sizes of the bundled model's training.

`specs_core.prefix_tree` uses the plain form where gradients are wanted on a CPU; this is why.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

CAPTIONS, NODES, HEADS, WIDTH = 64, 115, 3, 48
ROUNDS = 9


def fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """The library's kernel."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def plain(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Three lines of tensor arithmetic."""
    bias = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, torch.finfo(q.dtype).min)
    return torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias, dim=-1) @ v


def main() -> None:
    """Print medians of interleaved runs and their ratio."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    mask = torch.ones(NODES, NODES, dtype=torch.bool).tril().expand(CAPTIONS, 1, NODES, NODES).contiguous()
    shape = (CAPTIONS, HEADS, NODES, WIDTH)
    q, k, v = (torch.randn(shape, dtype=torch.bfloat16, requires_grad=True) for _ in range(3))
    ways: dict[str, Callable[..., Tensor]] = {"fused": fused, "plain": plain}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, attend in ways.items():
            start = time.perf_counter()
            attend(q, k, v, mask).sum().backward()
            if number:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:<12}{1000 * value:.1f} ms")
    print(f"{'ratio':<12}{medians['fused'] / medians['plain']:.1f}")


if __name__ == "__main__":
    main()
