"""Answers of a judge on disk, a file each."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from specs_core.errors import JudgeError
from specs_core.judge_prompts import Reply, Token


def recall(path: Path) -> Reply | None:
    """Return a remembered answer; None where there is none, or a damaged one."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        tokens = tuple(
            Token(token["text"], tuple((text, float(logprob)) for text, logprob in token["alternatives"]))
            for token in values.pop("tokens")
        )
        return Reply(tokens=tokens, **values)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def remember(path: Path, reply: Reply) -> None:
    """Keep an answer; the file is there whole or not at all.

    Args:
        path: Its file; the folder is made where there is none.
        reply: The answer.

    Raises:
        JudgeError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, suffix=".partial", delete=False
        ) as file:
            json.dump(asdict(reply), file)
        os.replace(file.name, path)
    except OSError as error:
        raise JudgeError(
            f"the judge's answers cannot be kept in {path.parent}: {error.strerror or error}"
        ) from error
