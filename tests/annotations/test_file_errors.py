"""A file that cannot be opened: one plain sentence, whatever command was given."""

import errno
import os
from pathlib import Path

import pytest

from annotations.cli import main
from annotations.engine import open_database
from annotations.file_errors import file_sentence

COLUMNS = ("--human", "good", "--metric", "specs", "--group", "image")
COMMANDS = {
    "report": COLUMNS,
    "correlate": COLUMNS,
    "rank": (),
    "agree": ("--item", "item", "--rater", "rater", "--value", "good", "--level", "ordinal"),
    "import-scores": (),
    "import": (),
}


@pytest.fixture
def words(tmp_path, monkeypatch):
    """The command's words for a file; the store that some open is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPECS_DB", f"sqlite:///{tmp_path}/ratings.sqlite3")
    open_database(f"sqlite:///{tmp_path}/ratings.sqlite3").dispose()

    def words(command, file):
        return [command, str(file), *COMMANDS[command]]

    return words


@pytest.mark.parametrize("command", COMMANDS)
def test_command_when_the_file_is_missing_says_so_in_one_plain_sentence(words, command, capsys):
    assert main(words(command, "gone.csv")) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "specs-ratings: there is no file gone.csv; check its name, and the folder that it is in"
    )
    assert main(words(command, "no/gone.csv")) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "specs-ratings: there is no folder no, so no/gone.csv cannot be opened; check the name"
    )


@pytest.mark.parametrize("name", ["gone.parquet", "gone.arrow", "gone.jsonl"])
def test_import_of_other_tables_that_are_missing_says_the_same(words, name, capsys):
    assert main(words("import-scores", name)) == 2
    assert capsys.readouterr().err.startswith(f"specs-ratings: there is no file {name}; check its name")


@pytest.mark.parametrize("command", ["report", "correlate", "rank", "agree"])
def test_command_when_the_file_is_a_folder_says_so(words, command, capsys, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    assert main(words(command, "folder.csv")) == 2
    assert (
        capsys.readouterr().err.splitlines()[-1] == "specs-ratings: folder.csv is a folder; name a file in it"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_command_when_the_file_may_not_be_read_says_what_to_change(words, command, capsys, monkeypatch):
    # Root may read every file, so that the modes of a file would not do here.
    def refused(path, *args, **options):
        if path.name == "closed.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *args, **options)

    given, opened = words(command, "closed.csv"), Path.open
    monkeypatch.setattr(Path, "open", refused)
    assert main(given) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "specs-ratings: closed.csv cannot be opened: you have no permission to; change that of the file and "
        "of its folder, or name another file"
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "x.csv"), "x.csv cannot be opened: you have no"),
        (PermissionError(errno.EACCES, "Permission denied", b"x.csv"), "x.csv cannot be opened: you have"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/x"), "a/x cannot be opened: a part of its"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), "x cannot be opened or written: No space"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError("the pipe is gone"), "the pipe is gone"),
    ],
)
def test_sentence_of_an_error_has_the_file_and_no_number(error, told):
    assert file_sentence(error).startswith(told)
    assert "Errno" not in file_sentence(error)
