"""The command that imports: what it tells, and what it leaves alone."""

import csv
import io
import json

from annotations.cli import main


def test_command_shows_twenty_refusals_and_reports_all_of_them(
    engine, folder, tmp_path, database_url, capsys
):
    table = folder / "many.jsonl"
    table.write_text(
        '{"image": "red.jpg", "caption": "fine"}\n' + '{"image": "=cmd()", "caption": "a"}\n' * 25
    )
    place = ["--database", database_url, "--data", str(tmp_path / "data"), "--report"]
    command = ["import", str(table), "--campaign", "study", "--create", *place]
    assert main([*command, str(tmp_path / "report.csv")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "'many.jsonl', row 2: there is no image '=cmd()'"
    assert (len(told), told[20]) == (22, "and 5 more; --report FILE lists them all")
    assert "25 of 26 rows were refused" in told[21]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text())))
    assert [row["row"] for row in rows] == [str(number) for number in range(2, 27)]
    assert main([*command, str(tmp_path / "report.json"), "--skip-invalid"]) == 0
    assert len(json.loads((tmp_path / "report.json").read_text())) == 25
    assert "1 captions and 1 images added to campaign 'study'" in capsys.readouterr().out


def test_command_shows_nothing_that_steers_a_terminal(folder, tmp_path, capsys):
    table = folder / "odd\x1b[2J.jsonl"
    table.write_text(json.dumps({"image": "\x1b[31m.png\u202e", "caption": "a"}) + "\n")
    command = ["import", str(table), "--campaign", "x", "--create", "--data", str(tmp_path / "d")]
    assert main([*command, "--database", f"sqlite:///{tmp_path / 'x.sqlite3'}"]) == 2
    assert all(letter.isprintable() or letter == "\n" for letter in capsys.readouterr().err)
