"""The specs-ratings command, run as a process and in place."""

import os
import subprocess
import sys

import pytest

from annotations.cli import main
from annotations.engine import open_database
from annotations.revisions import ratings
from annotations.store import save_rating


def test_help_answers_in_half_a_second_and_names_every_command():
    command = [sys.executable, "-c", "from annotations.cli import main; main(['--help'])"]
    # Processor time, which other work on the machine does not lengthen.
    before = os.times()
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    after = os.times()
    assert "export" in answer.stdout
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert used < 0.5


def test_export_to_a_file_writes_it_whole_and_says_how_much(
    tmp_path, engine, database_url, make_item, make_rating, capsys
):
    save_rating(engine, make_rating(make_item()))
    output = tmp_path / "ratings.csv"
    assert main(["export", "--database", database_url, "-o", str(output)]) == 0
    assert len(output.read_text().splitlines()) == 2
    assert capsys.readouterr().err == f"1 ratings written to {output}\n"
    assert not (tmp_path / "ratings.csv.part").exists()


def test_export_without_a_file_writes_to_the_standard_output(
    engine, database_url, make_item, make_rating, capsys, monkeypatch
):
    save_rating(engine, make_rating(make_item()))
    monkeypatch.setenv("SPECS_DB", database_url)
    assert main(["export", "--format", "jsonl"]) == 0
    assert capsys.readouterr().out.startswith('{"rating_id": ')


def test_export_from_a_database_that_is_not_there_says_so_and_makes_none(tmp_path, capsys):
    path = tmp_path / "nowhere.sqlite3"
    assert main(["export", "--database", f"sqlite:///{path}"]) == 2
    assert capsys.readouterr().err == f"specs-ratings: there is no database {path}\n"
    assert not path.exists()


def test_export_that_fails_leaves_an_older_file_as_it_was(tmp_path, database_url, capsys):
    output = tmp_path / "ratings.csv"
    output.write_text("older")
    (tmp_path / "ratings.csv.part").mkdir()
    assert main(["export", "--database", database_url, "-o", str(output)]) == 2
    assert "specs-ratings: " in capsys.readouterr().err
    assert output.read_text() == "older"


def test_export_without_a_database_looks_into_the_data_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SPECS_DB", raising=False)
    monkeypatch.setenv("SPECS_DATA", str(tmp_path))
    assert main(["export"]) == 2
    assert capsys.readouterr().err == f"specs-ratings: there is no database {tmp_path / 'specs.sqlite3'}\n"
    assert main(["export", "--data", str(tmp_path / "other")]) == 2
    assert f"{tmp_path / 'other' / 'specs.sqlite3'}" in capsys.readouterr().err


def test_export_as_sqlite_is_a_snapshot_of_the_whole_database(
    tmp_path, engine, database_url, make_item, make_rating, capsys
):
    save_rating(engine, make_rating(make_item()))
    output = tmp_path / "copy.sqlite3"
    command = ["export", "--database", database_url, "--format", "sqlite"]
    assert main([*command, "-o", str(output)]) == 0
    copy = open_database(f"sqlite:///{output}")
    assert [rating.rater for rating in ratings(copy)] == ["Ada"]
    copy.dispose()
    capsys.readouterr()
    assert main(command) == 2
    assert main([*command, "-o", str(output), "--campaign", "From Inspect"]) == 2
    assert main([*command, "-o", str(output), "--what", "items"]) == 2
    assert [line.split("; ")[1] for line in capsys.readouterr().err.splitlines()] == [
        "name a file with -o",
        "leave out --campaign",
        "leave out --what and --all-revisions",
    ]


@pytest.mark.parametrize("n_raters", [2, 60])
def test_command_whose_reader_has_gone_ends_quietly(tmp_path, n_raters):
    # Few lines meet the closed pipe when all is printed, many on the way (1,770 pairs of 60 raters).
    path = tmp_path / "ratings.csv"
    path.write_text("i,r,v\n" + "".join(f"i{n % 4},r{n // 4},{n % 3}\n" for n in range(4 * n_raters)))
    words = ["agree", str(path), *"--item i --rater r --value v --level nominal --resamples 0".split()]
    script = f"import sys; from annotations.cli import main; sys.exit(main({words!r}))"
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        answer = subprocess.run(
            [sys.executable, "-c", script], stdout=gone, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (answer.returncode, answer.stderr) == (141, "")


def test_command_without_a_subcommand_exits_with_two():
    with pytest.raises(SystemExit, match="2"):
        main([])
