"""Captions come in whole or not at all: what is written, what is refused and why, what a second run does."""

import hashlib

import pytest
from PIL import Image
from sqlalchemy import select

from annotations.assignment import claim_item
from annotations.campaign_tables import INSPECT_CAMPAIGN, LINKS_CAMPAIGN
from annotations.campaigns import create_campaign, delete_campaign
from annotations.engine import reading
from annotations.errors import InvalidRecordError, StorageError, UnknownRecordError
from annotations.image_files import Originals
from annotations.items import cut_item, delete_item, get_item
from annotations.schema import campaigns, images, items, revisions, units
from annotations.store import save_rating


def stored(engine, *columns) -> list[tuple]:
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(select(*columns))]


def refused(report) -> str:
    assert report.written is None
    (refusal,) = report.refusals
    return refusal.reason


def test_import_writes_items_and_images_and_keeps_the_bytes(engine, take, folder, tmp_path):
    report = take(
        {"id": "7", "image": "red.jpg", "caption": "A red wall.", "source": "model a", "overlap": 2},
        {"image": "blue.png", "captions": ["Blue sea.", {"caption": "Blue.", "source": "model b"}]},
        {"image": "blue.png", "caption_model c": "All blue.", "caption_model d": "", "priority": -1},
    )
    assert (report.rows, report.refused) == (3, 0)
    assert (report.written.items, report.written.images, report.written.already) == (4, 2, 0)
    columns = (items.c.caption, items.c.source, items.c.overlap, items.c.priority, items.c.external_id)
    assert set(stored(engine, *columns, items.c.segmenter_version)) == {
        ("A red wall.", "model a", 2, 0, "7", ""),
        ("Blue sea.", "", 3, 0, None, ""),
        ("Blue.", "model b", 3, 0, None, ""),
        ("All blue.", "model c", 3, -1, None, ""),
    }
    for image_id, sha256, name, width, height in stored(
        engine, images.c.id, images.c.sha256, images.c.filename, images.c.width, images.c.height
    ):
        content = (tmp_path / "images" / "originals" / image_id).read_bytes()
        assert content == (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256
        with Image.open(folder / name) as opened:
            assert (width, height) == opened.size
    assert stored(engine, units) == []
    # Nothing but the two files is left behind.
    assert len(list((tmp_path / "images" / "originals").iterdir())) == 2


def test_import_of_the_same_table_again_adds_nothing_and_says_so(engine, take, tmp_path):
    rows = [
        {"image": "red.jpg", "captions": ["One.", "Two."], "source": "a"},
        {"image": "red.jpg", "caption": "Three.", "catch": {"start": 0, "end": 5, "text": "Four"}},
    ]
    take(*rows, pairs=True)
    before = stored(engine, items)
    again = take(*rows, pairs=True)
    assert (again.written.items, again.written.images, again.written.already) == (0, 0, 4)
    assert again.written.battles == 0
    assert stored(engine, items) == before
    assert len(list((tmp_path / "images" / "originals").iterdir())) == 1


def test_import_again_after_the_caption_was_cut_finds_the_same_item(engine, take):
    take({"image": "red.jpg", "caption": "One."})
    ((item_id,),) = stored(engine, items.c.id)
    cut_item(engine, item_id, [("One.", 0, 4)], segmenter_version="later-1")
    assert take({"image": "red.jpg", "caption": "One."}).written.already == 1
    assert len(stored(engine, items.c.id)) == 1


def test_import_again_leaves_a_deleted_item_deleted_and_says_so(engine, take):
    take({"image": "red.jpg", "caption": "One."})
    ((item_id,),) = stored(engine, items.c.id)
    delete_item(engine, item_id)
    again = take({"image": "red.jpg", "caption": "One."})
    assert (again.written.already, again.written.deleted) == (1, 1)
    assert get_item(engine, item_id).deleted_at is not None


def test_import_puts_an_original_back_that_was_lost_or_cut_short(engine, take, tmp_path, folder):
    take({"image": "red.jpg", "caption": "One."})
    (file,) = (tmp_path / "images" / "originals").iterdir()
    file.write_bytes(b"half")
    take({"image": "red.jpg", "caption": "One."})
    assert file.read_bytes() == (folder / "red.jpg").read_bytes()


def test_import_counts_a_caption_once_that_stands_in_the_table_twice(engine, take):
    row = {"image": "red.jpg", "caption": "One."}
    report = take(row, row)
    assert (report.repeated, report.written.items) == (1, 1)


def test_import_takes_the_same_bytes_under_two_names_for_one_image(engine, take, folder):
    (folder / "copy.jpg").write_bytes((folder / "red.jpg").read_bytes())
    report = take({"image": "red.jpg", "caption": "One."}, {"image": "copy.jpg", "caption": "One."})
    assert (report.written.images, report.written.items, report.repeated) == (1, 1, 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"caption": "a"}, "has no image"),
        ({"image": "red.jpg"}, "has no caption"),
        ({"image": "red.jpg", "caption": "  "}, "this one is empty"),
        ({"image": "red.jpg", "caption": 3}, "caption is no text; got 3"),
        ({"image": "red.jpg", "caption": "a\x00b"}, "character NUL"),
        ({"image": "red.jpg", "caption": "a" * 10_001}, "10,000 characters; this one has 10,001"),
        ({"image": "gone.jpg", "caption": "a"}, "there is no image 'gone.jpg'"),
        ({"image": "../secret.png", "caption": "a"}, "'../secret.png' lies outside the folder"),
        ({"image": "/etc/hostname", "caption": "a"}, "'/etc/hostname' lies outside the folder"),
        ({"image": "sub/../../secret.png", "caption": "a"}, "lies outside the folder"),
        ({"image": "link.png", "caption": "a"}, "'link.png' lies outside the folder"),
        ({"image": "a\x00b", "caption": "a"}, "there can be no file"),
        ({"image": ".", "caption": "a"}, "there is no image '.'"),
        ({"image": "red.jpg", "caption": "a", "overlap": 0}, "overlap must be a whole number from 1"),
        ({"image": "red.jpg", "caption": "a", "overlap": 1.5}, "got 1.5"),
        ({"image": "red.jpg", "caption": "a", "overlap": True}, "got True"),
        ({"image": "red.jpg", "caption": "a", "priority": "high"}, "priority must be a whole number"),
        (
            {"image": "red.jpg", "caption": "ab", "units": [{"start": 0, "end": 2}]},
            "need a segmenter_version",
        ),
        ({"image": "red.jpg", "captions": [{"caption": "a", "sauce": "b"}]}, "a field 'sauce'"),
        ({"image": "red.jpg", "captions": ["a", "b"], "gold": {"feedback": "x"}}, "2 captions, and gold is"),
    ],
)
def test_import_of_a_row_that_will_not_do_writes_nothing_and_says_why(
    engine, take, folder, tmp_path, draw_picture, row, reason
):
    draw_picture(tmp_path / "secret.png")
    (folder / "sub").mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    report = take({"image": "red.jpg", "caption": "good"}, row)
    assert reason in refused(report)
    assert (report.refusals[0].number, report.refusals[0].file) == (2, "table.jsonl")
    assert stored(engine, items) == stored(engine, images) == []
    assert sorted(stored(engine, campaigns.c.id)) == [(INSPECT_CAMPAIGN,), (LINKS_CAMPAIGN,)]
    assert list((tmp_path / "images" / "originals").iterdir()) == []


