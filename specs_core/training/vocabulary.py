"""Every word that a caption of a drawn scene can hold."""

from __future__ import annotations

import random

from specs_core.scenes.captions import write_caption
from specs_core.scenes.phrases import WORDINGS
from specs_core.scenes.world import sample_scene

_SAMPLES = 2000


def world_words() -> set[str]:
    """Return the lower-case words and stops of the wordings and of a fixed sample of captions.

    The wordings are complete by construction; the words around them are few, and 2,000 captions hold each of
    them many times (the tests check fresh captions against this set).
    """
    texts = [wording for table in WORDINGS.values() for words in table.values() for wording in words]
    rng = random.Random(0)
    texts += [write_caption(sample_scene(rng), rng).text for _ in range(_SAMPLES)]
    words = {word for text in texts for word in text.lower().replace(".", " . ").replace(",", " , ").split()}
    return words | {"an"}
