"""Captions that came without units are cut when somebody needs them."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from annotations.errors import UnknownRecordError
from annotations.images import add_image
from annotations.items import Item, add_battle, add_item, cut_item, get_item
from app import item_cuts
from app.context import AppContext, open_context
from app.item_cuts import ensure_cut
from app.settings import Settings
from specs_core.segmentation import segment, segmenter_version

CAPTION = "A red car stands in front of a house. Above it flies a small blue kite."


@pytest.fixture
def context(tmp_path: Path, with_database: Callable[[Path], Path]) -> AppContext:
    return open_context(Settings(data=with_database(tmp_path)))


def add(context: AppContext, caption: str = CAPTION) -> Item:
    image_id = add_image(context.engine, sha256="a" * 64, filename="a.png", width=8, height=8)
    return get_item(context.engine, add_item(context.engine, image_id=image_id, caption=caption, units=None))


def test_ensure_cut_of_an_uncut_item_stores_the_default_segmenter_s_units(context: AppContext) -> None:
    item = add(context)
    assert not item.is_cut
    cut = ensure_cut(context, item)
    assert cut.segmenter_version == segmenter_version("dependency")
    assert [(unit.text, unit.start, unit.end) for unit in cut.units] == [
        (unit.text, unit.start, unit.end) for unit in segment(CAPTION)
    ]
    assert get_item(context.engine, item.id) == cut


def test_ensure_cut_of_a_cut_item_or_a_battle_changes_nothing(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ensure_cut(context, add(context)), add(context, "A blue car.")
    battle = get_item(context.engine, add_battle(context.engine, first.id, second.id))
    monkeypatch.setattr(item_cuts, "cut_captions", lambda captions: pytest.fail("nothing is to be cut"))
    assert ensure_cut(context, first) is first
    assert ensure_cut(context, battle) is battle


def test_ensure_cut_keeps_what_somebody_else_has_cut_meanwhile(context: AppContext) -> None:
    item = add(context)
    earlier = cut_item(context.engine, item.id, [(CAPTION, 0, len(CAPTION))], segmenter_version="other-1")
    assert ensure_cut(context, item) == earlier
    assert len(earlier.units) == 1


def test_ensure_cut_by_many_at_once_gives_all_the_same_units(context: AppContext) -> None:
    item, found, gate = add(context), [], threading.Barrier(6)

    def ask() -> None:
        gate.wait()
        found.append(ensure_cut(context, item))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [get_item(context.engine, item.id)] * 6


def test_ensure_cut_of_an_item_that_is_gone_says_so(context: AppContext) -> None:
    gone = add(context)
    object.__setattr__(gone, "id", "0" * 32)
    with pytest.raises(UnknownRecordError, match="there is no item"):
        ensure_cut(context, gone)
