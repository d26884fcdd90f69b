"""What people say among themselves: numbers first, intervals in a second call that anybody can make."""

import secrets
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from annotations.analysis.table import Choice
from annotations.campaigns import create_campaign
from annotations.images import add_image
from annotations.invites import invite
from annotations.items import add_item
from annotations.sign_in import sign_in
from annotations.store import NewRating, save_rating
from app.analysis import reading_of, shown_of
from app.analysis_parts import Asked, Part
from app.context import AppContext, open_context
from app.pages import analyse_people
from app.sessions import COOKIE
from app.settings import Settings

ASKED = Asked(Choice(), "overall", "specs", "kendall_tau_b", "pooled")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    """An app with forty ratings: two people on twenty captions."""
    folder = tmp_path_factory.mktemp("people")
    opened = open_context(Settings(data=folder / "data", backup_minutes=0))
    campaign = create_campaign(opened.engine, "study", asks_verdicts=False)
    for number in range(20):
        image = add_image(opened.engine, sha256=secrets.token_hex(32), filename="a.png", width=8, height=8)
        item = add_item(
            opened.engine, image_id=image, caption=f"Caption {number}.", units=None, campaign_id=campaign
        )
        for at, name in enumerate(("Ada", "Ben <b>")):
            given = 1 + (number + at * (number % 3 == 0)) % 5
            save_rating(
                opened.engine,
                NewRating(
                    item_id=item,
                    rater=name,
                    answers={"correctness": given, "thoroughness": given, "overall": given},
                    verdicts=(),
                    nonce=secrets.token_hex(8),
                    guideline_version="1",
                    application_version="1",
                ),
            )
    yield opened
    opened.engine.dispose()


@pytest.fixture
def mounted(context: AppContext) -> tuple[Part, Callable[..., Any]]:
    with gr.Blocks() as blocks:
        part = analyse_people.build(context)
    return part, next(fn.fn for fn in blocks.fns.values() if fn.name == "intervals")


def request_of(context: AppContext, role: str | None) -> Any:
    if role is None:
        return SimpleNamespace(cookies={})
    code = invite(context.engine, f"a {role}", role=role)
    token, _ = sign_in(context.engine, code, client=secrets.token_hex(4))
    return SimpleNamespace(cookies={COOKIE: token})


def test_people_when_shown_have_numbers_at_once_and_intervals_in_the_second_call(context, mounted) -> None:
    part, intervals = mounted
    values = part.show(reading_of(*shown_of(context.readings, ASKED)))
    assert len(values) == len(part.outputs) == len(part.blank)
    _, first, wanted, complete = values
    assert "2 people · 40 ratings of 20 captions and battles" in first
    assert "Intervals are on their way" in first
    assert " to 0." not in first
    request = request_of(context, "adjudicator")
    second, done = intervals(wanted, complete, request)
    assert "2,000 resamples, seed 0" in second
    assert " to 0." in second
    assert "Ben &lt;b&gt;" in second
    assert done == wanted
    # Its own answer calls it once more, which does nothing.
    assert intervals(wanted, done, request) == (gr.skip(), gr.skip())
    # What was asked for in between is computed all the same.
    assert intervals(ASKED, "an earlier choice", request)[1] == ASKED


@pytest.mark.parametrize("role", [None, "rater"])
def test_intervals_when_called_by_somebody_who_may_not_see_them_are_refused(context, mounted, role) -> None:
    with pytest.raises(gr.Error, match=r"adjudicator or admin|not signed in"):
        mounted[1](ASKED, None, request_of(context, role))


def test_intervals_when_nothing_is_shown_are_none(context, mounted) -> None:
    assert mounted[1](None, None, request_of(context, "admin")) == (gr.skip(), gr.skip())
