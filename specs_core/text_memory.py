"""What the text tower worked out for the latest captions, so that an edited one costs what differs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import torch

from specs_core.prefix_tree import KeysAndValues, shared_length
from specs_core.text_features import FloatArray

# Features that are kept, of texts of any length; one with its ids takes some kilobytes.
MOST_FEATURES = 4096


class TextMemory:
    """Keys, values and prefixes of the latest captions of one model, least recently used first out.

    In a causal tower they depend on what stands before a token and on nothing behind it, so another caption
    can go on from wherever it parts. One caption of a ViT-B/32 takes 12 MB at 248 tokens.

    Args:
        megabytes: What is kept at most; the latest caption is always kept.

    Source: ours: docs/metrics.md, "What if".
    """

    def __init__(self, *, megabytes: float = 128) -> None:
        self._limit = megabytes * 1e6
        self._captions: OrderedDict[tuple[int, ...], KeysAndValues] = OrderedDict()
        self._features: OrderedDict[tuple[int, ...], FloatArray] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._captions)

    def only_kept(self) -> TextMemory:
        """Return a memory that keeps in this one and recalls nothing.

        With it, features are to the last bit what they are without a memory, whatever was encoded before.
        """
        return _OnlyKept(self)

    def recall(self, ids: Sequence[int]) -> KeysAndValues | None:
        """Return what is known of the longest beginning of a caption.

        Args:
            ids: Its token ids, without start- and end-of-text.

        Returns:
            For every layer keys and values (1, H, s + 1, W / H) of the start-of-text token and s tokens; None
            where nothing is known.
        """
        with self._lock:
            best = max(self._captions, key=lambda known: shared_length(ids, known), default=None)
            if best is None:
                return None
            self._captions.move_to_end(best)
            nodes = shared_length(ids, best) + 1
            return [(keys[:, :, :nodes], values[:, :, :nodes]) for keys, values in self._captions[best]]

    def feature(self, ids: Sequence[int]) -> FloatArray | None:
        """Return the (D,) feature of a text whose token ids are these, None where it is not known."""
        with self._lock:
            known = self._features.get(tuple(ids))
            if known is not None:
                self._features.move_to_end(tuple(ids))
            return known

    def keep(
        self,
        ids: Sequence[int],
        past: KeysAndValues | None,
        own: KeysAndValues,
        *,
        features: Sequence[tuple[Sequence[int], FloatArray]] = (),
    ) -> None:
        """Keep the keys and values of a caption that was encoded as a trunk of its own.

        Args:
            ids: Its n token ids.
            past: What `recall` gave for it.
            own: For every layer keys and values of the nodes behind those, the trunk's first.
            features: Token ids of texts with their features (D,) of unit length.
        """
        known = 0 if past is None else past[0][0].shape[2]
        rest = len(ids) + 1 - known
        # Copied: a slice would keep the end-of-text nodes behind it in memory.
        kept = [
            (
                torch.cat([*([] if past is None else [past[layer][0]]), keys[:, :, :rest]], 2),
                torch.cat([*([] if past is None else [past[layer][1]]), values[:, :, :rest]], 2),
            )
            for layer, (keys, values) in enumerate(own)
        ]
        with self._lock:
            self._captions[tuple(ids)] = kept
            self._captions.move_to_end(tuple(ids))
            for text, feature in features:
                self._features[tuple(text)] = feature
                self._features.move_to_end(tuple(text))
            while len(self._features) > MOST_FEATURES:
                self._features.popitem(last=False)
            while len(self._captions) > 1 and sum(map(_bytes, self._captions.values())) > self._limit:
                self._captions.popitem(last=False)


class _OnlyKept(TextMemory):
    def __init__(self, memory: TextMemory) -> None:
        self._memory = memory

    def __len__(self) -> int:
        return len(self._memory)

    def recall(self, ids: Sequence[int]) -> None:
        return None

    def feature(self, ids: Sequence[int]) -> None:
        return None

    def keep(
        self,
        ids: Sequence[int],
        past: KeysAndValues | None,
        own: KeysAndValues,
        *,
        features: Sequence[tuple[Sequence[int], FloatArray]] = (),
    ) -> None:
        self._memory.keep(ids, past, own, features=features)


def _bytes(kept: KeysAndValues) -> int:
    return sum(keys.nbytes + values.nbytes for keys, values in kept)
