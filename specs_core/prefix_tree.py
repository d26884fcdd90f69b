"""Many captions that share prefixes, encoded in one pass of a causal text tower.

CLIP's text tower is causal and its feature is read at the end-of-text token, so the hidden states of a
prefix do not depend on what follows it. All prefixes of a caption therefore share one trunk `[SOT, t_1 ..
t_n]`; every prefix only adds an end-of-text token of its own, and a text that leaves the trunk after a
prefix (a false unit, the caption without one unit) adds its own tokens and one end-of-text token. Positions
and attention masks are those that each text would have had alone, so the features are those of separate
passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Of every layer, keys and values.
KeysAndValues = list[tuple[Tensor, Tensor]]

SOT_TOKEN = 49406
EOT_TOKEN = 49407


@dataclass(frozen=True)
class Branch:
    """A text that shares the first `start` trunk tokens and goes on with tokens of its own.

    Attributes:
        start: Number of trunk tokens kept, 0 to n.
        tokens: Token ids that follow them, without start- and end-of-text.
    """

    start: int
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class PrefixTree:
    """One caption with every text to be read off it.

    Attributes:
        trunk: Token ids of the whole caption, without start- and end-of-text (n of them).
        prefixes: For each prefix to read, its number of trunk tokens, 0 to n.
        branches: Texts that leave the trunk.
    """

    trunk: tuple[int, ...]
    prefixes: tuple[int, ...]
    branches: tuple[Branch, ...] = ()

    @property
    def longest(self) -> int:
        """Number of positions that its longest text takes, start- and end-of-text included."""
        ends = [len(self.trunk), *(b.start + len(b.tokens) for b in self.branches)]
        return max(ends) + 2

    @property
    def nodes(self) -> int:
        """Number of tokens that it takes laid out, start- and end-of-text included."""
        own = sum(len(branch.tokens) + 1 for branch in self.branches)
        return 1 + len(self.trunk) + len(self.prefixes) + own


@dataclass(frozen=True)
class TreeBatch:
    """Several trees laid out as padded rows (N trees, T nodes, R texts read).

    Attributes:
        token_ids: (N, T) int64.
        positions: (N, T) int64, the position each token would have in its own text.
        mask: (N, T, T) bool, true where the row's node attends to the column's.
        rows: (R,) int64, the tree of each text; trees in order, prefixes before branches.
        ends: (N, C) int64, the nodes of the end-of-text tokens of each tree's texts, padded with node 0.
        slots: (R,) int64, the column of `ends` that belongs to each text.
    """

    token_ids: Tensor
    positions: Tensor
    mask: Tensor
    rows: Tensor
    ends: Tensor
    slots: Tensor


def lay_out(
    trees: Sequence[PrefixTree],
    *,
    context_length: int,
    sot_token: int = SOT_TOKEN,
    eot_token: int = EOT_TOKEN,
    device: torch.device | str = "cpu",
) -> TreeBatch:
    """Lay trees out as one padded batch.

    Raises:
        ValueError: A text takes more positions than the model has, or a prefix or branch starts outside the
            trunk.

    Source: ours: docs/metrics.md, "The whole curve in one text pass".
    """
    ids: list[list[int]] = []
    positions: list[list[int]] = []
    # A node sees the trunk up to `limits` and, within its own segment, everything up to itself.
    limits: list[list[int]] = []
    segments: list[list[int]] = []
    ends: list[list[int]] = []
    for row, tree in enumerate(trees):
        n = len(tree.trunk)
        if tree.longest > context_length:
            raise ValueError(
                f"a text of tree {row} takes {tree.longest} positions and the model has {context_length}"
            )
        node_ids = [sot_token, *tree.trunk]
        node_positions = list(range(n + 1))
        node_limits = list(range(n + 1))
        node_segments = [0] * (n + 1)
        node_ends: list[int] = []
        leaves = [(start, ()) for start in tree.prefixes] + [(b.start, b.tokens) for b in tree.branches]
        for segment, (start, tokens) in enumerate(leaves, start=1):
            if not 0 <= start <= n:
                raise ValueError(f"a text of tree {row} starts after {start} tokens of a trunk of {n}")
            length = len(tokens) + 1
            node_ids += [*tokens, eot_token]
            node_positions += range(start + 1, start + 1 + length)
            node_limits += [start] * length
            node_segments += [segment] * length
            node_ends.append(len(node_ids) - 1)
        ids.append(node_ids)
        positions.append(node_positions)
        limits.append(node_limits)
        segments.append(node_segments)
        ends.append(node_ends)

    def padded(values: list[list[int]], fill: int) -> Tensor:
        width = max(map(len, values))
        return torch.tensor([v + [fill] * (width - len(v)) for v in values], device=device)  # (N, width)

    limit, owner = padded(limits, 0), padded(segments, -1)
    node = torch.arange(limit.shape[1], device=device)
    on_trunk = owner == 0  # (N, T)
    sees_trunk = (node[None, None, :] <= limit[:, :, None]) & on_trunk[:, None, :]
    sees_own = (owner[:, :, None] == owner[:, None, :]) & (node[None, None, :] <= node[None, :, None])
    # Padding (segment -1) sees the start-of-text token like everybody, so that no softmax row is empty.
    mask = sees_trunk | (sees_own & (owner > 0)[:, :, None])  # (N, T, T)
    return TreeBatch(
        token_ids=padded(ids, 0),
        positions=padded(positions, 0),
        mask=mask,
        rows=torch.tensor([row for row, found in enumerate(ends) for _ in found], device=device),
        ends=padded(ends, 0),
        slots=torch.tensor([slot for found in ends for slot in range(len(found))], device=device),
    )


def share_trunk(texts: Sequence[Sequence[int]], trunk: Sequence[int]) -> tuple[PrefixTree, list[int]]:
    """Hang texts on a trunk, each as far out as their token ids agree.

    A text that the trunk begins with costs one end-of-text token. Any other branches off where the ids part:
    a false unit, and also a prefix that ends within one of the trunk's tokens.

    Args:
        texts: Token ids of R texts, without start- and end-of-text.
        trunk: Token ids that they share, likewise.

    Returns:
        The tree; and for each text its place among the tree's texts, prefixes before branches.
    """
    shared = [shared_length(ids, trunk) for ids in texts]
    on_trunk = [i for i, ids in enumerate(texts) if shared[i] == len(ids)]
    off_trunk = [i for i, ids in enumerate(texts) if shared[i] < len(ids)]
    tree = PrefixTree(
        trunk=tuple(trunk),
        prefixes=tuple(shared[i] for i in on_trunk),
        branches=tuple(Branch(shared[i], tuple(texts[i][shared[i] :])) for i in off_trunk),
    )
    place = {text: index for index, text in enumerate([*on_trunk, *off_trunk])}
    return tree, [place[i] for i in range(len(texts))]


def shared_length(ids: Sequence[int], trunk: Sequence[int]) -> int:
    """Return how many token ids two texts begin with alike."""
    shared = 0
    while shared < min(len(ids), len(trunk)) and ids[shared] == trunk[shared]:
        shared += 1
    return shared


def text_tower(model: nn.Module) -> Any:
    """Return the module that holds an open_clip model's text tower (the model itself, or its `text`)."""
    return model.text if hasattr(model, "text") else model


