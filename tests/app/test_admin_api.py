"""The owner's routes over raw HTTP: who may do what, what they answer, and what they refuse."""

import http.client
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from annotations.audit import audit_log
from annotations.campaign_tables import INSPECT_CAMPAIGN, LINKS_CAMPAIGN
from annotations.campaigns import get_campaign, list_campaigns
from annotations.items import get_item
from annotations.sessions import account_of
from annotations.sign_in import sign_in
from app.admin_api import _ACTS, _READS
from app.context import AppContext

HOSTILE = "<img src=x onerror=alert(1)> & ${1}"
DECISION = {
    "answers": {"correctness": 1, "thoroughness": 2, "overall": 3},
    "verdicts": ["supported", None],
    "comment": HOSTILE,
}


def every_request() -> list[tuple[str, str]]:
    return [*(("GET", name) for name in _READS), *(("POST", name) for name in _ACTS)]


def test_nobody_who_is_not_signed_in_and_no_rater_gets_anything(
    person: Callable[..., Any], port: int, owner: Any, rated: str
) -> None:
    stranger, rater = person(None), person("Rita", "rater")
    forged = replace(stranger, cookie="made-up")
    for method, path in every_request():
        body = {} if method == "POST" else None
        wanted = f"{path}?campaign={INSPECT_CAMPAIGN}&item={rated}"
        for who, status in ((stranger, 401), (forged, 401), (rater, 403)):
            found, content = who.ask(method, wanted, body)
            assert (found, list(content)) == (status, ["problem"]), (method, path)
            assert "captioner-x" not in str(content)
            assert "Ada" not in str(content)


def test_adjudicator_gets_what_deciding_takes_and_nothing_else(
    person: Callable[..., Any], rated: str, context: AppContext
) -> None:
    judy = person("Judy", "adjudicator")
    allowed = {"campaigns", "queue", "item", "item/decide"}
    for method, path in every_request():
        status, _ = judy.ask(
            method, f"{path}?campaign={INSPECT_CAMPAIGN}&item={rated}", {} if method == "POST" else None
        )
        assert (status == 403) == (path not in allowed), (path, status)
    assert judy.post("item/decide", item=rated, **DECISION)["label"]["adjudicator"] == "Judy"


def test_role_counts_from_the_next_request_on(owner: Any, person: Callable[..., Any]) -> None:
    rita = person("Rita", "rater")
    owner.post("people/role", person=rita.id, role="admin")
    assert rita.get("people")
    owner.post("people/disable", person=rita.id, disabled=True)
    assert rita.ask("GET", "people")[0] == 401


