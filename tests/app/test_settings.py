"""Settings from the environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings, default_data_dir


@pytest.fixture(autouse=True)
def no_settings_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever the caller's own environment says."""
    import os

    for name in list(os.environ):
        if name.startswith("SPECS_"):
            monkeypatch.delenv(name)


def test_settings_without_variables_listen_on_this_machine_only() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.url) == ("127.0.0.1", 7860, "http://127.0.0.1:7860")
    assert settings.trusted_hosts == ("127.0.0.1", "localhost", "[::1]")


def test_settings_with_variables_take_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPECS_PORT", "7999")
    monkeypatch.setenv("SPECS_DB", "sqlite:////somewhere/else.sqlite3")
    monkeypatch.setenv("SPECS_DATA", str(tmp_path))
    monkeypatch.setenv("SPECS_ALLOWED_ORIGINS", "https://one.example/, https://two.example")
    settings = Settings()
    assert settings.port == 7999
    assert settings.database_url == "sqlite:////somewhere/else.sqlite3"
    assert settings.images_dir == tmp_path / "images"
    assert settings.allowed_origins == ("https://one.example", "https://two.example")


def test_database_url_without_a_url_lies_in_the_data_folder(tmp_path: Path) -> None:
    assert Settings(data=tmp_path).database_url == f"sqlite:///{tmp_path}/specs.sqlite3"


def test_settings_with_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECS_MODEL", "")
    monkeypatch.setenv("SPECS_DB", "")
    assert (Settings().model, Settings().db) == (None, None)


@pytest.mark.parametrize("port", ["0", "65536", "eighty"])
def test_settings_with_an_impossible_port_name_it(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("SPECS_PORT", port)
    with pytest.raises(ValidationError, match="port"):
        Settings()


def test_trusted_hosts_when_listening_everywhere_are_all_unless_named() -> None:
    assert Settings(host="0.0.0.0").trusted_hosts == ("*",)
    assert Settings(host="0.0.0.0", allowed_hosts="lens.example").trusted_hosts == ("lens.example",)
    assert Settings(host="0.0.0.0").url == "http://127.0.0.1:7860"


def test_default_data_dir_on_linux_follows_the_desktop_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert default_data_dir() == Path("/somewhere/specs-lens")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_data_dir() == Path.home() / ".local" / "share" / "specs-lens"


def test_settings_with_trusted_proxies_take_addresses_and_networks_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Settings().trusted_proxies == ()
    monkeypatch.setenv("SPECS_TRUSTED_PROXIES", "192.0.2.1, 10.0.0.0/8")
    assert Settings().trusted_proxies == ("192.0.2.1", "10.0.0.0/8")
    for everybody in ("*", "proxy.example"):
        monkeypatch.setenv("SPECS_TRUSTED_PROXIES", everybody)
        with pytest.raises(ValidationError, match="trusted_proxies"):
            Settings()


@pytest.mark.parametrize(("name", "value"), [("API_PER_MINUTE", "-1"), ("EVENTS_PER_MINUTE", "0")])
def test_settings_with_an_impossible_limit_name_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SPECS_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_settings_of_the_hub_take_names_and_refuse_to_make_everybody_an_admin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPECS_HUB_RATERS", "*")
    monkeypatch.setenv("SPECS_HUB_ADMINS", "ada, team-a")
    assert (Settings().hub_raters, Settings().hub_admins) == (("*",), ("ada", "team-a"))
    monkeypatch.setenv("SPECS_HUB_ADMINS", "ada,*")
    with pytest.raises(ValidationError, match="have to be named"):
        Settings()
