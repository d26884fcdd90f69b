import importlib.util
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specs_core.errors import CaptionError, ConfigError
from specs_core.segmentation import SEGMENTERS, segment, segment_many, segmenter_version
from specs_core.segmentation.parsing import SHIPPED_PIPELINE

ODD_CAPTIONS = {
    "emoji only": "🚗🌳👨‍👩‍👧",
    "right to left": "قطة سوداء تجلس على كرسي. الكلب بجانبها.",
    "control characters": "A\x00 red\x07 car\x1b[31m in\x7f the street",
    "only control characters": "\x00\x01\x02",
    "only invisible signs": "\u200b\u200d\u2060",
    "line ends of Windows": "A red car.\r\n\r\nA tree\r\nbehind it.",
    "no-break spaces": "A\u00a0red\u00a0car on\u00a0a road.",
    "script": "<script>alert('x')</script> A cat sits on a mat.",
    "unclosed brackets": "A sign (with a [red border and “the word STOP on a pole",
    "half a surrogate pair": "A car \ud83d on a road.",
    "one word": "car",
    "one sign": ".",
    "only marks": "?!… — …",
    "no spaces": "x" * 3000,
    "marks without end": "A car, " * 400,
    "nothing but brackets": "(" * 500 + "car" + ")" * 500,
}


@pytest.mark.parametrize("segmenter", SEGMENTERS)
@pytest.mark.parametrize("caption", ODD_CAPTIONS.values(), ids=ODD_CAPTIONS)
def test_segment_odd_caption_rebuilds_it(caption, segmenter):
    units = segment(caption, segmenter=segmenter)
    assert "".join(unit.text for unit in units) == caption
    assert all(unit.text for unit in units)


@pytest.mark.parametrize("segmenter", SEGMENTERS)
def test_segment_five_thousand_words_rebuilds_them(segmenter):
    with_stops = (
        "A red car stands on a road. " * 420 + "A small tree grows behind it, with green leaves. " * 230
    )
    without_stops = "a red car on a road with two wheels and " * 500
    for caption in (with_stops, without_stops):
        units = segment(caption, segmenter=segmenter)
        assert "".join(unit.text for unit in units) == caption
        assert len(units) > 100 or (segmenter == "sentences" and caption is without_stops)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.text(min_size=1, max_size=80),
        st.lists(
            st.sampled_from(
                [
                    "a",
                    "red",
                    "car",
                    ",",
                    ".",
                    "with",
                    "the",
                    "“",
                    '"',
                    "(",
                    "is",
                    "and",
                    "which",
                    "\n\n",
                    "-",
                    "'s",
                ]
            ),
            min_size=1,
            max_size=40,
        ).map(" ".join),
    ),
    st.sampled_from(SEGMENTERS),
)
def test_segment_any_text_rebuilds_it_without_an_empty_unit(caption, segmenter):
    if caption.isspace():
        with pytest.raises(CaptionError, match="caption 0 is empty"):
            segment(caption, segmenter=segmenter)
        return
    units = segment(caption, segmenter=segmenter)
    assert "".join(unit.text for unit in units) == caption
    assert all(unit.text for unit in units)
    assert [unit.start for unit in units[1:]] == [unit.end for unit in units[:-1]]


@pytest.mark.parametrize("caption", ["", " ", "\n\t\u00a0"])
def test_segment_empty_caption_raises_caption_error(caption):
    with pytest.raises(CaptionError, match="caption 0 is empty"):
        segment(caption)


def test_segment_many_empty_caption_names_its_number():
    with pytest.raises(CaptionError, match="caption 1 is empty"):
        list(segment_many(["A car.", " "]))


def test_segment_unknown_segmenter_raises_before_loading_anything():
    with pytest.raises(
        ConfigError,
        match=r"unknown segmenter 'words': choose one of dependency, grammar, sentences, word_groups",
    ):
        segment("A car.", segmenter="words")


def test_segment_unknown_pipeline_raises_with_its_name():
    with pytest.raises(ConfigError, match="'no_such_pipeline' cannot be loaded"):
        segment("A car.", pipeline="no_such_pipeline")


def test_segment_pipeline_from_environment_is_used(monkeypatch):
    monkeypatch.setenv("SPECS_PIPELINE", "no_such_pipeline")
    with pytest.raises(ConfigError, match="'no_such_pipeline' cannot be loaded"):
        segment("A car.")
    assert segment("A car.", pipeline=str(SHIPPED_PIPELINE))


@pytest.mark.parametrize("segmenter", SEGMENTERS)
def test_segment_many_any_batch_size_gives_the_units_of_single_calls(segmenter):
    captions = ["A red car on a road.", "A tree. Behind it stands a house, with two windows.", "🚗", "Sky."]
    single = [segment(caption, segmenter=segmenter) for caption in captions]
    assert list(segment_many(captions, segmenter=segmenter, batch_size=1)) == single
    assert list(segment_many(captions, segmenter=segmenter, batch_size=3)) == single


def test_segment_many_reads_lazily():
    def endless():
        while True:
            yield "A red car on a road."

    assert next(segment_many(endless(), batch_size=2))


@pytest.mark.parametrize("segmenter", SEGMENTERS)
def test_segmenter_version_names_rules_and_pipeline(segmenter):
    assert segmenter_version(segmenter).startswith(f"{segmenter}-")
    assert segmenter_version(segmenter).endswith("+specs_ewt-1.0.0")


def test_segmentation_when_imported_loads_no_spacy():
    code = "import sys, specs_core.segmentation; sys.exit('spacy' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_shipped_pipeline_is_at_most_fifteen_megabytes():
    assert sum(path.stat().st_size for path in SHIPPED_PIPELINE.rglob("*")) <= 15e6


def test_shipped_pipeline_card_names_source_licence_and_figures():
    import json

    meta = json.loads((SHIPPED_PIPELINE / "meta.json").read_text(encoding="utf-8"))
    assert meta["license"] == "CC-BY-SA-4.0"
    assert "Silveira" in meta["sources"][0]["author"]
    assert meta["performance"]["test_own_tokens"]["tag_accuracy"] > 0.9
    card = (SHIPPED_PIPELINE / "README.md").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in card
    assert "Silveira et al. 2014" in card


@pytest.mark.parametrize(
    ("segmenter", "precision", "recall"), [("dependency", 0.95, 0.90), ("grammar", 0.50, 0.75)]
)
def test_segment_gold_captions_agrees_with_the_annotators(shared, tmp_path, segmenter, precision, recall):
    import json

    folder = shared / "data" / "units"
    spec = importlib.util.spec_from_file_location("score_units", folder / "score_units.py")
    score_units = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score_units)
    rows = [json.loads(line) for line in (folder / "dev.jsonl").read_text(encoding="utf-8").splitlines()]
    cut = segment_many([row["caption"] for row in rows], segmenter=segmenter)
    predicted = tmp_path / "predicted.jsonl"
    predicted.write_text(
        "".join(
            json.dumps({"id": row["id"], "units": [unit.text for unit in units]}) + "\n"
            for row, units in zip(rows, cut, strict=True)
        ),
        encoding="utf-8",
    )
    found = score_units.main(folder / "dev.jsonl", predicted)
    assert found[0] >= precision
    assert found[1] >= recall
