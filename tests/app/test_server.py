"""Starting the server: what goes wrong is told in one sentence."""

import socket
from pathlib import Path

import pytest

from app import server
from app.settings import Settings


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPECS_DATA", str(tmp_path))
    monkeypatch.delenv("SPECS_HOST", raising=False)
    monkeypatch.delenv("SPECS_DB", raising=False)


def test_main_with_a_setting_that_makes_no_sense_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPECS_PORT", "seven")
    assert server.main() == 2
    assert "SPECS_PORT='seven'" in capsys.readouterr().err


def test_main_with_a_port_in_use_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("SPECS_PORT", str(port))
        assert server.main() == 2
    assert f"127.0.0.1:{port}" in (said := capsys.readouterr().err)
    assert "SPECS_PORT" in said
    assert list(tmp_path.iterdir()) == [], "nothing may be made before it is clear that the app can start"


def test_main_with_a_database_that_cannot_be_opened_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SPECS_PORT", str(free.getsockname()[1]))
    (tmp_path / "specs.sqlite3").write_text("this is a letter and not a database" * 100)
    assert server.main() == 2
    assert "not a SQLite database" in capsys.readouterr().err
    assert (tmp_path / "specs.sqlite3").read_text().startswith("this is a letter"), "it may be somebody's"


def test_trusted_proxies_are_none_unless_named_or_the_app_runs_in_a_space(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert server.trusted_proxies(Settings()) == []
    monkeypatch.setenv("SPACE_ID", "somebody/lens")
    assert server.trusted_proxies(Settings()) == ["10.0.0.0/8"]
    assert server.trusted_proxies(Settings(trusted_proxies="192.0.2.1")) == ["192.0.2.1"]