def test_page_of_another_site_can_do_nothing_with_the_owners_cookie(
    owner: Any, rated: str, context: AppContext
) -> None:
    body = json.dumps({"item": rated, "deleted": True}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert owner.refused("items/delete", body, kind=kind)[0] == 400
    connection = http.client.HTTPConnection("127.0.0.1", owner.port, timeout=20)
    headers = {"cookie": f"specs_session={owner.cookie}", "content-type": "application/json"}
    connection.request("POST", "/admin/items/delete", body, headers | {"origin": "https://evil.example"})
    assert connection.getresponse().status == 403
    connection.close()
    assert get_item(context.engine, rated).deleted_at is None


def test_campaign_is_created_changed_paused_deleted_and_restored(owner: Any, context: AppContext) -> None:
    made = owner.post(
        "campaigns/create",
        name=HOSTILE,
        criteria="finecapeval",
        overlap=2,
        lease_minutes=5,
        gold_every=7,
        blind=False,
        asks_verdicts=False,
        guideline="# Look\n\n<script>alert(1)</script>",
    )["campaign"]
    stored = get_campaign(context.engine, made["id"])
    assert (stored.name, stored.overlap, stored.gold_every, stored.blind) == (HOSTILE, 2, 7, False)
    assert [question["name"] for question in made["questions"]] == [
        *("overall", "background", "object", "relations")
    ]
    changed = owner.post("campaigns/change", campaign=made["id"], guideline="Look twice.", overlap=4)
    assert (changed["campaign"]["guideline_version"], changed["campaign"]["overlap"]) == (2, 4)
    assert changed["campaign"]["gold_every"] == 7
    assert owner.post("campaigns/pause", campaign=made["id"], paused=True)["campaign"]["paused_at"]
    owner.post("campaigns/delete", campaign=made["id"], deleted=True)
    assert HOSTILE not in [one.name for one in list_campaigns(context.engine)]
    assert [one["name"] for one in owner.get("deleted")["campaigns"]] == [HOSTILE]
    owner.post("campaigns/delete", campaign=made["id"], deleted=False)
    assert HOSTILE in [one["name"] for one in owner.get("campaigns")["campaigns"]]
    assert {act["actor"] for act in owner.get("audit")["acts"]} == {"Olga"}
    assert LINKS_CAMPAIGN not in [one["id"] for one in owner.get("campaigns")["campaigns"]]


def test_campaign_with_scales_of_its_own_keeps_their_range_and_words(owner: Any) -> None:
    scale = {"name": "clarity", "label": "Clear?", "hint": "to read", "low": 0, "high": 100}
    words = {"0": "not at all", "100": "fully"}
    made = owner.post("campaigns/create", name="Own", questions=[{**scale, "labels": words}])["campaign"]
    assert made["questions"] == [{**scale, "labels": words}]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "cannot be read"),
        ({"name": 3}, "has to be text"),
        ({"name": ""}, "1 to 80 characters"),
        ({"name": "x" * 201}, "at most 200"),
        ({"name": "A", "overlap": 0}, "at least 1 rater"),
        ({"name": "A", "overlap": True}, "whole number"),
        ({"name": "A", "overlap": 10**9}, "whole number"),
        ({"name": "A", "overlap": "3"}, "whole number"),
        ({"name": "A", "blind": "yes"}, "true or false"),
        ({"name": "A", "criteria": "made-up"}, "correctness, finecapeval"),
        ({"name": "A", "questions": "all"}, "list of at most 20"),
        ({"name": "A", "questions": [3]}, "object with a name"),
        ({"name": "A", "questions": [{"name": "Bad Name", "label": "x"}]}, "lower-case"),
        ({"name": "A", "questions": [{"name": "a", "label": "x", "low": 5, "high": 5}]}, "above the lowest"),
        ({"name": "A", "questions": [{"name": "a", "label": "x", "labels": {"x": "y"}}]}, "whole numbers"),
        ({"name": "A", "questions": [], "asks_verdicts": False}, "asks nothing"),
        ({"name": "A", "guideline": "x" * 100_001}, "100,000"),
        ({"name": "From Inspect"}, "already"),
    ],
)
def test_campaign_that_cannot_be_is_refused_in_one_sentence(
    owner: Any, context: AppContext, body: object, says: str
) -> None:
    before = list_campaigns(context.engine, deleted=True)
    status, problem = owner.refused("campaigns/create", body)
    assert status == 400
    assert says in problem
    assert list_campaigns(context.engine, deleted=True) == before
    assert audit_log(context.engine) == ()


def test_what_cannot_be_read_or_is_not_there_is_refused_in_one_sentence(owner: Any) -> None:
    assert owner.refused("campaigns/create", b"{")[0] == 400
    assert owner.refused("campaigns/create", b"[" * 10_000)[0] == 400
    assert owner.refused("campaigns/create", b'{"name": "' + b"x" * 2**20 + b'"}')[0] == 413
    assert owner.refused("nothing/here", {})[0] == 404
    assert owner.ask("GET", "nothing")[0] == 404
    for path in ("campaigns/pause", "campaigns/delete", "campaigns/change"):
        assert owner.refused(path, {"campaign": "../x", "paused": True, "deleted": True})[0] == 400
        assert owner.refused(path, {"campaign": "0" * 32, "paused": True, "deleted": True})[0] == 404
    assert owner.ask("GET", f"overview?campaign={'0' * 32}")[0] == 404
    assert owner.ask("GET", f"item?item={'0' * 32}")[0] == 404
    assert owner.ask("GET", "audit?offset=-1")[0] == 400
    assert owner.ask("GET", f"items?text={'x' * 201}")[0] == 400


def test_guideline_is_rendered_by_the_server_without_what_could_run(owner: Any) -> None:
    text = "# Look\n\n<script>alert(1)</script> [a](javascript:alert(1))"
    shown = owner.post("guideline/preview", text=text)["html"]
    assert "<h1>Look</h1>" in shown
    assert "<script" not in shown
    assert 'href="javascript' not in shown


def test_overview_is_whole_numbers_reasons_and_no_nan(owner: Any, rated: str) -> None:
    status, found = owner.ask("GET", f"overview?campaign={INSPECT_CAMPAIGN}")
    assert (status, found["items"], found["wanted"], found["done"]) == (200, 1, 3, 2)
    assert [rater["name"] for rater in found["raters"]] == ["Ada", "Bo"]
    assert found["raters"][0]["scales"]["value"] is None
    assert "at least 10" in found["raters"][0]["scales"]["note"]
    assert [one["name"] for one in found["agreement"]] == [
        *("correctness", "thoroughness", "overall", "verdicts")
    ]
    assert found["agreement"][0]["value"] == 0
    assert found["agreement"][0]["low"] is None
    assert "one image" in found["agreement"][0]["note"]
    assert sum(day["ratings"] for day in found["days"]) == 2


