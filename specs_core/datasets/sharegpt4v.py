"""ShareGPT4V's files: long captions of GPT-4V and of Share-Captioner, one JSON list of conversations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from specs_core.datasets.preparation import Entry
from specs_core.errors import DataError

#: The first entries of the file, which LongCLIP validates on and does not train on.
HELD_OUT = 1000

_READ = 2**20
# The longest entry of a caption file has a few thousand characters; a longer one is a broken file.
_LONGEST = 2**24


def read_sharegpt4v(path: Path) -> Iterator[Entry]:
    """Yield the entries of a ShareGPT4V file, one after another, without holding the file in memory.

    An entry is {"id": ..., "image": "coco/train2017/000000000009.jpg", "conversations": [{"from": "human",
    "value": "<image> ..."}, {"from": "gpt", "value": the caption}]}. The caption is the first answer.

    Args:
        path: Such as share-captioner_coco_lcs_sam_1246k_1107.json.

    Raises:
        DataError: The file cannot be read, or is no list of such entries; the message names the entry.

    Source: Chen et al. 2023, ShareGPT4V; the data set's card on the hub.
    """
    for number, value in enumerate(_json_list(path)):
        if not isinstance(value, dict):
            raise DataError(f"{path}, entry {number}: a JSON {type(value).__name__}, not an object.")
        image = value.get("image")
        if image is not None and not isinstance(image, str):
            raise DataError(f"{path}, entry {number}: its image is {image!r}, not a path.")
        yield Entry(
            id=str(value.get("id", number)),
            image=image,
            caption=_first_answer(value.get("conversations"), f"{path}, entry {number}"),
        )


def _first_answer(turns: Any, where: str) -> str | None:
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise DataError(f"{where}: its conversations are no list of turns with from and value.")
    for turn in turns:
        if turn.get("from") == "gpt":
            answer = turn.get("value")
            return answer.strip() if isinstance(answer, str) else None
    return None


def _json_list(path: Path) -> Iterator[Any]:
    """Yield the elements of a JSON list of objects, with a buffer of one element and a bit more."""
    decoder = json.JSONDecoder()
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            buffer = file.read(_READ).lstrip()
            if not buffer.startswith("["):
                raise DataError(f"{path} is no JSON list.")
            buffer, at_end = buffer[1:], False
            position = 0
            while True:
                position = _skip(buffer, position, " \t\r\n," if number else " \t\r\n")
                if buffer.startswith("]", position):
                    return
                try:
                    value, position = decoder.raw_decode(buffer, position)
                except ValueError as error:
                    if at_end or len(buffer) - position > _LONGEST:
                        raise DataError(
                            f"{path}, entry {number}: not JSON, or cut short ({error})."
                        ) from error
                    more = file.read(_READ)
                    buffer, position, at_end = buffer[position:] + more, 0, not more
                    continue
                yield value
                number += 1
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} cannot be read: it is not UTF-8.") from error


def _skip(text: str, position: int, characters: str) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position
