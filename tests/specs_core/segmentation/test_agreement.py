"""Agreement of the dependency rules with units that a person cut."""

import re
from pathlib import Path

from specs_core.segmentation import segment_many

CAPTIONS = Path(__file__).with_name("own_captions.txt")


def _read(line):
    """Return a caption with the offsets of its certain and of its possible cuts."""
    pieces = re.split(r" ([|/]) ", line)
    caption, certain, possible = pieces[0], set(), set()
    for sign, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        caption += " "
        (certain if sign == "|" else possible).add(len(caption))
        caption += piece
    return caption, certain, possible


def test_read_marked_caption_gives_offsets_of_both_kinds_of_cuts():
    assert _read("A cup | on it / and so.") == ("A cup on it and so.", {6}, {12})


def test_segment_by_dependency_captions_of_our_own_agrees_with_the_hand():
    lines = CAPTIONS.read_text(encoding="utf-8").splitlines()
    rows = [_read(line) for line in lines if line and not line.startswith("#")]
    proposed = allowed = asked = found = 0
    for (_, certain, possible), units in zip(rows, segment_many([row[0] for row in rows]), strict=True):
        cuts = {unit.start for unit in units[1:]}
        proposed += len(cuts)
        allowed += len(cuts & (certain | possible))
        asked += len(certain)
        found += len(cuts & certain)
    assert len(rows) == 33
    assert allowed / proposed >= 0.95
    assert found / asked >= 0.93
