"""The first look at a data set: how many rows, which ids come twice, and what needs all rows at once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from specs_core.baselines.cider import DocumentFrequencies
from specs_core.baselines.text_overlap import said
from specs_core.batch import Row, read_rows
from specs_core.errors import DataError


@dataclass(frozen=True, eq=False)
class Survey:
    """What a file of rows holds.

    Attributes:
        sha256: Of the file.
        rows: Lines that are not blank.
        with_references: Rows that have references.
        doubled: Line number -> line number of the first row with the same id.
        images: Every image once, in the order of the rows.
        frequencies: Of the n-grams of all references; empty where they were not asked for.
    """

    sha256: str
    rows: int
    with_references: int
    doubled: dict[int, int]
    images: tuple[Path, ...]
    frequencies: DocumentFrequencies


def survey(source: Path, *, count_ngrams: bool = False) -> Survey:
    """Read a file of rows once, without its images.

    Args:
        source: As for `specs_core.batch.read_rows`.
        count_ngrams: Whether the references' n-grams are counted.

    Returns:
        What it holds. Lines that are no rows are counted among `rows` only.

    Raises:
        DataError: The file cannot be read.
    """
    frequencies = DocumentFrequencies()
    first: dict[bytes, int] = {}
    doubled: dict[int, int] = {}
    images: dict[Path, None] = {}
    rows = with_references = 0
    for entry in read_rows(source, references=True):
        rows += 1
        if not isinstance(entry, Row):
            continue
        # Digests, so that long ids take no more memory than short ones.
        key = hashlib.blake2b(json.dumps(entry.id).encode(), digest_size=12).digest()
        if first.setdefault(key, entry.number) != entry.number:
            doubled[entry.number] = first[key]
            continue
        images[entry.image] = None
        with_references += bool(said(entry.references))
        if count_ngrams:
            frequencies.add(entry.references)
    try:
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror}") from error
    return Survey(sha256, rows, with_references, doubled, tuple(images), frequencies)
