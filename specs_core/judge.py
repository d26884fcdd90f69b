"""A language model as a judge of captions, through any OpenAI-compatible endpoint.

In FLEUR's manner it sees the image and gives a number; in CLAIR's it reads the references and gives a number
with a reason. Answers are kept on disk, so that no question is paid for twice.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from specs_core.errors import ImageError, JudgeError
from specs_core.images import load_image
from specs_core.judge_cache import recall, remember
from specs_core.judge_prompts import (
    VERSIONS,
    Judgement,
    Kind,
    Reply,
    Token,
    clair_prompt,
    fleur_prompt,
    read_clair,
    read_fleur,
)
from specs_core.judge_settings import JudgeSettings
from specs_core.judge_waits import seconds_to_wait
from specs_core.metrics.inputs import Value
from specs_core.report.picture import picture

#: The longer side of the image that is sent, in pixels.
IMAGE_SIDE = 1024
#: So many questions in a row without an answer end the run: the endpoint is down, or set up wrongly.
FAILURES_IN_A_ROW = 3
MAX_ANSWER_TOKENS = 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Tally:
    """What a run asked, and what came of it.

    Attributes:
        calls: Requests, those that failed included.
        cached: Answers that were on disk.
        refusals: Answers in which the model or the endpoint refused.
        unparsable: Answers without a score.
        failed: Questions without an answer.
        unsmoothed: Scores in FLEUR's manner without probabilities.
        prompt_tokens: Of the questions that were answered, as far as the endpoint says.
        completion_tokens: Of the answers.
        untold: Answers whose tokens the endpoint did not tell.
        cost: By the prices given; None without both.
    """

    calls: int = 0
    cached: int = 0
    refusals: int = 0
    unparsable: int = 0
    failed: int = 0
    unsmoothed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    untold: int = 0
    cost: float | None = None


class _NoAnswerError(Exception):
    """One question has no answer; the message says why."""


class Judge:
    """Asks a language model about captions; safe to use from several threads."""

    def __init__(self, settings: JudgeSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Set the client up; nothing is sent yet.

        Args:
            settings: The endpoint.
            sleep: Waits between two attempts.

        Raises:
            JudgeError: The package `openai` is not installed.
        """
        try:
            import openai
        except ImportError as error:
            raise JudgeError("a judge needs one more package: pip install 'specs-lens[judge]'") from error
        self._openai = openai
        self._settings = settings
        self._sleep = sleep
        # Everything is given, so that the client takes no key or account of another service from the
        # environment. Attempts are counted here, so that the bound on requests holds.
        self._client = openai.OpenAI(
            api_key=settings.key or "none",
            admin_api_key="",
            organization="",
            project="",
            webhook_secret="",
            base_url=settings.url,
            timeout=settings.timeout,
            max_retries=0,
        )
        self._lock = threading.Lock()
        self._tally = Tally()
        self._failures = 0
        self._end = ""
        self._unsupported: set[str] = set()

    @property
    def tally(self) -> Tally:
        """What was asked so far."""
        with self._lock:
            tally, prices = self._tally, (self._settings.price_in, self._settings.price_out)
        if prices[0] is None or prices[1] is None:
            return tally
        cost = (tally.prompt_tokens * prices[0] + tally.completion_tokens * prices[1]) / 1e6
        return replace(tally, cost=cost)

    def version(self, kind: Kind) -> str:
        """Return the model with the version of a prompt."""
        return f"{self._settings.model}, prompt {VERSIONS[kind]}"

    def fleur(self, image: Path, caption: str) -> Value:
        """Ask how good a caption is for an image.

        Args:
            image: A JPEG, PNG or WEBP; it is sent without metadata, at most `IMAGE_SIDE` pixels long.
            caption: The caption.

        Returns:
            In [0, 1], higher is better; NaN with a note where there is no score.

        Raises:
            JudgeError: The endpoint refuses the key or the model, or does not answer any more.

        Source: Lee et al. 2024, FLEUR, section 3; the words are ours: docs/metrics.md, "LLM judge".
        """
        try:
            uri = picture(load_image(image).image, longest=IMAGE_SIDE).uri
        except ImageError as error:
            return Value(math.nan, str(error))
        prompt = fleur_prompt(caption)
        content: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": uri}},
            {"type": "text", "text": prompt},
        ]
        options = {"logprobs": True, "top_logprobs": 20}
        return self._judged("fleur", content, self._name("fleur", prompt, uri), read_fleur, options)

    def clair(self, caption: str, references: Sequence[str]) -> Value:
        """Ask how likely a caption is about the image that the references are about.

        Args:
            caption: The caption.
            references: R captions, at least one.

        Returns:
            In [0, 1], higher is better, with the model's reason; NaN with a note where there is no score.

        Raises:
            JudgeError: The endpoint refuses the key or the model, or does not answer any more.

        Source: Chan et al. 2023, CLAIR, section 3; the words are ours: docs/metrics.md, "LLM judge".
        """
        prompt = clair_prompt(caption, references)
        content = [{"type": "text", "text": prompt}]
        return self._judged("clair", content, self._name("clair", prompt, ""), read_clair, {})

    def map(self, ask: Callable[[T], Value], rows: Sequence[T]) -> list[Value]:
        """Ask about several rows at the same time, as many as the settings allow.

        Args:
            ask: Calls `fleur` or `clair`.
            rows: N rows.

        Returns:
            N values, in order.

        Raises:
            JudgeError: As `fleur` and `clair`; what was not asked yet is not asked any more.
        """
        with ThreadPoolExecutor(self._settings.workers) as pool:
            try:
                return list(pool.map(ask, rows))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _name(self, kind: Kind, prompt: str, image: str) -> str:
        """Return the name of an answer's file."""
        parts = [self._settings.url, self._settings.model, VERSIONS[kind], prompt, image]
        digests = [hashlib.sha256(part.encode()).hexdigest() for part in parts]
        return hashlib.sha256(" ".join(digests).encode()).hexdigest()

    def _judged(
        self,
        kind: Kind,
        content: list[dict[str, Any]],
        name: str,
        read: Callable[[Reply], Judgement | None],
        options: dict[str, Any],
    ) -> Value:
        cache = self._settings.cache
        reply = None if cache is None else recall(cache / f"{name}.json")
        known = reply is not None
        if reply is None:
            try:
                reply = self._ask(content, options)
            except _NoAnswerError as error:
                self._count(failed=1)
                return Value(math.nan, str(error))
            told = reply.prompt_tokens is not None and reply.completion_tokens is not None
            self._count(
                prompt_tokens=reply.prompt_tokens or 0,
                completion_tokens=reply.completion_tokens or 0,
                untold=int(not told),
            )
        else:
            self._count(cached=1)
        if reply.refusal:
            self._count(refusals=1)
            return Value(math.nan, f"the judge refuses: {self._clean(reply.refusal)}")
        judgement = read(reply)
        if judgement is None:
            self._count(unparsable=1)
            return Value(math.nan, f"the judge's answer has no score: {self._clean(reply.text)!r}")
        if kind == "fleur" and not judgement.smoothed:
            self._count(unsmoothed=1)
        if cache is not None and not known:
            remember(cache / f"{name}.json", reply)
        return Value(judgement.score, reason=judgement.reason)

    def _ask(self, content: list[dict[str, Any]], options: dict[str, Any]) -> Reply:
        """Return an answer, after as many attempts as it takes and is allowed."""
        problem, wait, attempt = "", 0.0, 0
        while attempt < self._settings.attempts:
            if wait:
                self._sleep(wait)
            self._take_call()
            try:
                reply = self._request(content, options)
            except self._openai.APIStatusError as error:
                status = error.status_code
                if status in (401, 403, 404):
                    # Without the endpoint's own words, which may repeat the key.
                    raise self._ended(
                        f"the judge's endpoint answers {status}: check SPECS_JUDGE_KEY, SPECS_JUDGE_URL and "
                        f"the model {self._settings.model!r}"
                    ) from None
                said = _said(error)
                if status == 400 and error.code in _FILTERED:
                    self._succeeded()
                    return Reply("", refusal=said or "the endpoint's filter withheld the answer")
                if status in (400, 422) and self._drop_unsupported(said):
                    wait = 0.0
                    continue  # the same question without what the endpoint does not know
                problem = f"{status} {self._clean(said)}"
                if status < 500 and status not in (408, 409, 425, 429):
                    break
                wait = seconds_to_wait(attempt, error.response.headers.get("retry-after"))
                attempt += 1
                continue
            except self._openai.APITimeoutError:
                problem = f"no answer within {self._settings.timeout:g} s"
            except self._openai.APIConnectionError:
                problem = "no connection"
            except (
                self._openai.APIResponseValidationError,
                ValueError,
                LookupError,
                TypeError,
                AttributeError,
            ):
                problem = "an answer that is not of the protocol"
            else:
                self._succeeded()
                return reply
            wait = seconds_to_wait(attempt)
            attempt += 1
        with self._lock:
            self._failures += 1
            down = self._failures >= FAILURES_IN_A_ROW
        if down:
            raise self._ended(
                f"the judge gave no answer {FAILURES_IN_A_ROW} times in a row ({problem}); run again to go on"
            )
        raise _NoAnswerError(f"the judge gave no answer: {problem}")

    def _request(self, content: list[dict[str, Any]], options: dict[str, Any]) -> Reply:
        """Ask once."""
        wanted = {"temperature": 0, "max_tokens": MAX_ANSWER_TOKENS, **options}
        with self._lock:
            unsupported = frozenset(self._unsupported)
        given = {name: value for name, value in wanted.items() if name not in unsupported}
        if "max_tokens" in unsupported:
            given["max_completion_tokens"] = MAX_ANSWER_TOKENS
        answer = self._client.chat.completions.create(
            model=self._settings.model,
            messages=[{"role": "user", "content": content}],  # type: ignore[misc, list-item]
            **given,
        )
        return _reply(answer)

    def _drop_unsupported(self, message: str) -> bool:
        """Note which option an endpoint complains of; tell whether there is a new one."""
        named = {name for name in _OPTIONAL if name in message}
        if "logprobs" in named:
            named.add("top_logprobs")
        with self._lock:
            new = named - self._unsupported
            self._unsupported |= named
        return bool(new)

    def _ended(self, why: str) -> JudgeError:
        """Let no other thread ask any more."""
        with self._lock:
            self._end = why
        return JudgeError(why)

    def _take_call(self) -> None:
        with self._lock:
            if self._end:
                raise JudgeError(self._end)
            if self._tally.calls >= self._settings.max_calls:
                raise _NoAnswerError(
                    f"the judge was not asked: the bound of {self._settings.max_calls} requests is reached"
                )
            self._tally = replace(self._tally, calls=self._tally.calls + 1)

    def _succeeded(self) -> None:
        with self._lock:
            self._failures = 0

    def _count(self, **more: int) -> None:
        with self._lock:
            self._tally = replace(
                self._tally, **{name: getattr(self._tally, name) + count for name, count in more.items()}
            )

    def _clean(self, text: str) -> str:
        """Shorten what an endpoint said, without the key should it repeat it."""
        if self._settings.key:
            text = text.replace(self._settings.key, "[key]")
        text = " ".join(text.split())
        return text if len(text) <= 160 else f"{text[:159]}…"


_OPTIONAL = ("temperature", "max_tokens", "logprobs", "top_logprobs")
_FILTERED = ("content_filter", "content_policy_violation")


def _said(error: Any) -> str:
    """Return the endpoint's own words."""
    body = error.body
    return str(body.get("message") or "") if isinstance(body, dict) else str(error.message)


def _reply(answer: Any) -> Reply:
    """Read the protocol's object; what is missing raises one of Python's own errors."""
    choice = answer.choices[0]
    refusal = getattr(choice.message, "refusal", None) or ""
    if choice.finish_reason == "content_filter":
        refusal = refusal or "the endpoint's filter withheld the answer"
    text = choice.message.content
    if not isinstance(text, str):
        if not refusal:
            raise TypeError("an answer without a text")
        text = ""
    listed = getattr(choice.logprobs, "content", None) or []
    tokens = tuple(
        Token(each.token, tuple((other.token, float(other.logprob)) for other in each.top_logprobs or []))
        for each in listed
    )
    usage = answer.usage
    return Reply(
        text,
        refusal,
        tokens,
        getattr(usage, "prompt_tokens", None),
        getattr(usage, "completion_tokens", None),
    )
