"""The quick ways of writing a line against the slow plain ones: Python's own `csv` and `json`."""

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.export_lines import csv_line, json_line
from annotations.schema import VERDICTS
from annotations.spreadsheet import guarded

# Where the rules of either format begin: what breaks a cell, what runs in a spreadsheet, what is escaped.
SIGNS = "'=+-@\t\r\n\",; "
TEXT = st.one_of(
    st.text(max_size=12),
    st.text(alphabet=SIGNS + "a\\/\x00\x1f\x7f\x85\u2028é🪁", max_size=6),
    st.builds(str.__add__, st.sampled_from(SIGNS), st.sampled_from(["", "a", "=1", "'", "a\n"])),
)
INTEGER = st.integers(-(2**63), 2**63 - 1)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
VALUES = {
    "text": TEXT,
    "integer": INTEGER,
    "number": NUMBER,
    "truth": st.booleans(),
    "texts": st.lists(TEXT, max_size=2),
    "json": st.recursive(
        st.one_of(TEXT, INTEGER, NUMBER, st.booleans(), st.none()),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
        max_leaves=4,
    ).filter(lambda value: value is not None),
    "spans": st.lists(st.tuples(INTEGER, INTEGER), max_size=3),
    "verdicts": st.lists(st.tuples(INTEGER, INTEGER, st.sampled_from([*VERDICTS, None])), max_size=3),
}
COLUMNS = {f"the_{kind}": kind for kind in VALUES}
ROWS = st.fixed_dictionaries({f"the_{kind}": st.none() | values for kind, values in VALUES.items()})


def as_objects(row):
    """Give units and verdicts as the objects that a reader finds."""
    names = ("start", "end", "verdict")
    objects = {}
    for name, kind in COLUMNS.items():
        value = row[name]
        if value is not None and kind in ("spans", "verdicts"):
            value = [dict(zip(names, one, strict=False)) for one in value]
        objects[name] = value
    return objects


@given(row=ROWS)
def test_line_of_json_is_that_of_the_json_module(row):
    assert json_line(row, COLUMNS) == json.dumps(as_objects(row), ensure_ascii=False) + "\n"


@given(row=ROWS)
def test_line_of_csv_is_that_of_the_csv_module_with_guarded_cells(row):
    plain = io.StringIO(newline="")
    csv.writer(plain).writerow(
        json.dumps(value, ensure_ascii=False)
        if value is not None and COLUMNS[name] in ("json", "texts", "spans", "verdicts")
        else guarded(value)
        for name, value in as_objects(row).items()
    )
    assert csv_line(row, COLUMNS) == plain.getvalue()


@pytest.mark.parametrize("sign", SIGNS)
def test_cell_that_begins_with_a_sign_is_quoted_as_the_csv_module_does(sign):
    plain = io.StringIO(newline="")
    csv.writer(plain).writerow([guarded(f"{sign}a"), f"a{sign}"])
    columns = {"first": "text", "second": "text"}
    assert csv_line({"first": f"{sign}a", "second": f"a{sign}"}, columns) == plain.getvalue()


@given(row=ROWS)
def test_lines_hold_the_columns_that_are_asked_for_in_their_order(row):
    columns = dict(reversed(COLUMNS.items()))
    del columns["the_text"]
    assert list(json.loads(json_line(row, columns))) == list(columns)
    (cells,) = csv.reader(io.StringIO(csv_line(row, columns), newline=""))
    assert len(cells) == len(columns)
    number = cells[list(columns).index("the_number")]
    assert number == "" if row["the_number"] is None else math.isclose(float(number), row["the_number"])