def test_import_that_skips_refused_rows_writes_the_others(engine, take):
    report = take({"image": "red.jpg", "caption": "good"}, {"image": "red.jpg"}, skip_invalid=True)
    assert (report.refused, report.written.items) == (1, 1)


def test_import_with_images_from_another_folder_finds_them_there(engine, take, tmp_path, draw_picture):
    (tmp_path / "elsewhere").mkdir()
    draw_picture(tmp_path / "elsewhere" / "far.png")
    row = {"image": "far.png", "caption": "Far."}
    assert "there is no image" in refused(take(row))
    assert take(row, images_from=tmp_path / "elsewhere").written.items == 1


def test_import_that_fails_while_writing_leaves_no_file_and_no_row(engine, take, tmp_path, monkeypatch):
    place = Originals.place
    placed = []

    def fail(self, image_id, copy):
        if placed:
            raise OSError(28, "No space left on device")
        placed.append(image_id)
        place(self, image_id, copy)

    monkeypatch.setattr(Originals, "place", fail)
    with pytest.raises(StorageError, match="No space left on device"):
        take({"image": "red.jpg", "caption": "One."}, {"image": "blue.png", "caption": "Two."})
    assert placed
    assert list((tmp_path / "images" / "originals").iterdir()) == []
    assert stored(engine, images) == stored(engine, items) == []


