"""Write down how many captions are cut, in one short transaction."""

from collections.abc import Sequence

from sqlalchemy import Engine, bindparam, insert, select, update

from annotations.cuts import ANOTHER_CUT, checked_spans, checked_version
from annotations.engine import writing
from annotations.items import Item
from annotations.schema import items, units


def cut_items(
    engine: Engine, cuts: Sequence[tuple[Item, Sequence[tuple[str, int, int]]]], *, segmenter_version: str
) -> dict[str, str]:
    """Write down how the captions of many items are cut; those that are cut already stay as they are.

    It does what `annotations.items.cut_item` does, in a handful of statements whatever the number of items,
    so that others who write hardly wait.

    Args:
        engine: From `open_database`.
        cuts: Items, each with text, start and end of its detail units in order.
        segmenter_version: What cut the captions, at most 120 characters.

    Returns:
        Why an item was left uncut, by its id: the same segmenter version has cut the same caption in another
        way before.

    Raises:
        InvalidRecordError: If units do not cover their caption; then nothing is stored.
        StorageError: If the database fails; then nothing is stored.
    """
    checked_version(segmenter_version)
    spans = {item.id: checked_spans(item.caption, pieces) for item, pieces in cuts}
    refused: dict[str, str] = {}
    with writing(engine) as connection:
        uncut = set(
            connection.scalars(
                select(items.c.id).where(items.c.id.in_(list(spans)), items.c.segmenter_version == "")
            )
        )
        rows = connection.execute(
            select(units.c.caption_sha256, units.c.start, units.c.end)
            .where(
                units.c.caption_sha256.in_({item.caption_sha256 for item, _ in cuts}),
                units.c.segmenter_version == segmenter_version,
            )
            .order_by(units.c.start)
        )
        stored: dict[str, list[tuple[int, int]]] = {}
        for sha256, start, end in rows:
            stored.setdefault(sha256, []).append((start, end))
        new, cut = [], []
        for item, _ in cuts:
            if item.id not in uncut:
                continue
            known = stored.get(item.caption_sha256)
            if known is None:
                stored[item.caption_sha256] = spans[item.id]
                new += [
                    {"caption_sha256": item.caption_sha256, "segmenter_version": segmenter_version}
                    | {"start": start, "end": end}
                    for start, end in spans[item.id]
                ]
            elif known != spans[item.id]:
                refused[item.id] = ANOTHER_CUT.format(
                    version=segmenter_version, before=len(known), now=len(spans[item.id])
                )
                continue
            cut.append({"cut_id": item.id})
        if new:
            connection.execute(insert(units), new)
        if cut:
            connection.execute(
                update(items)
                .where(items.c.id == bindparam("cut_id"))
                .values(segmenter_version=segmenter_version),
                cut,
            )
    return refused
