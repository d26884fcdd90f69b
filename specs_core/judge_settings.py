"""How a language model is reached that judges captions; nothing is sent unless this is set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from specs_core.errors import ConfigError

URL_VARIABLE = "SPECS_JUDGE_URL"
MODEL_VARIABLE = "SPECS_JUDGE_MODEL"
KEY_VARIABLE = "SPECS_JUDGE_KEY"


@dataclass(frozen=True)
class JudgeSettings:
    """An OpenAI-compatible endpoint, and how much may be asked of it.

    Attributes:
        url: Up to the version, such as https://host/v1.
        model: Name of the model there.
        key: Sent as a bearer token; never printed, logged or stored.
        timeout: Seconds for one answer.
        attempts: Requests for one answer, at least 1; the others follow errors that may pass.
        max_calls: Requests of a run, those that failed included.
        workers: Requests at the same time.
        price_in: Of a million tokens of questions, None where unknown.
        price_out: Of a million tokens of answers, likewise.
        cache: Folder of the answers, None for none.
    """

    url: str = field(repr=False)  # it may hold a password
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 60.0
    attempts: int = 5
    max_calls: int = 1000
    workers: int = 4
    price_in: float | None = None
    price_out: float | None = None
    cache: Path | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: One makes no sense.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            # Without the address: it may hold a password.
            raise ConfigError(f"{URL_VARIABLE} has to be an http or https address, such as https://host/v1")
        if not self.key.isascii() or not self.key.isprintable():
            raise ConfigError(f"{KEY_VARIABLE} holds characters that no key has; copy it anew")
        for name, number in (
            ("attempts", self.attempts),
            ("calls", self.max_calls),
            ("workers", self.workers),
        ):
            if number < 1:
                raise ConfigError(f"the judge needs 1 or more {name}, got {number}")
        if not 0 < self.timeout < math.inf:
            raise ConfigError(
                f"the judge's timeout has to be a positive number of seconds, got {self.timeout}"
            )
        for price in (self.price_in, self.price_out):
            if price is not None and not 0 <= price < math.inf:
                raise ConfigError(f"the price of a million tokens has to be 0 or more, got {price}")


def judge_settings(
    environ: Mapping[str, str],
    *,
    url: str | None = None,
    model: str | None = None,
    max_calls: int = 1000,
    timeout: float = 60.0,
    workers: int = 4,
    price_in: float | None = None,
    price_out: float | None = None,
    cache: Path | None = None,
) -> JudgeSettings | None:
    """Read the settings of a judge.

    Args:
        environ: The environment; the key is read from nowhere else.
        url: Instead of the environment's.
        model: Likewise.
        max_calls: As in `JudgeSettings`, and the others likewise.
        timeout: As there.
        workers: As there.
        price_in: As there.
        price_out: As there.
        cache: As there.

    Returns:
        None where neither an address nor a model is set: there is no judge.

    Raises:
        ConfigError: One of the two is missing, or a value makes no sense.
    """
    address = url or environ.get(URL_VARIABLE, "").strip()
    name = model or environ.get(MODEL_VARIABLE, "").strip()
    if not address and not name:
        return None
    if not address or not name:
        missing = MODEL_VARIABLE if address else URL_VARIABLE
        raise ConfigError(f"a judge needs an address and a model: set {missing} as well")
    return JudgeSettings(
        address,
        name,
        environ.get(KEY_VARIABLE, "").strip(),
        timeout=timeout,
        max_calls=max_calls,
        workers=workers,
        price_in=price_in,
        price_out=price_out,
        cache=cache,
    )