def test_import_into_no_campaign_or_a_deleted_one_is_refused(engine, take):
    with pytest.raises(UnknownRecordError, match="no campaign 'study'"):
        take({"image": "red.jpg", "caption": "One."}, create=False)
    delete_campaign(engine, create_campaign(engine, "study"))
    with pytest.raises(InvalidRecordError, match="'study' was deleted"):
        take({"image": "red.jpg", "caption": "One."})


def test_imported_item_is_handed_out_and_rated_like_any_other(engine, take, make_rating):
    campaign_id = create_campaign(engine, "study", overlap=5)
    take({"image": "red.jpg", "caption": "One.", "units": [{"start": 0, "end": 4}], "segmenter_version": "v"})
    ((item_id, campaign, overlap),) = stored(engine, items.c.id, items.c.campaign_id, items.c.overlap)
    assert (campaign, overlap) == (campaign_id, 5)
    assert [unit.text for unit in claim_item(engine, "Ada", item_id).units] == ["One."]
    save_rating(engine, make_rating(item_id, verdicts=("supported",)))
    assert len(stored(engine, revisions.c.id)) == 1


# Units


def test_units_without_text_are_the_slices_of_the_caption(engine, take):
    cut = [{"start": 0, "end": 4}, {"start": 4, "end": 9, "text": " Two."}]
    take({"image": "red.jpg", "caption": "One. Two.", "units": cut, "segmenter_version": "v1"})
    spans = stored(engine, units.c.segmenter_version, units.c.start, units.c.end)
    assert spans == [("v1", 0, 4), ("v1", 4, 9)]


@pytest.mark.parametrize("cut", [[(0, 3)], [(0, 2), (3, 4)], [], [(2, 1)]])
def test_units_that_do_not_make_up_the_caption_are_refused(take, cut):
    listed = [{"start": start, "end": end} for start, end in cut]
    row = {"image": "red.jpg", "caption": "One.", "units": listed, "segmenter_version": "v"}
    assert "unit" in refused(take(row))


def test_units_at_odds_with_stored_ones_of_the_same_version_are_refused(engine, take):
    row = {"caption": "One. Two.", "segmenter_version": "v", "units": [{"start": 0, "end": 9}]}
    other = {**row, "units": [{"start": 0, "end": 4}, {"start": 4, "end": 9}]}
    assert "in a row before" in refused(take({"image": "red.jpg", **row}, {"image": "blue.png", **other}))
    take({"image": "red.jpg", **row})
    report = take(
        {"image": "blue.png", **other}, {"image": "blue.png", "caption": "Fine."}, skip_invalid=True
    )
    assert "has cut this caption in another way before" in report.refusals[0].reason
    assert report.written.items == 1
    assert stored(engine, units.c.end) == [(9,)]


HOSTILE = [
    "=HYPERLINK(1)",
    "'; DROP TABLE items; --",
    "$(touch owned)",
    '"><script>',
    "%s %(x)s {0}",
    ":name",
]


def test_hostile_texts_are_stored_as_they_are_and_run_nowhere(
    engine, take, folder, tmp_path, draw_picture, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for text in HOSTILE:
        name = text.replace("/", "") + ".png"
        draw_picture(folder / name)
        take({"id": text, "image": name, "caption": text, "source": text}, campaign=text)
    found = stored(engine, items.c.caption, items.c.source, items.c.external_id)
    assert sorted(found) == sorted((text, text, text) for text in HOSTILE)
    assert {name for (name,) in stored(engine, campaigns.c.name)} >= set(HOSTILE)
    assert not (tmp_path / "owned").exists()
