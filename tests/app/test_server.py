"""Starting the server: what goes wrong is told in one sentence."""

import re
import socket
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from annotations.engine import open_database
from annotations.errors import SignInRefusedError
from annotations.sign_in import sign_in
from app import server
from app.context import open_context
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


def start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Start the app without the page and without waiting for visitors, and return what it printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SPECS_PORT", str(free.getsockname()[1]))
    monkeypatch.setattr(server, "create_app", lambda context: None)
    monkeypatch.setattr(server, "_warm_up", lambda context: None)
    monkeypatch.setattr(uvicorn.Server, "run", lambda self: None)
    assert server.main() == 0
    return capsys.readouterr().out


def test_main_prints_a_fresh_code_for_the_first_admin_until_an_admin_has_signed_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = r"[0-9A-Z]{8}(-[0-9A-Z]{4}){5}"
    said = [start(monkeypatch, capsys) for _ in range(2)]
    first, second = (re.search(code, text).group() for text in said)
    assert "Sign in as admin with this code" in said[0]
    assert f"specs-ratings invite NAME --database sqlite:///{tmp_path}/specs.sqlite3" in said[0]
    engine = open_database(f"sqlite:///{tmp_path / 'specs.sqlite3'}")
    with pytest.raises(SignInRefusedError):
        sign_in(engine, first, client="c")
    _, account = sign_in(engine, second, client="c")
    assert (account.name, account.role) == ("admin", "admin")
    assert re.search(code, start(monkeypatch, capsys)) is None


def test_app_has_the_routes_of_sign_in_before_the_page_and_limits_them(tmp_path: Path) -> None:
    context = open_context(Settings(data=tmp_path))
    client = TestClient(server.create_app(context), base_url="http://127.0.0.1:7860")
    assert client.get("/session").json() == {"name": None, "role": None, "hub": False}
    assert client.delete("/sessions").status_code == 401
    answers = [client.post("/session", json={"code": "no code"}).status_code for _ in range(11)]
    assert answers == [401] * 5 + [429] * 6
    refused = client.post("/session", json={"code": "no code"})
    assert "this address" in refused.json()["problem"], (
        "by the limit of requests, before the database is asked"
    )
    assert client.post("/session", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    context.engine.dispose()


def test_no_field_of_the_page_forgets_what_is_chosen_while_the_choice_before_is_answered(
    tmp_path: Path,
) -> None:
    """Gradio drops whatever else is chosen meanwhile from a field that is asked "once"."""
    context = open_context(Settings(data=tmp_path))
    with TestClient(server.create_app(context), base_url="http://127.0.0.1:7860") as client:
        events = client.get("/config").json()["dependencies"]
    context.engine.dispose()
    chosen = [
        event
        for event in events
        if event["inputs"] and {"input", "upload", "change"} & {trigger for _, trigger in event["targets"]}
    ]
    assert len(chosen) > 5
    assert [event["api_name"] for event in chosen if event["trigger_mode"] == "once"] == []