def supports_prefix_trees(model: nn.Module) -> bool:
    """Tell whether the text tower is causal and is read at the end-of-text token, which one pass needs."""
    tower = text_tower(model)
    needed = ("transformer", "token_embedding", "positional_embedding", "ln_final", "text_projection")
    pool = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    return (
        all(hasattr(tower, name) for name in needed)
        and getattr(tower, "attn_mask", None) is not None
        and getattr(tower, "cls_emb", None) is None
        and pool in ("argmax", "eos")
    )


def encode_trees(
    model: nn.Module,
    batch: TreeBatch,
    *,
    attention: list[Tensor] | None = None,
    first_layer: int = 0,
    kept: KeysAndValues | None = None,
    past: KeysAndValues | None = None,
) -> Tensor:
    """Encode every text of the batch in one pass.

    Args:
        model: An open_clip model for which `supports_prefix_trees` holds.
        batch: From `lay_out`, with the model's context length.
        attention: A list that is given the attention of every layer from `first_layer` on, as tensors that
            the features can be differentiated by: (N, H, T, T), in the last layer (N, H, C, T).
        first_layer: See `attention`.
        kept: A list that is given the keys and values of every layer, each (N, H, T, W / H).
        past: For every layer the keys and values (1, H, P, W / H) of the first P nodes, where they are known:
            the start-of-text token and P - 1 tokens of the only tree's trunk. They are not encoded again, nor
            given to `attention` or `kept`.

    Returns:
        (R, D) text features, not normalised, differentiable.

    Source: ours: docs/metrics.md, "The whole curve in one text pass".
    """
    tower = text_tower(model)
    dtype = tower.transformer.get_cast_dtype()
    known = 0 if past is None else past[0][0].shape[2]
    x = tower.token_embedding(batch.token_ids[:, known:]).to(dtype)  # (N, T, W)
    x = x + tower.positional_embedding.to(dtype)[batch.positions[:, known:]]
    blocks = tower.transformer.resblocks
    for number, block in enumerate(blocks):
        # Only the end-of-text nodes are read, so in the last block the others give keys and values alone.
        x = _apply_block(
            block,
            x,
            batch.mask[:, known:],
            ends=batch.ends - known if number == len(blocks) - 1 else None,
            attention=attention if number >= first_layer else None,
            past=None if past is None else past[number],
            kept=kept,
        )  # (N, T, W), at last (N, C, W)
    return _read(tower, x[batch.rows, batch.slots])


