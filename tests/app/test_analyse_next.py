"""The part that says what to rate next: who may see it and draw, called as anybody can call it."""

import math
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from small_study import SHA256, study
from sqlalchemy import select

from annotations.analysis.report import NO_BATTLES, NO_UNITS
from annotations.analysis.table import AnalysisTable, Choice, Provenance
from annotations.audit import audit_log
from annotations.campaigns import create_campaign
from annotations.drawing import ACTION
from annotations.engine import reading
from annotations.images import add_image
from annotations.invites import invite
from annotations.items import add_item
from annotations.schema import items
from annotations.scores import save_scores
from annotations.sign_in import sign_in
from app.analysis_parts import Asked, Part, Reading
from app.context import AppContext, open_context
from app.pages import analyse_next
from app.sessions import COOKIE
from app.settings import Settings

Handlers = dict[str, Callable[..., Any]]
REFUSED = (None, "rater", "adjudicator")


@pytest.fixture
def context(tmp_path: Path, with_database: Callable[[Path], Path]) -> Iterator[AppContext]:
    opened = open_context(Settings(data=with_database(tmp_path / "data"), backup_minutes=0))
    yield opened
    opened.engine.dispose()


@pytest.fixture
def campaign(context: AppContext) -> str:
    made = create_campaign(context.engine, "study", asks_verdicts=False)
    for number in range(8):
        image = add_image(context.engine, sha256=secrets.token_hex(32), filename="a.png", width=8, height=8)
        item = add_item(
            context.engine,
            image_id=image,
            caption=f"Caption {number} <b>bold</b>.",
            units=None,
            campaign_id=made,
        )
        save_scores(context.engine, item, metric="specs", model="m", model_sha256=SHA256, score=number / 10)
    return made


@pytest.fixture
def mounted(context: AppContext) -> tuple[Part, Handlers]:
    with gr.Blocks() as blocks:
        part = analyse_next.build(context)
    return part, {fn.name: fn.fn for fn in blocks.fns.values() if fn.name not in ("", None, "<lambda>")}


@pytest.fixture
def request_of(context: AppContext) -> Callable[[str | None], Any]:
    """Make the request of somebody in a role, or of a visitor."""

    def make(role: str | None) -> Any:
        if role is None:
            return SimpleNamespace(cookies={})
        token, _ = sign_in(
            context.engine, invite(context.engine, f"a {role}", role=role), client=secrets.token_hex(4)
        )
        return SimpleNamespace(cookies={COOKIE: token})

    return make


def asked(**changes: Any) -> Asked:
    values = {"question": "overall", "metric": "specs", "coefficient": "kendall_tau_b", "level": "pooled"}
    return Asked(**{"choice": Choice(), **values, **changes})


def read(table: AnalysisTable | None = None, **changes: Any) -> Reading:
    return Reading(asked(**changes), table or study(), lambda: NO_UNITS, lambda: NO_BATTLES)


def shown(part: Part, table: AnalysisTable | None = None, **changes: Any) -> dict[str, Any]:
    names = ("card", "campaign", "list", "against", "told", "order")
    return dict(zip(names, part.show(read(table, **changes)), strict=True))


def weights(context: AppContext) -> set[float]:
    with reading(context.engine) as connection:
        return set(connection.scalars(select(items.c.weight)))


def test_part_when_shown_lists_the_captions_of_a_campaign_as_text(mounted, campaign) -> None:
    found = shown(mounted[0], choice=Choice(campaigns=(campaign,)))
    assert found["campaign"]["choices"] == [("study", campaign)]
    assert "8 captions of “study”" in found["list"]
    assert "&lt;b&gt;bold&lt;/b&gt;" in found["list"]
    assert "<b>bold" not in found["list"]
    assert "Needs at least 3 rated items" in found["list"]


def test_part_when_its_outputs_are_counted_fills_each_of_them(mounted, campaign) -> None:
    part = mounted[0]
    assert len(part.outputs) == len(part.show(read())) == len(part.blank)


@pytest.mark.parametrize("metric", ["random", "length_tokens", "nothing"])
def test_part_when_the_metric_has_no_stored_scores_takes_specs(mounted, campaign, metric: str) -> None:
    against = shown(mounted[0], choice=Choice(campaigns=(campaign,)), metric=metric)["against"]
    assert against.metric == "specs"


def test_part_when_the_metric_was_renamed_because_sources_share_its_name_finds_its_scores(
    context, mounted, campaign, request_of
) -> None:
    part, handlers = mounted
    with reading(context.engine) as connection:
        ids = list(connection.scalars(select(items.c.id).order_by(items.c.created_at, items.c.id)))
    for place, item in enumerate(ids[:5]):
        for number, library in enumerate(("sacrebleu 2.5.1", "nltk 3.9")):
            source = {"model": library, "model_sha256": str(number) * 64}
            save_scores(context.engine, item, metric="bleu_4", score=10.0 * number + place, **source)
    name, of = "bleu_4 (sacrebleu 2.5.1)", study()
    table = replace(
        of,
        metrics={**of.metrics, name: of.metrics["clip"]},
        provenance={**of.provenance, name: Provenance("sacrebleu 2.5.1", "0" * 64, "bleu_4")},
    )
    found = shown(part, table, choice=Choice(campaigns=(campaign,)), metric=name)
    assert "5 with a score of BLEU-4 (sacrebleu 2.5.1)" in found["list"]
    request = request_of("admin")
    _, done, listed = handlers["draw"](campaign, "gain", 2, found["against"], request)
    assert "Drew 2 of 8 captions" in done
    assert "BLEU-4 (sacrebleu 2.5.1)" in listed
    act = next(act for act in audit_log(context.engine) if act.action == ACTION)
    assert (act.details["metric"], act.details["model_sha256"]) == ("bleu_4", "0" * 64)


