"""Tell a damaged write-ahead log of SQLite from one that a crash left unfinished.

SQLite reads such a log as far as its checksums hold and drops the rest without a word. That is right after a
crash, which can leave the last transaction unfinished, and wrong after damage, when what follows was
committed. The store waits for the disk at every commit, so a frame is whole on the disk before the next
transaction writes its own. A broken frame with a finished later transaction behind it is therefore damage.

Source: SQLite's documentation, "Database File Format", section 4, "The Write-Ahead Log".
"""

import struct
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct(">8I")  # magic, format, page size, checkpoint, salts, checksums
_FRAME: Final = struct.Struct(">6I")  # page, size of the database if it commits, salts, checksums
_MAGIC: Final = 0x377F0682  # with the lowest bit set, words are big-endian in the checksums
_MASK: Final = 0xFFFFFFFF


def is_damaged(database: Path) -> bool:
    """Tell whether committed transactions in the log beside a database can no longer be read.

    Args:
        database: The SQLite file; its log is the file of that name with ``-wal`` at the end.

    Returns:
        False too where there is no log, and where only the last transaction is broken, as by a crash.
    """
    log = database.with_name(database.name + "-wal")
    # Another process may be writing: what is only half there at the first look is whole at the second.
    return _damage(log) and _damage(log)


def _damage(log: Path) -> bool:
    try:
        content = log.read_bytes()
    except FileNotFoundError:
        return False
    if len(content) < _HEADER.size + _FRAME.size or not any(content[: _HEADER.size]):
        return False
    magic, _, page_size, _, *salts, first, second = _HEADER.unpack_from(content)
    order = ">" if magic & 1 else "<"
    if magic & ~1 != _MAGIC or _checksum(content[:24], order, 0, 0) != (first, second):
        return True
    whole = True
    commits_behind = 0
    for start in range(_HEADER.size, len(content) - _FRAME.size - page_size + 1, _FRAME.size + page_size):
        _, commits, *frame_salts, first_stored, second_stored = _FRAME.unpack_from(content, start)
        if frame_salts != salts:
            whole = False  # left from before the log was begun anew, if no frame of this log comes after it
            continue
        if whole:
            body = start + _FRAME.size
            first, second = _checksum(content[start : start + 8], order, first, second)
            first, second = _checksum(content[body : body + page_size], order, first, second)
            whole = (first, second) == (first_stored, second_stored)
        if not whole and commits:
            # The first may be the end of the broken transaction itself.
            commits_behind += 1
    return commits_behind > 1


def _checksum(content: bytes, order: str, first: int, second: int) -> tuple[int, int]:
    """Continue the two running sums over 8 bytes at a time."""
    for one, two in struct.iter_unpack(order + "2I", content):
        first = (first + one + second) & _MASK
        second = (second + two + first) & _MASK
    return first, second
