import json
import math
import re

import numpy as np
import pytest
from PIL import Image

from specs_core.cli import main
from specs_core.datasets.pairs import read_pairs
from specs_core.errors import ConfigError, DataError
from specs_core.evaluation.specificity import PairTable, _margin_grid, evaluate_specificity
from specs_core.evaluation.specificity_page import specificity_page
from specs_core.evaluation.specificity_report import specificity_record, specificity_text
from specs_core.scoring import cosine
from specs_core.segmentation import segment

LONG = "A dog " + "and a dog " * 90

ROWS = [
    {
        "caption": "A red car stands on a road, and a small dog sits near it.",
        "units": [[0, 10], [10, 27], [27, 57]],
    },
    {"caption": "A blue boat lies at the pier. Two gulls circle above it. The sky is grey."},
    {
        "caption": "A black cat sleeps on a green chair, next to a lamp.",
        "units": [[0, 12], [12, 37], [37, 52]],
        "false_facts": [
            {"span": [2, 7], "text": "white", "type": "tint"},
            {"span": [45, 51], "text": "a vase", "type": "kind"},
        ],
    },
    {"caption": LONG, "units": [[0, 6], [6, 800], [800, len(LONG)]]},
]


@pytest.fixture
def data(tmp_path):
    for number in range(3):
        Image.effect_noise((60 + number, 50), 70).convert("RGB").save(tmp_path / f"{number}.png")
    rows = [
        {
            "image": f"{number % 3}.png",
            "units": [[each.start, each.end] for each in segment(row["caption"])],
            **row,
        }
        for number, row in enumerate(ROWS)
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_evaluate_specificity_gives_every_pair_the_cosines_of_its_separate_texts(tiny_encoder, data):
    pairs = read_pairs(data)
    result = evaluate_specificity(tiny_encoder, pairs, resamples=20)
    table = result.table
    for row in range(len(table.caption)):
        pair = pairs[table.caption[row]]
        unit = table.unit[row]
        prefix = pair.caption[: pair.units[unit][0]]
        if table.kind[row] == "true":
            text = pair.caption[: pair.units[unit][1]]
        else:
            (false,) = (
                each.text
                for each in result.negatives.units[table.caption[row]]
                if (each.unit, each.kind) == (unit, table.kind[row])
            )
            text = prefix + false
        assert table.tokens[row] == tiny_encoder.count_tokens(text)
        image = tiny_encoder.image_features([Image.open(pair.image).convert("RGB")])[0]
        for words, found in ((prefix, table.base[row]), (text, table.extended[row])):
            if tiny_encoder.count_tokens(words) > tiny_encoder.context_length:
                assert math.isnan(found)
            else:
                assert found == pytest.approx(
                    float(cosine(image, tiny_encoder.text_features([words])[0])), abs=1e-5
                )
    assert result.units == sum(len(pair.units) for pair in pairs)
    assert (result.captions, result.images) == (4, 3)


def test_evaluate_specificity_counts_what_lies_beyond_the_context_and_in_the_first_unit(tiny_encoder, data):
    result = evaluate_specificity(tiny_encoder, read_pairs(data), resamples=20)
    assert result.prefixes_beyond == 1
    assert result.sr_pos.left_out == 1
    # Behind the 1st prefix of the long caption false units fit, behind the 2nd they may not.
    assert result.sr_neg["in_batch"].pairs + result.sr_neg["in_batch"].left_out == len(
        [kind for kind in result.table.kind if kind == "true"]
    )
    assert (result.negatives.first_unit, result.sr_neg["hard"].pairs) == (1, 1)
    assert list(result.sr_neg)[:3] == ["in_batch", "shuffled", "hard"]


def test_evaluate_specificity_sums_up_what_its_pairs_say(tiny_encoder, data):
    result = evaluate_specificity(tiny_encoder, read_pairs(data), resamples=20)
    table = result.table
    gap = table.gap[(table.kind == "true") & ~np.isnan(table.gap)]
    assert result.sr_pos.micro == np.mean(gap > 0)
    false = table.gap[(table.kind == "shuffled") & ~np.isnan(table.gap)]
    assert result.sr_neg["shuffled"].micro == np.mean(false < 0)
    assert result.sweep["true"][0][0] == result.sr_pos.micro
    assert sum(each.rates["true"].pairs for each in result.by_tokens) == result.sr_pos.pairs
    assert result.himo["all"].captions + result.himo["all"].too_few == 4
    assert set(result.published) == {"in_batch", "shuffled"}
    assert result.published["in_batch"].pairs == result.sr_pos.pairs


def test_evaluate_specificity_is_a_function_of_its_seed(tiny_encoder, data):
    pairs = read_pairs(data)
    one, same, other = (evaluate_specificity(tiny_encoder, pairs, resamples=20, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.table.extended, same.table.extended)
    assert one.sr_neg == same.sr_neg
    assert one.sr_pos.micro == other.sr_pos.micro
    assert one.negatives.units != other.negatives.units


def test_evaluate_specificity_when_captions_have_one_unit_has_no_rates_and_no_warning(tiny_encoder, data):
    rows = [{"image": f"{n}.png", "caption": "A dog.", "units": [[0, 6]]} for n in range(2)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = evaluate_specificity(tiny_encoder, read_pairs(data))
    assert math.isnan(result.sr_pos.micro)
    assert (result.by_tokens, result.margins.tolist()) == ((), [0.0])
    assert {kind: rate.pairs for kind, rate in result.sr_neg.items()} == dict.fromkeys(result.sr_neg, 0)
    text = specificity_text(result, tiny_encoder, segmenter="dependency", compatibility=True)
    assert "2 units (2 captions with units of their own)" in text
    assert "There is no false unit of the kind one false fact: the data name no false facts." in text
    assert result.himo["3"].too_few == 2
    assert "SR_pos, true units</td><td>none" in specificity_page(result, tiny_encoder, segmenter="dependency")
    record = specificity_record(result, tiny_encoder, segmenter="dependency", seed=0)
    assert json.loads(json.dumps(record, allow_nan=False))["sr_pos"]["micro"] is None
    assert " none" in text


def test_evaluate_specificity_with_a_seed_below_zero_is_refused_before_any_work(tiny_encoder, data):
    with pytest.raises(ConfigError, match="0 or more; got -1"):
        evaluate_specificity(tiny_encoder, read_pairs(data), seed=-1)


def test_evaluate_specificity_of_nothing_is_an_error(tiny_encoder):
    with pytest.raises(DataError, match="There are no captions to evaluate"):
        evaluate_specificity(tiny_encoder, [])


def test_margins_end_at_a_round_number_that_few_gaps_exceed():
    assert _margin_grid(np.array([0.03, -0.031, np.nan]))[-1] == pytest.approx(0.05)
    assert _margin_grid(np.array([0.9])).tolist()[:2] == [0.0, 0.025]
    assert _margin_grid(np.array([0.0])).tolist() == [0.0]


def test_hard_pairs_are_those_of_every_type():
    table = PairTable(
        *([np.zeros(3, np.int64)] * 3), np.array(["true", "hard:a", "hard:b"]), *([np.zeros(3)] * 3)
    )
    assert table.of_kind("hard").tolist() == [False, True, True]
    assert table.of_kind("hard:a").tolist() == [False, True, False]


def test_specificity_command_writes_figures_text_and_a_page_that_needs_nothing_else(
    data, tiny_checkpoint, tmp_path, capsys
):
    figures, page = tmp_path / "figures.json", tmp_path / "page.html"
    arguments = ["evaluate", "specificity", str(data), "--model", str(tiny_checkpoint)]
    assert main([*arguments, "--json", str(figures), "--report", str(page), "--compatibility"]) == 0
    out = capsys.readouterr().out
    assert "SR_pos  true units" in out
    assert "The published computation would not see" in out
    assert "As published: SR_pos" in out
    assert "1 prefixes are longer than the 248 tokens" in out
    record = json.loads(figures.read_text())
    assert record["sr_neg"]["hard"]["pairs"] >= 1
    assert record["left_out"]["prefixes_beyond_context"] == 1
    assert set(record["himo"]) == {"3", "5", "7", "10", "all"}
    assert record["provenance"]["segmenter"] == "dependency"
    html = page.read_text()
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="', html)
    for part in ("Rates by kind of unit", "HiMo@5", "prefers-color-scheme: dark", "would not see"):
        assert part in html
    assert main([*arguments, "--json", "-", "--negatives", "hard"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed["sr_neg"]) <= {"hard", "hard:tint", "hard:kind"}
    assert printed["published"] == {}


def test_specificity_command_when_a_file_is_missing_or_cannot_be_written_says_so(
    data, tiny_checkpoint, tmp_path, capsys
):
    assert main(["evaluate", "specificity", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl cannot be read" in capsys.readouterr().err
    target = tmp_path / "missing" / "page.html"
    arguments = ["evaluate", "specificity", str(data), "--model", str(tiny_checkpoint)]
    assert main([*arguments, "--report", str(target)]) == 2
    assert "page.html cannot be written: there is no folder" in capsys.readouterr().err
    assert main([*arguments, "--json", str(tmp_path)]) == 2
    assert "cannot be written: Is a directory" in capsys.readouterr().err
