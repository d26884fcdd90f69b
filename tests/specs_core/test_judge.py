"""The judge against a server on loopback: good answers, bad ones, and none."""

import base64
import io
import json
import logging
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from judge_endpoint import Answer, completion, problem, serving
from PIL import Image

from specs_core.errors import ConfigError, JudgeError
from specs_core.judge import Judge, Tally
from specs_core.judge_settings import JudgeSettings, judge_settings
from specs_core.metrics.inputs import Value

KEY = "sk-very-secret-42"
SMOOTH = [("0", {"0": 1.0}), (".", {".": 1.0}), ("8", {"8": 0.5, "6": 0.5})]
GOOD = completion("0.8", tokens=SMOOTH)
CLAIR = completion('{"score": 85, "reason": "Both tell of a cat."}')


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def judge(waits, tmp_path, monkeypatch):
    """Make a judge for an address."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def make(url: str, **options) -> Judge:
        settings = JudgeSettings(url, "some-model", KEY, timeout=5, cache=tmp_path / "cache")
        return Judge(replace(settings, **options), sleep=waits.append)

    return make


def test_fleur_sends_image_caption_and_key_and_returns_the_smoothed_score(judge, drawn_image, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, f"{name}-of-another-service")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with serving(GOOD) as endpoint:
        asker = judge(endpoint.url, price_in=2.0, price_out=30.0)
        assert asker.fleur(drawn_image, "A red disc.") == Value(pytest.approx(0.7))
    (asked,) = endpoint.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert "of-another-service" not in str(asked.headers)
    assert (asked.body["model"], asked.body["temperature"]) == ("some-model", 0)
    assert (asked.body["logprobs"], asked.body["top_logprobs"]) == (True, 20)
    assert "A red disc." in asked.text
    uri = asked.body["messages"][0]["content"][0]["image_url"]["url"]
    head, data = uri.split(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (96, 64)
    assert asker.tally == Tally(calls=1, prompt_tokens=100, completion_tokens=10, cost=500 / 1e6)


def test_a_large_photograph_is_sent_smaller_and_without_its_metadata(judge, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "my secret place"
    Image.effect_noise((2400, 1200), 50).convert("RGB").save(
        tmp_path / "large.jpg", exif=exif, comment="psst"
    )
    with serving(GOOD) as endpoint:
        judge(endpoint.url).fleur(tmp_path / "large.jpg", "Noise.")
    uri = endpoint.asked[0].body["messages"][0]["content"][0]["image_url"]["url"]
    data = base64.b64decode(uri.split(",")[1])
    assert Image.open(io.BytesIO(data)).size == (1024, 512)
    assert b"secret" not in data
    assert b"psst" not in data


def test_clair_sends_texts_only_and_returns_score_and_reason(judge):
    with serving(CLAIR) as endpoint:
        found = judge(endpoint.url).clair("A cat.", ["A sleeping cat.", "Cat."])
    assert found == Value(pytest.approx(0.85), reason="Both tell of a cat.")
    assert [part["type"] for part in endpoint.asked[0].body["messages"][0]["content"]] == ["text"]
    assert "logprobs" not in endpoint.asked[0].body
    assert "A sleeping cat." in endpoint.asked[0].text


def test_an_answer_is_asked_for_once_and_again_for_other_images_captions_and_models(
    judge, drawn_image, tmp_path
):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "other.png")
    with serving(GOOD) as endpoint:
        for _ in range(2):  # a new process finds the answers on disk
            asker = judge(endpoint.url)
            first = asker.fleur(drawn_image, "A.")
            asker.fleur(drawn_image, "B.")
            asker.fleur(tmp_path / "other.png", "A.")
        assert len(endpoint.asked) == 3
        assert asker.tally == Tally(cached=3)
        assert first.score == pytest.approx(0.7)
        judge(endpoint.url, model="another").fleur(drawn_image, "A.")
        assert len(endpoint.asked) == 4
    stored = "".join(path.read_text() for path in (tmp_path / "cache").iterdir())
    assert KEY not in stored
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".json"}


def test_a_damaged_answer_on_disk_is_asked_for_again(judge, tmp_path):
    with serving(CLAIR) as endpoint:
        judge(endpoint.url).clair("A cat.", ["Cat."])
        (path,) = (tmp_path / "cache").iterdir()
        for damage in ("", "[]", '{"tokens": 3}', '{"tokens": [], "unknown": 1}'):
            path.write_text(damage)
            assert judge(endpoint.url).clair("A cat.", ["Cat."]).score == pytest.approx(0.85)
    assert len(endpoint.asked) == 5


@pytest.mark.parametrize("after", ["3", "3.0"])
def test_too_many_requests_are_repeated_after_the_time_that_the_endpoint_names(judge, waits, after):
    with serving(problem(429, "slow down", retry_after=after), CLAIR) as endpoint:
        asker = judge(endpoint.url)
        assert asker.clair("A cat.", ["Cat."]).score == pytest.approx(0.85)
    assert waits == [3.0]
    assert asker.tally.calls == len(endpoint.asked) == 2


def test_a_time_to_retry_that_is_a_date_is_read_and_none_is_longer_than_a_minute(judge, waits):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    answers = [problem(429, "slow", retry_after=text) for text in (date, "9000", "soon")]
    with serving(*answers, CLAIR) as endpoint:
        assert judge(endpoint.url).clair("A cat.", ["Cat."]).score == pytest.approx(0.85)
    assert 15 < waits[0] <= 20
    assert waits[1] == 60
    assert 2 <= waits[2] <= 4  # the third wait of those that double


def test_errors_of_the_server_are_repeated_with_waits_that_double_and_then_told(judge, waits):
    with serving(problem(500, "oh no")) as endpoint:
        asker = judge(endpoint.url)
        found = asker.clair("A cat.", ["Cat."])
    assert math.isnan(found.score)
    assert found.note == "the judge gave no answer: 500 oh no"
    assert len(endpoint.asked) == 5
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits)] == [True] * 4
    assert asker.tally == Tally(calls=5, failed=1)


@pytest.mark.parametrize(
    "body",
    [b'{"choices": [', b"", b"{}", b"[]", b'"hello"', b'{"choices": []}', b'{"choices": [{"message": {}}]}'],
)
def test_an_answer_that_is_not_of_the_protocol_is_asked_for_again(judge, body):
    with serving(Answer(body=body), CLAIR) as endpoint:
        assert judge(endpoint.url).clair("A cat.", ["Cat."]).score == pytest.approx(0.85)
    assert len(endpoint.asked) == 2


def test_an_answer_that_does_not_come_in_time_is_given_up(judge):
    with serving(replace(CLAIR, delay=30)) as endpoint:
        found = judge(endpoint.url, timeout=0.2, attempts=2).clair("A cat.", ["Cat."])
    assert found.note == "the judge gave no answer: no answer within 0.2 s"
    assert len(endpoint.asked) == 2


def test_refusals_are_counted_told_and_not_kept(judge, drawn_image, tmp_path):
    refused = [
        completion(None, refusal="I will not."),
        completion("", finish="content_filter"),
        problem(400, "filtered", code="content_filter"),
    ]
    with serving(*refused) as endpoint:
        asker = judge(endpoint.url)
        notes = [asker.fleur(drawn_image, "A red disc.").note for _ in refused]
    assert notes == [
        "the judge refuses: I will not.",
        "the judge refuses: the endpoint's filter withheld the answer",
        "the judge refuses: filtered",
    ]
    assert asker.tally.refusals == asker.tally.calls == 3
    assert not (tmp_path / "cache").exists()


def test_answers_without_a_score_are_counted_told_and_not_kept(judge, drawn_image, tmp_path):
    with serving(completion("Well, it depends. " * 30)) as endpoint:
        asker = judge(endpoint.url)
        found = [asker.fleur(drawn_image, "A."), asker.clair("A.", ["B."])]
    assert all(math.isnan(value.score) for value in found)
    assert found[0].note.startswith("the judge's answer has no score: 'Well, it depends.")
    assert len(found[0].note) < 220
    assert (asker.tally.unparsable, asker.tally.prompt_tokens) == (2, 200)
    assert not (tmp_path / "cache").exists()


def test_without_probabilities_the_printed_score_counts_and_is_counted(judge, drawn_image):
    with serving(completion("0.8", usage=None)) as endpoint:
        asker = judge(endpoint.url)
        found = asker.fleur(drawn_image, "A red disc.")
    assert (found.score, found.note) == (0.8, "")
    assert "as printed" in found.reason
    assert (asker.tally.unsmoothed, asker.tally.untold, asker.tally.cost) == (1, 1, None)


def test_options_that_an_endpoint_does_not_know_are_left_out_from_then_on(judge, drawn_image):
    def picky(asked):
        for name in ("logprobs", "temperature", "max_tokens"):
            if name in asked.body:
                return problem(400, f"Unsupported parameter: '{name}' is not supported with this model.")
        return completion("0.8")

    with serving(picky) as endpoint:
        asker = judge(endpoint.url, attempts=1)
        assert asker.fleur(drawn_image, "A.").score == 0.8
        assert len(endpoint.asked) == 4
        assert asker.fleur(drawn_image, "B.").score == 0.8
    last = endpoint.asked[-1].body
    assert len(endpoint.asked) == 5
    assert {"temperature", "max_tokens", "logprobs", "top_logprobs"} & set(last) == set()
    assert last["max_completion_tokens"] == 1024


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_or_model_that_is_refused_ends_the_run_without_repeating_the_key(judge, status):
    with serving(problem(status, f"Incorrect key provided: {KEY}")) as endpoint:
        with pytest.raises(JudgeError, match=f"answers {status}: check SPECS_JUDGE_KEY") as caught:
            judge(endpoint.url).clair("A cat.", ["Cat."])
        assert len(endpoint.asked) == 1
    assert KEY not in str(caught.value)


def test_the_key_is_in_no_note_no_log_and_no_representation(judge, caplog):
    caplog.set_level(logging.DEBUG)
    with serving(problem(400, f"bad request by {KEY}")) as endpoint:
        asker = judge(endpoint.url)
        assert asker.clair("A cat.", ["Cat."]).note == "the judge gave no answer: 400 bad request by [key]"
        assert len(endpoint.asked) == 1  # the same question would get the same answer
    assert KEY not in caplog.text
    assert KEY not in repr(asker._settings)


def test_three_questions_in_a_row_without_an_answer_end_the_run(judge):
    with serving(problem(503, "down"), problem(503, "down"), CLAIR, problem(503, "down")) as endpoint:
        asker = judge(endpoint.url, attempts=1)
        for _ in range(2):
            assert math.isnan(asker.clair("A.", ["B."]).score)
        assert asker.clair("A.", ["B."]).score == pytest.approx(0.85)  # which starts the count again
        for number in range(2):
            assert math.isnan(asker.clair(f"{number}", ["B."]).score)
        for name in ("C.", "D."):
            with pytest.raises(JudgeError, match=r"3 times in a row \(503 down\); run again"):
                asker.clair(name, ["B."])
        assert len(endpoint.asked) == 6  # the last one was not sent


def test_nobody_at_the_address_is_told_as_no_connection(judge):
    with serving(CLAIR) as endpoint:
        pass  # the port is free again
    assert judge(endpoint.url).clair("A.", ["B."]).note == "the judge gave no answer: no connection"


def test_no_more_is_asked_than_allowed_attempts_that_failed_included(judge):
    with serving(problem(500, "no"), CLAIR) as endpoint:
        asker = judge(endpoint.url, max_calls=3, workers=1)
        values = asker.map(lambda name: asker.clair(name, ["B."]), list("abcdef"))
    assert len(endpoint.asked) == asker.tally.calls == 3
    assert [math.isnan(value.score) for value in values] == [False, False, True, True, True, True]
    assert values[-1].note == "the judge was not asked: the bound of 3 requests is reached"


def test_map_asks_at_the_same_time_and_keeps_the_order(judge):
    def echo(asked):
        score = int(asked.text.split('"candidate": "')[1].split('"')[0])
        return completion(json.dumps({"score": score}))

    with serving(echo) as endpoint:
        asker = judge(endpoint.url, workers=8)
        values = asker.map(lambda number: asker.clair(str(number), ["B."]), range(40))
    assert [round(value.score * 100) for value in values] == list(range(40))
    assert asker.tally.calls == len(endpoint.asked) == 40
    assert asker.tally.prompt_tokens == 4000


def test_an_image_that_cannot_be_read_costs_nothing(judge, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    found = judge("http://127.0.0.1:9/v1").fleur(tmp_path / "text.png", "A.")
    assert math.isnan(found.score)
    assert "is not a JPEG, PNG or WEBP" in found.note


def test_a_cache_that_cannot_be_written_is_told(judge, tmp_path):
    (tmp_path / "file").write_text("")
    with serving(CLAIR) as endpoint, pytest.raises(JudgeError, match="cannot be kept in"):
        judge(endpoint.url, cache=tmp_path / "file").clair("A.", ["B."])


# Settings


def test_without_address_and_model_there_is_no_judge():
    assert judge_settings({}) is None
    assert judge_settings({"SPECS_JUDGE_KEY": KEY, "OPENAI_API_KEY": "x", "SPECS_JUDGE_URL": " "}) is None


def test_settings_come_from_the_environment_and_options_win():
    environ = {"SPECS_JUDGE_URL": "https://h/v1", "SPECS_JUDGE_MODEL": "m", "SPECS_JUDGE_KEY": f" {KEY}\n"}
    assert judge_settings(environ) == JudgeSettings("https://h/v1", "m", KEY)
    found = judge_settings(environ, url="http://other/v1", max_calls=7, cache=Path("c"))
    assert found == JudgeSettings("http://other/v1", "m", KEY, max_calls=7, cache=Path("c"))


@pytest.mark.parametrize(
    ("environ", "options", "message"),
    [
        ({"SPECS_JUDGE_URL": "https://h"}, {}, "set SPECS_JUDGE_MODEL as well"),
        ({"SPECS_JUDGE_MODEL": "m"}, {}, "set SPECS_JUDGE_URL as well"),
        ({"SPECS_JUDGE_URL": "h/v1", "SPECS_JUDGE_MODEL": "m"}, {}, "SPECS_JUDGE_URL has to be an http"),
        ({"SPECS_JUDGE_KEY": "a\nb"}, {"url": "http://h", "model": "m"}, "SPECS_JUDGE_KEY holds characters"),
        ({}, {"url": "http://h", "model": "m", "max_calls": 0}, "1 or more calls, got 0"),
        ({}, {"url": "http://h", "model": "m", "timeout": 0}, "positive number of seconds, got 0"),
        ({}, {"url": "http://h", "model": "m", "price_in": -1}, "0 or more, got -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(environ, options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        judge_settings(environ, **options)
    assert "a\nb" not in str(caught.value)
