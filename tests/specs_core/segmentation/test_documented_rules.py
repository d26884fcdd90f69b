"""Every rule in the tables of docs/units.md, by its name: the example is cut as it is printed."""

import re
from pathlib import Path

import pytest

from specs_core.segmentation import segment

PAGE = Path(__file__).resolve().parents[3] / "docs" / "units.md"
ROW = re.compile(r"^\| (?P<rule>[^|]+) \| .+ \| `(?P<example>.+)` \|$", re.MULTILINE)


def _examples():
    return {
        match["rule"]: match["example"].replace(r"\|", "|")
        for match in ROW.finditer(PAGE.read_text(encoding="utf-8"))
    }


def test_documented_rules_each_row_of_the_tables_is_read():
    rows = [
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and line.endswith("` |")
    ]
    assert len(_examples()) == len(rows) > 60


@pytest.mark.parametrize("example", _examples().values(), ids=_examples())
def test_segment_by_dependency_follows_the_documented_rule(example):
    expected = example.split(" | ")
    assert [unit.text.strip() for unit in segment(" ".join(expected))] == expected