def test_queue_leads_to_the_votes_and_to_a_decision(owner: Any, rated: str) -> None:
    queue = owner.get("queue", campaign=INSPECT_CAMPAIGN)
    assert [(one["item"], one["decided_at"]) for one in queue["items"]] == [(rated, None)]
    case = owner.get("item", item=rated)
    assert [(vote["rater"], vote["answers"]["overall"]) for vote in case["votes"]] == [("Ada", 1), ("Bo", 5)]
    assert case["votes"][0]["verdicts"] == ["supported", "hallucinated"]
    assert case["units"] == ["A red car.", HOSTILE]
    assert case["label"] is None
    owner.post("item/decide", item=rated, **DECISION)
    again = owner.get("item", item=rated)
    assert (again["label"]["answers"], again["label"]["comment"]) == (DECISION["answers"], HOSTILE)
    assert again["votes"] == case["votes"]
    assert owner.get("queue", campaign=INSPECT_CAMPAIGN)["decided"] == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"answers": {"overall": 3}}, "is missing"),
        ({"answers": {**DECISION["answers"], "overall": 9}}, "from 1 to 5"),
        ({"answers": {**DECISION["answers"], "overall": "3"}}, "whole number"),
        ({"answers": [1, 2, 3]}, "whole number"),
        ({"verdicts": ["supported"]}, "1 verdicts were given"),
        ({"verdicts": ["supported", 3]}, "cannot be read"),
        ({"verdicts": ["supported", "true"]}, "verdict on unit 1"),
        ({"comment": "x" * 2001}, "2,000"),
        ({"item": "x"}, "which item"),
    ],
)
def test_decision_that_does_not_fit_the_item_is_refused(
    owner: Any, rated: str, changes: dict[str, Any], says: str
) -> None:
    status, problem = owner.refused("item/decide", {"item": rated, **DECISION, **changes})
    assert status == 400
    assert says in problem
    assert owner.get("item", item=rated)["label"] is None


def test_item_goes_back_to_its_rater_with_a_reason(owner: Any, rated: str) -> None:
    assert owner.refused("items/return", {"item": rated, "rater": "Ada", "reason": ""})[0] == 400
    assert owner.refused("items/return", {"item": rated, "rater": "Eve", "reason": "x"})[0] == 404
    owner.post("items/return", item=rated, rater="Ada", reason=HOSTILE)
    (act,) = [act for act in owner.get("audit")["acts"] if act["action"] == "return item"]
    assert (act["actor"], act["subject"], act["details"]["reason"]) == ("Olga", rated, HOSTILE)
    assert owner.get("overview", campaign=INSPECT_CAMPAIGN)["raters"][0]["returned"] == 1


def test_items_are_found_deleted_and_restored(owner: Any, rated: str) -> None:
    (found,) = owner.get("items", text="ONERROR")["items"]
    assert (found["id"], found["captions"]) == (rated, [f"A red car. {HOSTILE}"])
    assert owner.get("items", text="blue") == {"items": [], "total": 0, "more": False}
    owner.post("items/delete", item=rated, deleted=True)
    assert owner.get("items", text="onerror")["total"] == 0
    assert owner.get("items", deleted="yes")["items"][0]["id"] == rated
    assert owner.get("deleted")["items"][0]["id"] == rated
    owner.post("items/delete", item=rated, deleted=False)
    assert owner.get("items")["total"] == 1


def test_invited_person_signs_in_with_a_code_that_is_shown_once(owner: Any, context: AppContext) -> None:
    made = owner.post("people/invite", name="  Rita  R. ", role="adjudicator", days=1)
    _, account = sign_in(context.engine, made["code"], client="here")
    assert (account.name, account.role) == ("Rita R.", "adjudicator")
    (rita,) = [one for one in owner.get("people")["people"] if one["name"] == "Rita R."]
    assert (rita["codes"], rita["sessions"]) == (1, 1)
    assert made["code"] not in str(owner.get("people"))
    assert made["code"] not in str(owner.get("audit"))
    assert owner.post("people/sign-out", person=rita["id"])["ended"] == 1
    for change in ({"role": "king"}, {"days": 0}, {"days": 999}, {"name": ""}):
        assert owner.refused("people/invite", {"name": "X", **change})[0] == 400


def test_last_admin_stays_admin(owner: Any, context: AppContext) -> None:
    for path, change in (("people/role", {"role": "rater"}), ("people/disable", {"disabled": True})):
        status, problem = owner.refused(path, {"person": owner.id, **change})
        assert (status, problem) == (409, "Olga is the last admin; make somebody else an admin first.")
    assert account_of(context.engine, owner.cookie).role == "admin"
