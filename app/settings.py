"""The app's settings, read from the environment."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from annotations.locations import default_data_dir

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Settings(BaseSettings):
    """Every setting of the app; each is read from the variable ``SPECS_<NAME>``.

    Attributes:
        host: Address to listen on.
        port: Port to listen on.
        data: Folder for the stored images and, unless ``db`` says otherwise, the database.
        db: SQLAlchemy URL of the ratings database; by default ``specs.sqlite3`` inside ``data``.
        model: Name or path of the model that is chosen when the page opens; None means the bundled one.
        device: Torch device of the models.
        max_models: Models kept in memory at once.
        max_upload_mb: Largest accepted upload in megabytes.
        max_caption_words: Longest accepted caption, in words.
        max_caption_characters: Longest accepted caption, in characters.
        allowed_hosts: Host names that requests may be addressed to, comma-separated; ``*`` allows all. Empty
            means the loopback names when listening on loopback, and all otherwise.
        allowed_origins: Further origins (``https://example.org``) whose pages may post, comma-separated.
        trusted_proxies: Addresses or networks (``10.0.0.0/8``) of the reverse proxies in front of the app,
            comma-separated. What they say of a request's client (X-Forwarded-For) is believed; what anybody
            else says is not.
        api_per_minute: Calls of the API that one client may make a minute; 0 turns the API off.
        events_per_minute: Other events that one client may send a minute, the page's own among them.
        sign_ins_per_minute: Codes that one client may try a minute, right or wrong.
        hub_raters: Users and organisations of the Hugging Face Hub whose accounts may rate, comma-separated;
            ``*`` is everybody with an account. Counts in a Space with OAuth only.
        hub_admins: Those whose accounts are admins.
        backup: Where snapshots of the database are kept: a folder, or ``hf://datasets/owner/name``; by
            default the folder ``backups`` inside ``data``.
        backup_minutes: Minutes between two snapshots; one more is taken when the app stops. 0 takes none.
        backup_keep: How many of the newest snapshots are kept, beside the last of each day.
        background_scores: Score the captions of running campaigns beside the app, in a process of its own.
        open_browser: Open the page in a browser after the start; by default only when started by hand.
    """

    model_config = SettingsConfigDict(env_prefix="SPECS_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=1, le=65535)
    data: Path = Field(default_factory=default_data_dir)
    db: str | None = None
    model: str | None = None
    device: str = "cpu"
    max_models: int = Field(default=2, ge=1)
    max_upload_mb: int = Field(default=25, ge=1)
    max_caption_words: int = Field(default=1000, ge=1)
    max_caption_characters: int = Field(default=10_000, ge=1)
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    api_per_minute: int = Field(default=30, ge=0)
    events_per_minute: int = Field(default=600, ge=1)
    sign_ins_per_minute: int = Field(default=10, ge=1)
    hub_raters: Annotated[tuple[str, ...], NoDecode] = ()
    hub_admins: Annotated[tuple[str, ...], NoDecode] = ()
    backup: str | None = None
    backup_minutes: float = Field(default=5.0, ge=0, allow_inf_nan=False)
    backup_keep: int = Field(default=24, ge=1)
    background_scores: bool = True
    open_browser: bool | None = None

    @field_validator(
        "allowed_hosts", "allowed_origins", "trusted_proxies", "hub_raters", "hub_admins", mode="before"
    )
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies", mode="after")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            # Such as a name or "*", which would believe everybody.
            ipaddress.ip_network(part, strict=False)
        return value

    @field_validator("hub_admins", mode="after")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in value:
            raise ValueError("admins have to be named; '*' would make everybody one")
        return value

    @field_validator("db", "model", "backup", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("data", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the ratings database."""
        return self.db or f"sqlite:///{self.data / 'specs.sqlite3'}"

    @property
    def images_dir(self) -> Path:
        """Folder of the stored images."""
        return self.data / "images"

    @property
    def backup_place(self) -> str:
        """Where snapshots of the database are kept."""
        return self.backup or str(self.data / "backups")

    @property
    def trusted_hosts(self) -> tuple[str, ...]:
        """Host names that requests may be addressed to; ``("*",)`` means all."""
        if self.allowed_hosts:
            return self.allowed_hosts
        loopback = self.host in ("127.0.0.1", "localhost", "::1")
        return _LOOPBACK_HOSTS if loopback else ("*",)

    @property
    def url(self) -> str:
        """Address under which a browser on this machine finds the app."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
