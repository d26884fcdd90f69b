"""What the Analyse page may be asked for: anybody can send anything."""

import math

import pytest
from starlette.datastructures import QueryParams

from annotations.analysis.table import Choice
from app.analysis_choice import form_of, form_of_query, narrows, read_asked
from app.answers import FormError

FULL = {
    "campaigns": ["c1", "c2"],
    "raters": ["r1"],
    "systems": ["", "=cmd()"],
    "shortest": "20",
    "longest": 60,
    "since": "2026-01-31",
    "until": "2026-02-28",
    "blind": True,
    "model": "a" * 64,
    "question": "thoroughness",
    "metric": "bleu_4",
    "coefficient": "pearson_r",
    "level": "per_image",
}


def test_form_with_nothing_in_it_asks_for_everything() -> None:
    asked = read_asked({})

    assert asked.choice == Choice()
    assert (asked.question, asked.metric, asked.coefficient, asked.level) == (
        *("overall", "specs", "kendall_tau_b", "pooled"),
    )
    assert not narrows(asked.choice)


def test_form_with_everything_in_it_is_read_and_written_again() -> None:
    asked = read_asked(FULL)

    assert asked.choice == Choice(
        campaigns=("c1", "c2"),
        raters=("r1",),
        systems=("", "=cmd()"),
        shortest=20.0,
        longest=60.0,
        since="2026-01-31",
        until="2026-02-28",
        blind_only=True,
        model_sha256="a" * 64,
    )
    assert read_asked(form_of(asked)) == asked
    assert narrows(asked.choice)


def test_address_says_the_same_as_the_form() -> None:
    query = QueryParams(
        "campaigns=c1&campaigns=c2&raters=r1&systems=&systems=%3Dcmd()&shortest=20&longest=60"
        "&since=2026-01-31&until=2026-02-28&blind=true&question=thoroughness&metric=bleu_4"
        f"&coefficient=pearson_r&level=per_image&model={'a' * 64}&unknown=1"
    )

    assert read_asked(form_of_query(query)) == read_asked(FULL)


def test_weights_alone_leave_nothing_out() -> None:
    assert not narrows(read_asked({"model": "a" * 64}).choice)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("overall", "cannot be read"),
        ({"campaigns": "c1"}, "'campaigns' has to be a list"),
        ({"raters": [1]}, "'raters' has to hold names"),
        ({"systems": ["x"] * 1001}, "at most 1,000 names"),
        ({"question": ["overall"]}, "'question' has to be text"),
        ({"metric": "x" * 301}, "at most 300 characters"),
        ({"shortest": "many"}, "number from 0"),
        ({"shortest": True}, "number from 0"),
        ({"longest": -1}, "number from 0"),
        ({"longest": math.nan}, "number from 0"),
        ({"longest": 10**400}, "number from 0"),
        ({"since": "31.1.2026"}, "written like 2026-01-31"),
        ({"until": "2026-02-30"}, "written like 2026-01-31"),
        ({"model": "aaaa"}, "64 digits"),
    ],
)
def test_form_that_cannot_be_is_refused_with_a_sentence(form: object, told: str) -> None:
    with pytest.raises(FormError, match=told):
        read_asked(form)


def test_name_that_no_database_takes_is_made_harmless() -> None:
    assert read_asked({"systems": ["a\x00\ud800"]}).choice.systems == ("a\ufffd\ufffd",)
