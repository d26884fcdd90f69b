"""Rich-HF: prompts of generated images, with the words that the image does not show."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from specs_core.datasets.hallucinations import LabelledCaption, LabelledCaptions, LeftOut
from specs_core.datasets.tfrecord import Values, read_examples
from specs_core.errors import DataError

NO_PROMPT = "prompt missing"
NOT_FOUND = "labels do not fit the prompt's words"

# What the data set splits prompts at, which is not what word attribution splits captions at.
_TOKEN = re.compile(r"""[^,.?!":; ]+""")


def read_richhf(path: Path, images: Path) -> LabelledCaptions:
    """Read Rich-HF-18K.

    Records have `filename` and `prompt_misalignment_label`: a 0 (misaligned) or 1 for each of the prompt's
    words, split at spaces and at , . ? ! " : ; . The data set has neither prompts nor images: those of
    Pick-a-Pic stand in one folder as NAME.png and NAME.txt, NAME being the file name's stem.

    Args:
        path: Such as test.tfrecord.
        images: Folder of the images and prompts.

    Returns:
        Captions in the file's order; those without a prompt, or with another number of words than labels.

    Raises:
        DataError: The file cannot be read or is not what it should be.

    Source: Liang et al. 2024, Rich Human Feedback for Text-to-Image Generation.
    """
    captions, left_out = [], []
    for number, record in enumerate(read_examples(path)):
        name = PurePosixPath(_text(record, "filename", path, number))
        labels = _text(record, "prompt_misalignment_label", path, number).split()
        if not set(labels) <= {"0", "1"}:
            raise DataError(f"{path}, record {number}: prompt_misalignment_label has more than 0 and 1.")
        image, prompt = images / f"{name.stem}.png", images / f"{name.stem}.txt"
        try:
            caption = prompt.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            left_out.append(LeftOut(str(name), image.name, NO_PROMPT, f"there is no readable file {prompt}"))
            continue
        if not caption.strip():
            left_out.append(LeftOut(str(name), image.name, NO_PROMPT, f"{prompt} is blank"))
            continue
        words = [match.span() for match in _TOKEN.finditer(caption)]
        if len(words) != len(labels):
            detail = f"{len(labels)} labels and {len(words)} words"
            left_out.append(LeftOut(str(name), image.name, NOT_FOUND, detail))
            continue
        false = tuple(span for span, label in zip(words, labels, strict=True) if label == "0")
        captions.append(LabelledCaption(id=str(name), image=image, caption=caption, false_spans=false))
    return LabelledCaptions(tuple(captions), tuple(left_out))


def _text(record: dict[str, Values], key: str, path: Path, number: int) -> str:
    value = record.get(key)
    if not value or not isinstance(value[0], bytes):
        raise DataError(f"{path}, record {number}: it has no {key}.")
    return value[0].decode("utf-8", errors="replace")
