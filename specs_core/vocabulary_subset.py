"""A token table that holds only the rows that a small world needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from specs_core.errors import CheckpointError

#: Entries of a state dict: the rows (V', W), and the token id of each row (V',).
ROWS = "token_embedding.weight"
TOKENS = "token_embedding.tokens"


class VocabularySubset(nn.Module):
    """An embedding of V tokens of which V' have a row; every other token is the zero vector.

    A world of a few hundred words trains a few hundred of CLIP's 49,408 rows. To keep the others would make
    the gradient, the optimiser's state and the file many times as large for nothing.
    """

    tokens: Tensor
    slots: Tensor

    def __init__(self, tokens: Sequence[int], *, vocab_size: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(len(tokens), width) * 0.02)  # (V', W)
        self.register_buffer("tokens", torch.tensor(tokens, dtype=torch.int32))
        slots = torch.full((vocab_size,), -1)
        slots[list(tokens)] = torch.arange(len(tokens))
        self.register_buffer("slots", slots, persistent=False)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return (..., W) rows for token ids of any shape."""
        slots = self.slots[token_ids]
        return F.embedding(slots.clamp(min=0), self.weight) * (slots >= 0).unsqueeze(-1)


def expand_vocabulary(state: Mapping[str, Tensor], *, vocab_size: int, where: str) -> dict[str, Tensor]:
    """Return the state dict with the whole token table (V, W), zero where the file has no row.

    A state dict without `token_embedding.tokens` is returned as it is.

    Args:
        state: Tensors by name.
        vocab_size: V.
        where: File name for the error.

    Raises:
        CheckpointError: A token lies outside the vocabulary or stands twice, or not every row has one.
    """
    whole = dict(state)
    tokens = whole.pop(TOKENS, None)
    if tokens is None:
        return whole
    if tokens.dim() != 1 or tokens.is_floating_point():
        raise CheckpointError(f"{where} has no list of whole numbers in {TOKENS}")
    rows, listed = whole.get(ROWS), tokens.tolist()
    if rows is None or len(rows) != len(listed) or len(set(listed)) != len(listed):
        raise CheckpointError(f"{where} does not have one row of {ROWS} for each of its {len(listed)} tokens")
    for token in listed:
        if not 0 <= token < vocab_size:
            raise CheckpointError(f"{where} has token {token} and the model's vocabulary is {vocab_size}")
    table = rows.new_zeros(vocab_size, *rows.shape[1:])
    table[tokens.long()] = rows
    return whole | {ROWS: table}
