"""TFRecord files of `tf.train.Example`, read without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from specs_core.errors import DataError

Values = list[bytes] | list[float] | list[int]

_LENGTH = struct.Struct("<Q")
_CHECKSUM_BYTES = 4
# Wire types of protocol buffers.
_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5


def read_examples(path: Path) -> Iterator[dict[str, Values]]:
    """Yield the features of every record.

    A record is its length (8 bytes), a checksum (4), the example, a checksum (4). The checksums are not
    compared; a file that was cut short is told by its lengths.

    Raises:
        DataError: The file cannot be read, or is no such file; the message names the record.

    Source: TensorFlow's documentation of TFRecord; the protocol buffer wire format; example.proto and
        feature.proto of TensorFlow.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            number = 0
            while head := file.read(_LENGTH.size + _CHECKSUM_BYTES):
                length = _LENGTH.unpack_from(head)[0] if len(head) >= _LENGTH.size else size
                if length > size - file.tell() - _CHECKSUM_BYTES:
                    raise DataError(
                        f"{path}, record {number}: the file ends in it, or is no TFRecord; fetch it again."
                    )
                record = file.read(length)
                file.read(_CHECKSUM_BYTES)
                try:
                    yield _example(record)
                except (IndexError, ValueError, struct.error) as error:
                    raise DataError(f"{path}, record {number}: no tf.train.Example.") from error
                number += 1
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _example(record: bytes) -> dict[str, Values]:
    features: dict[str, Values] = {}
    for _, whole in _fields(record, 1):  # Example.features
        for _, entry in _fields(whole, 1):  # Features.feature, a map
            name = b"".join(value for _, value in _fields(entry, 1)).decode("utf-8")
            feature = b"".join(value for _, value in _fields(entry, 2))
            features[name] = _values(feature)
    return features


def _values(feature: bytes) -> Values:
    texts: list[bytes] = []
    numbers: list[float] = []
    wholes: list[int] = []
    for field, value in _fields(feature):
        if field == 1:
            texts += [entry for _, entry in _fields(value, 1)]
        elif field == 2:  # packed, or one by one: four bytes each
            packed = b"".join(entry for _, entry in _fields(value, 1))
            numbers += [number for (number,) in struct.iter_unpack("<f", packed)]
        elif field == 3:
            packed = b"".join(entry for _, entry in _fields(value, 1))
            place = 0
            while place < len(packed):
                whole, place = _varint(packed, place)
                wholes.append(whole - 2**64 if whole >= 2**63 else whole)
    return texts or numbers or wholes


def _fields(message: bytes, wanted: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of a message's fields; those of a varint are the varint's."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        field, kind = key >> 3, key & 7
        start = place
        if kind == _VARINT:
            _, place = _varint(message, place)
        elif kind == _SIZED:
            length, start = _varint(message, place)
            place = start + length
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            place += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {kind}")
        if place > len(message):
            raise ValueError("a field goes beyond its message")
        if wanted is None or field == wanted:
            yield field, message[start:place]


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """Return a variable-length number and the place behind it."""
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
        if shift > 63:
            raise ValueError("a number of more than ten bytes")