def test_part_when_other_weights_have_scored_the_campaign_names_them_and_draws_nothing(
    context, mounted, campaign, request_of
) -> None:
    part, handlers = mounted
    of = study()
    table = replace(of, provenance={"specs": Provenance("other", "d" * 64)})
    found = shown(part, table, choice=Choice(campaigns=(campaign,)))
    assert f"there are {SHA256[:12]} (m)." in found["list"]
    with pytest.raises(gr.Error, match=rf"there are {SHA256[:12]} \(m\)"):
        handlers["draw"](campaign, "gain", 2, found["against"], request_of("admin"))
    assert weights(context) == {1.0}


def test_part_when_the_campaign_asks_something_else_says_so(mounted, campaign) -> None:
    found = shown(mounted[0], choice=Choice(campaigns=(campaign,)), question="beauty")
    assert "does not ask" in found["list"]


@pytest.mark.parametrize("role", REFUSED)
def test_a_draw_when_called_by_anybody_but_an_admin_is_refused_and_writes_nothing(
    context, mounted, campaign, request_of, role
) -> None:
    part, handlers = mounted
    against = shown(part, choice=Choice(campaigns=(campaign,)))["against"]
    request = request_of(role)
    before = audit_log(context.engine)
    with pytest.raises(gr.Error, match=r"for the role admin|not signed in"):
        handlers["draw"](campaign, "gain", 3, against, request)
    for name, values in (("ask", (campaign, "gain", 3)), ("leave", ())):
        with pytest.raises(gr.Error, match=r"for the role admin|not signed in"):
            handlers[name](*values, request)
    assert handlers["offer"](request)["visible"] is False
    assert weights(context) == {1.0}
    assert audit_log(context.engine) == before


@pytest.mark.parametrize("role", [None, "rater"])
def test_the_list_when_called_by_somebody_who_may_not_see_it_is_refused(
    mounted, campaign, request_of, role
) -> None:
    part, handlers = mounted
    against = shown(part, choice=Choice(campaigns=(campaign,)))["against"]
    with pytest.raises(gr.Error, match=r"adjudicator or admin|not signed in"):
        handlers["relist"](campaign, "gap", against, request_of(role))
    listed, _ = handlers["relist"](campaign, "gap", against, request_of("adjudicator"))
    assert "not rated, so nobody disagrees yet" in listed


def test_a_draw_when_an_admin_orders_it_is_written_with_the_name(
    context, mounted, campaign, request_of
) -> None:
    part, handlers = mounted
    against = shown(part, choice=Choice(campaigns=(campaign,)))["against"]
    request = request_of("admin")
    assert handlers["offer"](request)["visible"] is True
    told = handlers["ask"](campaign, "gain", 4, request)[1]
    assert "Draw 4 captions of “study” by lot" in told
    assert weights(context) == {1.0}
    sure, done, listed = handlers["draw"](campaign, "gain", 4, against, request)
    assert (sure["visible"], "Drew 4 of 8 captions" in done) == (False, True)
    assert listed.count("drawn, waits") == 4
    assert weights(context) == {1.0, 2.0}
    act = next(act for act in audit_log(context.engine) if act.action == ACTION)
    assert (act.actor, act.details["number"]) == ("a admin", 4)


@pytest.mark.parametrize("number", [None, 0, -3, 2.5, math.nan, math.inf, 1e9, "3"])
def test_a_draw_of_no_whole_number_is_refused_in_a_sentence(
    context, mounted, campaign, request_of, number
) -> None:
    part, handlers = mounted
    against = shown(part, choice=Choice(campaigns=(campaign,)))["against"]
    with pytest.raises(gr.Error, match=r"Enter how many captions to draw: a whole number from 1 to 100,000."):
        handlers["draw"](campaign, "gain", number, against, request_of("admin"))
    assert weights(context) == {1.0}


def test_a_draw_of_more_than_there_is_or_of_nothing_is_refused_in_a_sentence(
    mounted, campaign, request_of
) -> None:
    part, handlers = mounted
    against = shown(part, choice=Choice(campaigns=(campaign,)))["against"]
    request = request_of("admin")
    with pytest.raises(gr.Error, match="has 8 that do not wait already; draw at most 8"):
        handlers["draw"](campaign, "gain", 9, against, request)
    with pytest.raises(gr.Error, match="Nothing is listed to draw from"):
        handlers["draw"](campaign, "gain", 2, None, request)
    with pytest.raises(gr.Error, match="Choose a campaign to draw from"):
        handlers["ask"]("nowhere", "gain", 2, request)
