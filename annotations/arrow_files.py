"""Parquet files and Arrow streams, row by row."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from annotations.errors import InvalidRecordError

# Few, because a row may hold an image of many megabytes.
_ROWS_AT_ONCE: Final = 16


def arrow_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read a Parquet file (``.parquet``) or an Arrow stream (``.arrow``) row by row.

    Args:
        path: The file.

    Yields:
        The values of each row by column.

    Raises:
        InvalidRecordError: If the file is damaged, or another format.
        OSError: If it cannot be opened.
    """
    # Python says what is wrong with the file where pyarrow gives a message of its own.
    path.open("rb").close()
    try:
        for batch in _parquet(path) if path.suffix.lower() == ".parquet" else _stream(path):
            for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
                yield from batch.slice(start, _ROWS_AT_ONCE).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidRecordError(f"{path.name} cannot be read: {reason}") from error


def _parquet(path: Path) -> Iterator[Any]:
    # Without the buffers a row group, which may hold a thousand images, would be read at once.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        yield from file.iter_batches(batch_size=_ROWS_AT_ONCE)


def _stream(path: Path) -> Iterator[Any]:
    with pa.memory_map(str(path)) as source:
        try:
            yield from pa.ipc.open_stream(source)
        except pa.ArrowInvalid:
            # A file with a footer, as pyarrow and polars write it, where `datasets` writes streams.
            source.seek(0)
            if source.read(6) != b"ARROW1":
                raise
            reader = pa.ipc.open_file(source)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)


class ParquetRows:
    """Write rows to a Parquet file, some thousands at a time.

    Args:
        path: The file.
        columns: The name of each column and what it holds: ``text``, ``integer``, ``number``, ``truth``,
            ``texts``, ``spans`` or ``verdicts``.
    """

    def __init__(self, path: Path, columns: Mapping[str, str]) -> None:
        self._schema = pa.schema([(name, _TYPES[kind]) for name, kind in columns.items()])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, each with a value or None for every column; of spans and verdicts with tuples."""
        arrays = [
            _structs([row[field.name] for row in rows], field.type)
            if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type)
            else pa.array([row[field.name] for row in rows], field.type)
            for field in self._schema
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def _structs(values: Sequence[Sequence[tuple[Any, ...]] | None], kind: Any) -> Any:
    """Make lists of structs out of lists of tuples, column by column: the quickest way that Arrow has."""
    offsets: list[int | None] = []
    flat: list[tuple[Any, ...]] = []
    for value in values:
        offsets.append(None if value is None else len(flat))
        flat += value or ()
    offsets.append(len(flat))
    fields = list(kind.value_type)
    columns = zip(*flat, strict=True) if flat else ((),) * len(fields)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    structs = pa.StructArray.from_arrays(arrays, fields=fields)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs, type=kind)


_SPAN: Final = [("start", pa.int32()), ("end", pa.int32())]
_TYPES: Final = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "truth": pa.bool_(),
    "texts": pa.list_(pa.string()),
    "spans": pa.list_(pa.struct(_SPAN)),
    "verdicts": pa.list_(pa.struct([*_SPAN, ("verdict", pa.string())])),
}