def encode_after(
    model: nn.Module, trunk: KeysAndValues, branches: Sequence[Branch], *, eot_token: int = EOT_TOKEN
) -> Tensor:
    """Encode texts that begin with tokens of a trunk whose keys and values were kept.

    Only what follows the shared tokens is computed.

    Args:
        model: As in `encode_trees`.
        trunk: For every layer the keys and values (1, H, n + 1, W / H) of the start-of-text token and n
            trunk tokens.
        branches: B texts, of at most the model's context length.
        eot_token: The end-of-text token.

    Returns:
        (B, D) text features, not normalised.

    Source: ours: docs/metrics.md, "The whole curve in one text pass".
    """
    tower = text_tower(model)
    dtype, device = tower.transformer.get_cast_dtype(), trunk[0][0].device
    lengths = torch.tensor([len(branch.tokens) + 1 for branch in branches], device=device)  # (B,)
    starts = torch.tensor([branch.start for branch in branches], device=device)
    longest = int(lengths.max())
    rows = [[*b.tokens, *[eot_token] * (longest - len(b.tokens))] for b in branches]
    own = torch.arange(longest, device=device)
    # Padding stands behind the end-of-text token, so nothing that is read sees it; its positions are cut to
    # those that the model has.
    positions = (starts[:, None] + 1 + own).clamp(max=len(tower.positional_embedding) - 1)  # (B, L)
    shared = torch.arange(trunk[0][0].shape[2], device=device) <= starts[:, None]  # (B, n + 1)
    mask = torch.cat(
        [
            shared[:, None, :].expand(-1, longest, -1),
            (own[None, :] <= own[:, None])[None].expand(len(branches), -1, -1),
        ],
        dim=2,
    )  # (B, L, n + 1 + L)
    x = tower.token_embedding(torch.tensor(rows, device=device)).to(dtype)
    x = x + tower.positional_embedding.to(dtype)[positions]
    blocks = tower.transformer.resblocks
    for number, (block, past) in enumerate(zip(blocks, trunk, strict=True)):
        ends = (lengths - 1)[:, None] if number == len(blocks) - 1 else None
        x = _apply_block(block, x, mask, ends=ends, past=past)
    return _read(tower, x[:, 0])


def _read(tower: Any, ends: Tensor) -> Tensor:
    """Return the features (R, D) of end-of-text tokens after the last block (R, W)."""
    read: Tensor = tower.ln_final(ends)
    projection = tower.text_projection
    if projection is None:
        return read
    features: Tensor = projection(read) if isinstance(projection, nn.Module) else read @ projection
    return features


def _apply_block(
    block: Any,
    x: Tensor,
    mask: Tensor,
    *,
    ends: Tensor | None = None,
    attention: list[Tensor] | None = None,
    past: tuple[Tensor, Tensor] | None = None,
    kept: KeysAndValues | None = None,
) -> Tensor:
    """Apply a block to all nodes (N, T, W), or only to the nodes `ends` (N, C), which gives (N, C, W).

    Keys and values of the nodes are added to `kept`; `past` are those of one row (1, H, P, W / H) that stand
    before the nodes' own in every row, and the mask's columns count them first.
    """
    module = block.attn
    if not isinstance(module, nn.MultiheadAttention):
        raise TypeError(f"text blocks with {type(module).__name__} are not supported in one pass")
    weight, bias, width = module.in_proj_weight, module.in_proj_bias, x.shape[-1]
    normal = block.ln_1(x)
    asking = normal
    if ends is not None:
        row = torch.arange(len(x), device=x.device)[:, None]
        x, asking, mask = x[row, ends], normal[row, ends], mask[row, ends]

    def heads(flat: Tensor) -> Tensor:
        return flat.view(*flat.shape[:2], module.num_heads, -1).transpose(1, 2)  # (N, H, nodes, W/H)

    # nn.MultiheadAttention wants the mask repeated for every head; broadcasting it costs H times less memory.
    q = heads(F.linear(asking, weight[:width], bias[:width]))
    k, v = map(heads, F.linear(normal, weight[width:], bias[width:]).chunk(2, dim=-1))
    if kept is not None:
        kept.append((k, v))
    if past is not None:
        k, v = (
            torch.cat([old.expand(len(x), -1, -1, -1), new], 2) for old, new in zip(past, (k, v), strict=True)
        )
    mixed = _mix(q, k, v, mask[:, None], attention)  # (N, H, nodes, W/H)
    x = x + block.ls_1(module.out_proj(mixed.transpose(1, 2).flatten(2)))
    out: Tensor = x + block.ls_2(block.mlp(block.ln_2(x)))
    return out


def _mix(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, attention: list[Tensor] | None) -> Tensor:
    if attention is None and (not q.requires_grad or q.device.type != "cpu"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    # The fused kernel's backward pass on a CPU is the slow one: with it, forward and backward take 2.7
    # times as long as this (bfloat16, 64 captions of 115 nodes, one core: benchmarks/masked_attention.py).
    bias = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, torch.finfo(q.dtype).min)
    weights = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias, dim=-1)
    if attention is not None:
        # The first one starts the graph: what lies below it needs no gradient.
        weights = weights if weights.requires_grad else weights.requires_grad_()
        attention.append(weights)
    return weights @ v
