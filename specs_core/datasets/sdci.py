"""sDCI: Densely Captioned Images with the summaries that fit a CLIP context, and their false variants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal

from specs_core.datasets.hallucinations import read_json
from specs_core.datasets.pairs import FalseFact
from specs_core.datasets.preparation import Entry
from specs_core.errors import DataError

Captions = Literal["first", "all"]

_ARTICLES = frozenset({"a", "an", "the"})
_WORDS = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def read_sdci(folder: Path, *, split: str | None = None, captions: Captions = "first") -> Iterator[Entry]:
    """Yield the summaries of whole images, in the order of the split or of the file names.

    The folder is what the data set's archive unpacks to: `complete/` with a JSON file an image (`image`,
    `summaries`, `negatives`), `splits.json` with the file names of each split, and `photos/`, into which the
    images of SA-1B have to be put. `summaries["base"]` is a text or a list of texts of the whole image; those
    of its regions need crops and are not read. `negatives["base"]` holds texts of several kinds that falsify
    the first summary; one that differs from it in a single run of words becomes a false fact of that kind.

    Args:
        folder: `densely_captioned_images`.
        split: "train", "valid" or "test"; None for every file.
        captions: The first summary of each image, or all.

    Raises:
        DataError: A file is missing or not what it should be.

    Source: Urbanek et al. 2023, A Picture is Worth More Than 77 Text Tokens; its repository's README.
    """
    for name in _names(folder, split):
        path = folder / "complete" / name
        value = read_json(path)
        image = value.get("image") if isinstance(value, dict) else None
        if not isinstance(image, str):
            raise DataError(f"{path}: an object with the path of its image is needed.")
        texts = _texts(value, path)
        for number, text in enumerate(texts[:1] if captions == "first" else texts):
            yield Entry(
                id=f"{path.stem}-{number}",
                image=image,
                caption=text.strip(),
                false_facts=_false_facts(value, text.strip()) if number == 0 else (),
            )
        if not texts:
            yield Entry(id=path.stem, image=image, caption=None)


def _names(folder: Path, split: str | None) -> list[str]:
    if split is None:
        names = sorted(path.name for path in (folder / "complete").glob("*.json"))
        if not names:
            raise DataError(f"{folder / 'complete'} holds no JSON files; name densely_captioned_images.")
        return names
    path = folder / "splits.json"
    splits = read_json(path)
    chosen = splits.get(split) if isinstance(splits, dict) else None
    if not isinstance(chosen, list) or not all(isinstance(name, str) for name in chosen):
        raise DataError(f"{path} has no list of file names under {split!r}.")
    return chosen


def _texts(value: dict[str, Any], path: Path) -> list[str]:
    summaries = value.get("summaries") or {}
    base = summaries.get("base") if isinstance(summaries, dict) else None
    texts = [base] if isinstance(base, str) else base or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{path}: its base summary is neither a text nor a list of texts.")
    return [text for text in texts if text.strip()]


def _false_facts(value: dict[str, Any], caption: str) -> tuple[FalseFact, ...]:
    negatives = value.get("negatives") or {}
    kinds = negatives.get("base") if isinstance(negatives, dict) else None
    found = {
        fact
        for kind, texts in (kinds.items() if isinstance(kinds, dict) else ())
        for text in (texts if isinstance(texts, list) else ())
        if isinstance(text, str) and (fact := _single_change(caption, text, kind)) is not None
    }
    return tuple(sorted(found, key=lambda fact: (fact.start, fact.end, fact.text, fact.type)))


def _single_change(caption: str, negative: str, kind: str) -> FalseFact | None:
    """Return the one run of words in which a negative differs from its caption, or None."""
    old, new = (list(_WORDS.finditer(text)) for text in (caption, negative))
    matcher = SequenceMatcher(None, [w[0] for w in old], [w[0] for w in new], autojunk=False)
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    if len(changes) != 1 or changes[0][0] != "replace":
        return None
    _, i1, i2, j1, j2 = changes[0]
    before, after = (
        [word[0].casefold() for word in words if word[0][0].isalnum() and word[0].casefold() not in _ARTICLES]
        for words in (old[i1:i2], new[j1:j2])
    )
    if before == after:  # another case, stop or article: the models read the same, and it is as true
        return None
    start, end = old[i1].start(), old[i2 - 1].end()
    return FalseFact(start, end, negative[new[j1].start() : new[j2 - 1].end()], kind)
