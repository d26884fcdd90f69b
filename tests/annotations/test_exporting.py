"""Ratings as CSV and JSON lines: complete, harmless in a spreadsheet, and the same text when read back."""

import csv
import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from annotations.engine import writing
from annotations.errors import InvalidRecordError
from annotations.exporting import export_ratings
from annotations.spreadsheet import guarded, without_guard
from annotations.store import save_rating, withdraw_rating


def exported(engine, **options) -> str:
    stream = io.StringIO(newline="")
    export_ratings(engine, stream, **options)
    return stream.getvalue()


def test_export_as_csv_has_a_row_for_each_rating_with_rater_and_versions(engine, make_item, make_rating):
    item_id = make_item(source="captioner, 7")
    save_rating(engine, make_rating(item_id, "Ada", comment='a "quoted"\nline'))
    save_rating(engine, make_rating(item_id, "Bo"))
    rows = list(csv.DictReader(io.StringIO(exported(engine, format="csv"), newline="")))
    assert [row["rater"] for row in rows] == ["Ada", "Bo"]
    first = rows[0]
    assert json.loads(first["answers"]) == {"correctness": 2, "thoroughness": 4, "overall": 3}
    assert (first["comment"], first["source"]) == ('a "quoted"\nline', "captioner, 7")
    assert (first["segmenter_version"], first["guideline_version"]) == ("test-1", "1")
    assert (first["application_version"], len(first["rater_id"])) == ("0.1.0", 32)
    assert json.loads(first["verdicts"])[2] == {"start": 33, "end": 49, "verdict": "hallucinated"}


def test_export_as_json_lines_holds_the_text_as_it_is(engine, make_item, make_rating):
    save_rating(engine, make_rating(make_item(), "Ada", comment="=1+1 🪁"))
    (line,) = exported(engine, format="jsonl").splitlines()
    row = json.loads(line)
    assert (row["comment"], row["answers"]["overall"], row["metric_revealed_at"]) == ("=1+1 🪁", 3, None)
    assert [verdict["verdict"] for verdict in row["verdicts"]] == ["supported", None, "hallucinated"]


def test_export_of_all_revisions_has_the_replaced_and_withdrawn_ones_too(engine, make_item, make_rating):
    item_id = make_item()
    save_rating(engine, make_rating(item_id, "Ada"))
    save_rating(engine, make_rating(item_id, "Ada", overall=5))
    withdraw_rating(engine, "Ada", item_id, application_version="0.1.0")
    assert exported(engine, format="jsonl") == ""
    rows = [json.loads(line) for line in exported(engine, format="jsonl", all_revisions=True).splitlines()]
    assert [(row["number"], row["answers"].get("overall"), row["withdrawn"]) for row in rows] == [
        (1, 3, False),
        (2, 5, False),
        (3, None, True),
    ]


def test_export_of_no_ratings_as_csv_is_the_heading_alone(engine):
    assert exported(engine, format="csv").count("\r\n") == 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "'=", "''@"])
def test_export_as_csv_keeps_a_cell_from_running_in_a_spreadsheet(engine, make_item, make_rating, start):
    comment = f"{start}HYPERLINK(1)"
    save_rating(engine, make_rating(make_item(), comment=comment))
    (row,) = csv.DictReader(io.StringIO(exported(engine, format="csv"), newline=""))
    assert row["comment"] == "'" + comment


def test_export_of_much_text_needs_memory_for_a_part_of_it_only(engine, make_item, make_rating, monkeypatch):
    monkeypatch.setattr("annotations.revisions._ROWS_AT_ONCE", 20)
    save_rating(engine, make_rating(make_item()))
    assert exported(engine, format="csv")  # what is loaded and kept at the first time does not count
    characters, revisions = 20_000, 300
    series = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= :revisions) "
    with writing(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO revisions (id, item_id, rater_id, number, receipt, nonce, withdrawn, comment, "
                f"guideline_version, application_version, created_at) {series} SELECT 'r' || i, item_id, "
                "rater_id, i, i, 'n' || i, true, :comment, '1', '1', created_at FROM n, revisions"
            ),
            {"revisions": revisions, "comment": "x" * characters},
        )

    class Nowhere(io.StringIO):
        def write(self, line: str) -> int:
            return len(line)

    tracemalloc.start()
    try:
        number = export_ratings(engine, Nowhere(), format="csv", all_revisions=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == 1 + revisions
    assert peak < characters * revisions / 3


RISKY = ("=", "+", "-", "@", "\t", "\r")


@given(content=st.text(alphabet="'=+-@\t\ra1 ", max_size=6))
def test_cell_is_harmless_and_gives_the_text_back_without_its_guard(content):
    cell = guarded(content)
    assert not cell.startswith(RISKY)
    assert without_guard(cell) == content


def test_export_in_an_unknown_format_names_the_known_ones(engine):
    with pytest.raises(InvalidRecordError, match="csv or jsonl; got 'xml'"):
        exported(engine, format="xml")
