"""One caption's report: what the page and the JSON say, escaping, the image inside, records refused."""

import base64
import io
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from specs_core.curve import curve_of_units, curve_record
from specs_core.encoder import Encoder
from specs_core.errors import DataError, ImageError
from specs_core.evidence import evidence_record
from specs_core.images import read_image
from specs_core.report.page import report_json, report_page, report_record
from specs_core.report.picture import pixels_sha256
from specs_core.segmentation.units import cut_at

MADE = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
HOSTILE = "A </script><img src=x onerror=\"alert('1')\"> disc & a <b>square</b>, on <!-- green ground."
CAPTION = "A red disc lies on the left, above green ground. A blue square stands beside it. The sky is pale."


class _Reader(HTMLParser):
    """The elements, attributes and texts of a page as a browser sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("id") or tag

    def handle_data(self, data: str) -> None:
        self.texts[self._inside] = self.texts.get(self._inside, "") + data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key.rstrip("_")) == value for key, value in wanted.items())
        ]


@pytest.fixture(scope="module")
def image(drawn_image):
    return read_image(drawn_image)


@pytest.fixture(scope="module")
def record(tiny_encoder: Encoder, image) -> dict[str, Any]:
    return evidence_of(tiny_encoder, image, CAPTION, ["above", "A blue", "The sky"])


def evidence_of(encoder, image, caption, starts, **options):
    features = encoder.image_features([image])[0]
    cut = cut_at(caption, [0, *map(caption.index, starts)])
    return evidence_record(encoder, features, curve_of_units(encoder, features, cut), **options)


def with_units(record: dict[str, Any], **changes: list[Any]) -> dict[str, Any]:
    """Return the record with the given values in its units."""
    units = [dict(unit) for unit in record["units"]]
    for name, values in changes.items():
        for unit, value in zip(units, values, strict=True):
            unit[name] = value
    return {**record, "units": units}


def test_report_json_holds_the_record_the_caption_the_image_and_the_time_in_utc(record, image):
    made = datetime(2025, 3, 4, 7, 6, 7, tzinfo=timezone(timedelta(hours=2)))
    found = json.loads(
        report_json(
            record, image, made_at=made, file_name="a.png", extra={"corrected_by": "Ada"}, notes=["N."]
        )
    )
    assert found["report"] == {
        "kind": "specs report",
        "title": "a.png",
        "made_at": "2025-03-04T05:06:07+00:00",
    }
    assert found["caption"] == CAPTION
    assert found["image"] == {
        "file_name": "a.png",
        "width": 96,
        "height": 64,
        "pixels_sha256": pixels_sha256(image),
    }
    assert found["provenance"] == {**record["provenance"], "corrected_by": "Ada"}
    assert found["notes"][0] == "N."
    assert "recommend plain CLIP" in found["notes"][1]  # of a short caption
    rest = {key: value for key, value in found.items() if key not in ("report", "caption", "image", "notes")}
    assert {**rest, "provenance": record["provenance"]} == record


def test_report_page_holds_the_same_object_as_the_json(record, image):
    page = _Reader(report_page(record, image, made_at=MADE, title="T"))
    assert json.loads(page.texts["report-data"]) == report_record(record, image, made_at=MADE, title="T")


def test_report_page_marks_dips_and_uncertain_units_in_curve_caption_and_table(record, image):
    shown = with_units(
        record,
        similarity=[0.2, 0.3, 0.25, 0.3],
        delta=[None, 0.1, -0.05, 0.05],
        dip=[False, False, True, False],
        leave_one_out=[0.1, -0.02, -0.04, 0.0],
        uncertain=[False, True, False, False],
    )
    text = report_page(shown, image, made_at=MADE)
    page = _Reader(text)
    kinds = [unit["class"] for unit in page.all("span") if "data-unit" in unit]
    assert kinds == ["unit", "unit uncertain", "unit dip", "unit"]
    # The drawing is there in two widths; each has its band and its triangle.
    assert [band["data-unit"] for band in page.all("rect", class_="band dip")] == ["2", "2"]
    assert len(page.all("path", class_="dip")) == 2
    assert text.count(">−0.050</text>") == 2
    assert [row["class"] for row in page.all("tr") if "data-unit" in row] == ["", "", "dip", ""]
    assert "▼ 1 dip" in text
    assert "? 1 uncertain" in text
    assert (
        "Uncertain: the two views disagree, so believe neither alone: the whole caption scores 0.020 higher"
        in text
    )
    assert "Both views agree: the whole caption scores 0.040 higher without it." in text


def test_report_page_shades_words_by_sign_and_size_and_underlines_the_misaligned(record, image):
    values = {"red": 4e-3, "disc": 1e-3, "lies": -2e-3, "on": 1e-6, "the": None}
    words = [
        {**word, "attribution": values.get(word["text"], 0.0), "misaligned": word["text"] == "lies"}
        for word in record["attribution"]["words"]
    ]
    shown = {**record, "attribution": {**record["attribution"], "words": words}}
    page = report_page(shown, image, made_at=MADE)
    classes = {
        name: kinds
        for kinds, name in re.findall(r'<span class="(word[^"]*)" title="[^"]*">(\w+)</span>', page)
    }
    assert {name: classes[name] for name in values} == {
        "red": "word for-4",
        "disc": "word for-2",
        "lies": "word against-3 misaligned",
        "on": "word",
        "the": "word",
    }
    assert 'title="lies: −2.00e−3, misaligned"' in page
    assert "Misaligned words: lies −2.00e−3." in page


def test_report_page_of_a_caption_beyond_the_context_says_which_units_were_not_read(tiny_encoder, image):
    caption = CAPTION + " " + "and a red disc " * 80
    record = evidence_of(tiny_encoder, image, caption, ["above", "A blue", "and a red"])
    text = report_page(record, image, made_at=MADE)
    page = _Reader(text)
    assert [unit["class"] for unit in page.all("span") if "data-unit" in unit][-1] == "unit beyond"
    assert "The last 1 unit lies beyond the model" in text
    assert unescape(text).count("4 · and a red disc") >= 2
    assert "beyond the context: not read" in text
    assert record["attribution_note"] in unescape(text)


def test_report_page_of_a_caption_of_which_no_unit_fits_has_a_curve_without_points(tiny_encoder, image):
    record = evidence_of(tiny_encoder, image, "dog" * 1000, [])
    page = report_page(record, image, made_at=MADE)
    assert record["score"] is None
    assert '<g class="point"' not in page
    assert "No unit fits the model's context" in unescape(page)


def test_report_page_keeps_hostile_texts_as_text(tiny_encoder, image):
    record = evidence_of(tiny_encoder, image, HOSTILE, ["disc", "on <!--"])
    text = report_page(
        record,
        image,
        made_at=MADE,
        title=HOSTILE,
        file_name='"><script>1</script>.png',
        extra={"<i>who</i>": "</dd><script>2</script>"},
        notes=["<script>3</script>"],
    )
    page = _Reader(text)
    assert [each.get("type") for each in page.all("script")] == ["application/json", None]
    assert len(page.all("img")) == 1
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert not page.all("i", class_="who")
    assert json.loads(page.texts["report-data"])["caption"] == HOSTILE
    caption = re.search(r'<p id="caption"[^>]*>(.*?)</p>', text, re.DOTALL).group(1)
    shown = unescape(re.sub(r"<sup>.*?</sup>|</?span[^>]*>", "", caption))
    assert shown == HOSTILE


def test_report_page_without_attribution_says_why_and_keeps_the_caption_as_text(tiny_encoder, image):
    record = evidence_of(tiny_encoder, image, HOSTILE, ["disc", "on <!--"])
    text = report_page(
        {**record, "attribution": None, "attribution_note": "<i>Why.</i>"}, image, made_at=MADE
    )
    page = _Reader(text)
    assert len(page.all("img")) == 1
    assert "&lt;i&gt;Why.&lt;/i&gt;" in text
    assert not page.all("input", id="shading")
    assert 'F-CLIPScore</span> <b class="">—</b>' in text
    assert json.loads(page.texts["report-data"])["attribution"] is None


def test_report_page_asks_for_nothing_and_forbids_the_rest(record, image):
    text = report_page(record, image, made_at=MADE)
    page = _Reader(text)
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy.startswith(
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src"
    )
    assert "unsafe" not in policy
    assert not page.all("link")
    assert all(not (found.keys() & {"style", "href"}) for _, found in page.elements)
    assert all((found.get("src") or "data:").startswith("data:") for _, found in page.elements)
    assert "http" not in re.sub(r"http-equiv", "", text)


def test_report_page_links_to_the_index_where_there_is_one(record, image):
    page = _Reader(report_page(record, image, made_at=MADE, index="../index.html"))
    assert [link["href"] for link in page.all("a")] == ["../index.html"]


def embedded(page: str) -> Image.Image:
    (uri,) = (found["src"] for found in _Reader(page).all("img"))
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_report_page_shows_a_small_image_pixel_by_pixel_without_its_metadata(record, image):
    noted = image.copy()
    noted.info = {"comment": b"secret place", "icc_profile": b"secret profile", "exif": b"secret exif"}
    shown = embedded(report_page(record, noted, made_at=MADE))
    assert shown.tobytes() == image.tobytes()
    assert shown.info == {}


def test_report_page_scales_a_large_image_down_and_says_so(record):
    large = Image.effect_noise((2400, 1200), 40).convert("RGB")
    large.info = {"comment": b"secret place"}
    page = report_page(record, large, made_at=MADE)
    shown = embedded(page)
    assert (shown.format, shown.size) == ("JPEG", (1600, 800))
    assert "comment" not in shown.info
    assert "2400 × 1200 pixels, shown here at 1600 × 800; the model read the original" in page
    assert pixels_sha256(large) in page


def test_report_takes_the_bytes_of_a_file_as_well(record, image):
    out, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_text("Author", "secret")
    image.save(out, "PNG", pnginfo=info)
    assert report_page(record, out.getvalue(), made_at=MADE) == report_page(record, image, made_at=MADE)
    with pytest.raises(ImageError, match="not a JPEG, PNG or WEBP"):
        report_page(record, b"GIF89a....", made_at=MADE)


def test_report_of_a_curve_alone_a_naive_time_or_a_doubled_key_is_refused(tiny_encoder, record, image):
    features = tiny_encoder.image_features([image])[0]
    bare = curve_record(curve_of_units(tiny_encoder, features, cut_at(CAPTION, [0])), tiny_encoder)
    with pytest.raises(DataError, match="evidence_record; this one has a curve alone"):
        report_page(bare, image, made_at=MADE)
    with pytest.raises(DataError, match="got 0"):
        report_page({**record, "units": []}, image, made_at=MADE)
    with pytest.raises(ValueError, match="no time zone"):
        report_page(record, image, made_at=datetime(2025, 3, 4))
    with pytest.raises(DataError, match="holds already: dip_threshold, segmenter"):
        report_page(record, image, made_at=MADE, extra={"segmenter": "x", "dip_threshold": "1", "new": "y"})


def test_report_of_a_file_name_that_is_no_utf_8_can_be_written(record, image, tmp_path):
    options = {"made_at": MADE, "file_name": "caf\udce9.png"}
    (tmp_path / "page.html").write_text(report_page(record, image, **options), encoding="utf-8")
    assert json.loads(report_json(record, image, **options))["image"]["file_name"] == "caf?.png"
