"""Texts as a model's text tower reads them: token ids, counted, laid out or padded, and never cut."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from open_clip import SimpleTokenizer
from open_clip.tokenizer import HFTokenizer
from torch import Tensor, nn

from specs_core.errors import ConfigError, DownloadError
from specs_core.prefix_tree import PrefixTree, TreeBatch, lay_out, supports_prefix_trees, text_tower


class TextInput:
    """The way from texts to a text tower.

    Attributes:
        context_length: The most tokens that the tower reads, start- and end-of-text included.
        one_pass: Whether texts that share prefixes can share a pass: the tower is causal and reads
            open_clip's byte pairs.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, *, context_length: int) -> None:
        self._tokenizer = tokenizer
        self._byte_pairs = isinstance(tokenizer, SimpleTokenizer)
        # open_clip's own tokenizer leaves start- and end-of-text to its caller; others put theirs in.
        self._added_tokens = 2 if self._byte_pairs else 0
        self.context_length = context_length
        self.one_pass = self._byte_pairs and _is_causal(model)

    def tokens(self, text: str) -> list[int]:
        """Return a text's token ids; for open_clip's tokenizer without start- and end-of-text."""
        if self._byte_pairs:
            return _plain_tokens(self._tokenizer, text)
        clean = self._tokenizer.clean_fn(text) if self._tokenizer.clean_fn else text
        return list(self._tokenizer.tokenizer(clean)["input_ids"])

    def tokens_after(self, before: str, before_ids: Sequence[int], words: str) -> list[int]:
        """Return the token ids of a text and more words behind it: those of `before + words`.

        Where the two meet at white space and hold nothing that cleaning could join, only the words are read,
        which saves most of the work where many texts share their beginning.

        Args:
            before: A text.
            before_ids: What `tokens` gives for it.
            words: What follows.
        """
        apart = (
            self._byte_pairs
            and before[-1:].isspace()
            and not words[:1].isspace()
            # Cleaning looks across white space for mistaken encodings, and at "&" for entities.
            and before.isascii()
            and words.isascii()
            and "&" not in before + words
        )
        return [*before_ids, *self.tokens(words)] if apart else self.tokens(before + words)

    def positions(self, ids: Sequence[int]) -> int:
        """Return how many of the tower's positions a text takes, start- and end-of-text included."""
        return len(ids) + self._added_tokens

    def fits(self, ids: Sequence[int]) -> bool:
        """Tell whether the tower reads the whole text."""
        return self.positions(ids) <= self.context_length

    def lay_out(self, trees: Sequence[PrefixTree], *, device: torch.device | str = "cpu") -> TreeBatch:
        """Lay out trees of this tokenizer's ids, as `specs_core.prefix_tree.lay_out` does."""
        return lay_out(
            trees,
            context_length=self.context_length,
            sot_token=self._tokenizer.sot_token_id,
            eot_token=self._tokenizer.eot_token_id,
            device=device,
        )

    def padded(self, texts: Sequence[str]) -> Tensor:
        """Return (N, context_length) int64 ids of texts that fit, for a tower without one pass."""
        if not self._byte_pairs:
            ids: Tensor = self._tokenizer(list(texts))
            return ids
        ids = torch.zeros(len(texts), self.context_length, dtype=torch.long)  # (N, P)
        for row, text in zip(ids, texts, strict=True):
            tokens = [self._tokenizer.sot_token_id, *self.tokens(text), self._tokenizer.eot_token_id]
            row[: len(tokens)] = torch.tensor(tokens)
        return ids


def make_tokenizer(text_config: Mapping[str, Any], *, context_length: int) -> Any:
    """Return the tokenizer of a text tower: byte pairs as CLIP's, or what its configuration names on the hub.

    Args:
        text_config: `text_cfg` of an open_clip model configuration.
        context_length: The most tokens that the tower reads.

    Raises:
        ConfigError: The hub's tokenizers need the package transformers, which is not installed.
        DownloadError: The tokenizer cannot be had from the hub.
    """
    name, options = text_config.get("hf_tokenizer_name"), text_config.get("tokenizer_kwargs", {})
    if not name:
        return SimpleTokenizer(context_length=context_length, **options)
    try:
        return HFTokenizer(name, context_length=context_length, **options)
    except ImportError as error:
        raise ConfigError(
            f"this model reads text with the tokenizer {name}, which needs the package transformers: "
            "pip install transformers sentencepiece"
        ) from error
    except OSError as error:
        raise DownloadError(f"the tokenizer {name} cannot be had: {str(error).splitlines()[0]}") from error


def _plain_tokens(tokenizer: SimpleTokenizer, caption: str) -> list[int]:
    """Tokenise a caption in which the names of special tokens are words like any other.

    The tokenizer reads a literal "<end_of_text>" as the end of the text, after which the model would read
    nothing. A space behind the bracket keeps it apart and yields the tokens that the bare characters have.
    """
    special = set(tokenizer.all_special_ids)
    names = re.compile("|".join(re.escape(tokenizer.decoder[i]) for i in special), re.IGNORECASE)
    ids: list[int] = tokenizer.encode(caption)
    while not special.isdisjoint(ids):
        # Cleaning undoes HTML entities, so the names are looked for in the cleaned text.
        caption = names.sub(lambda found: f"{found[0][0]} {found[0][1:]}", tokenizer.clean_fn(caption))
        ids = tokenizer.encode(caption)
    return ids


def _is_causal(model: nn.Module) -> bool:
    return supports_prefix_trees(model) and all(
        isinstance(block.attn, nn.MultiheadAttention) for block in text_tower(model).transformer.resblocks
    )
