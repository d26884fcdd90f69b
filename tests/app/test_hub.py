"""Signing in with the Hub, against a small OpenID server on this machine."""

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from annotations.accounts import disable, find_person, people
from annotations.engine import open_database
from annotations.invites import invite
from annotations.sessions import account_of
from app.context import AppContext
from app.hub import PendingSignIns, hub_is_open, hub_role, hub_router
from app.security import Guard
from app.sessions import COOKIE, session_router
from app.settings import Settings

CLIENT, SECRET = "lens-client", "lens-secret"
pytestmark = pytest.mark.usefixtures("database_in_tmp_path")
ADA = {
    "sub": "5f0c",
    "preferred_username": "ada",
    "name": "team-b",
    "orgs": [{"sub": "0a", "name": "team-c", "preferred_username": "Team-A"}],
}


class StandInHub:
    """An OpenID provider: discovery, authorize, token, userinfo and keys, on loopback.

    Everything that it checks it checks for real (client, code used once, redirect address, PKCE); `claims`
    and `spoil` say who signs in and what is wrong with the answer.
    """

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.claims: dict[str, Any] = dict(ADA)
        self.spoil: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        self.asked: list[str] = []
        app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/userinfo", self.userinfo),
                Route("/keys", self.keys),
            ]
        )
        self.server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)

    async def discovery(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}")

    async def token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(form["code"], None)
        challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
        if (
            request.headers["authorization"] != f"Basic {basic}"
            or asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or asked["code_challenge"] != base64.urlsafe_b64encode(challenge).decode().rstrip("=")
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": self.claims["sub"],
            "iat": now,
            "exp": now + 60,
            "nonce": asked["nonce"],
            **self.spoil.get("claims", {}),
        }
        access = secrets.token_hex(8)
        self.tokens.add(access)
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.spoil.get("key", self.key))
        answer = {"access_token": access, "token_type": "bearer", "expires_in": 3600, "id_token": signed}
        if "without" in self.spoil:
            del answer[self.spoil["without"]]
        return JSONResponse(answer)

    async def userinfo(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse({**self.claims, **self.spoil.get("userinfo", {})})

    async def keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


@pytest.fixture(scope="module")
def running_hub() -> Iterator[StandInHub]:
    hub = StandInHub()
    yield hub
    hub.stop()


@pytest.fixture
def hub(running_hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> StandInHub:
    running_hub.claims, running_hub.spoil = dict(ADA), {}
    monkeypatch.setenv("SPACE_ID", "somebody/lens")
    monkeypatch.delenv("SPACE_HOST", raising=False)
    monkeypatch.setenv("OAUTH_CLIENT_ID", CLIENT)
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("OPENID_PROVIDER_URL", running_hub.url)
    return running_hub


def context_with(folder: Path, **settings: Any) -> AppContext:
    return AppContext(
        settings=Settings(data=folder, **settings),
        engine=open_database(f"sqlite:///{folder / 'specs.sqlite3'}"),
        encoders=None,  # type: ignore[arg-type]
        pictures=None,  # type: ignore[arg-type]
    )


def browser_at(context: AppContext) -> TestClient:
    app = FastAPI()
    app.include_router(session_router(context))
    app.include_router(hub_router(context))
    # A Space's cookies are for https only.
    return TestClient(Guard(app), base_url="https://lens.example", follow_redirects=False)


def at_the_hub(address: str) -> str:
    """Go to the Hub as a browser does, and return where it sends the browser back to."""
    sent_back = httpx2.get(address)
    assert sent_back.status_code == 307
    return str(sent_back.headers["location"])


def sign_in(browser: TestClient) -> Any:
    left = browser.get("/hub/sign-in")
    assert left.status_code == 302
    return browser.get(at_the_hub(left.headers["location"]))


def who(browser: TestClient) -> tuple[str | None, str | None]:
    content = browser.get("/session").json()
    return content["name"], content["role"]


def test_sign_in_with_the_hub_begins_a_session_of_ours(hub: StandInHub, tmp_path: Path) -> None:
    context = context_with(tmp_path, hub_raters="ADA")
    browser = browser_at(context)
    left = browser.get("/hub/sign-in")
    asked = parse_qs(urlsplit(left.headers["location"]).query)
    assert asked["redirect_uri"] == ["https://lens.example/hub/callback"]
    assert asked["scope"] == ["openid profile"]
    assert len(asked["nonce"][0]) >= 20
    handle = left.headers["set-cookie"].lower()
    for flag in ("httponly", "path=/hub", "samesite=lax", "secure", "max-age=600"):
        assert flag in handle
    assert asked["state"][0] not in handle

    back = browser.get(at_the_hub(left.headers["location"]))
    assert (back.status_code, back.headers["location"]) == (303, "/")
    ours, cleared = sorted(back.headers.get_list("set-cookie"), reverse=True)
    assert ours.startswith(f"{COOKIE}=")
    assert ours.endswith("; HttpOnly; Max-Age=2592000; Path=/; SameSite=None; Secure; Partitioned")
    assert 'specs_hub=""' in cleared
    assert who(browser) == ("ada", "rater")
    [person] = people(context.engine)
    assert (person.name, person.from_hub, person.sessions) == ("ada", True, 1)

    sign_in(browser)
    [person] = people(context.engine)
    assert person.sessions == 1, "the earlier session of this browser has ended"


@pytest.mark.parametrize(
    ("settings", "role"),
    [
        ({"hub_raters": "*"}, "rater"),
        ({"hub_raters": "team-a"}, "rater"),
        ({"hub_raters": "*", "hub_admins": "bo, ada"}, "admin"),
        ({"hub_admins": "Team-A"}, "admin"),
        ({"hub_admins": "bo"}, None),
        ({"hub_raters": "team-b,team-c"}, None),
    ],
)
def test_roles_come_from_user_names_and_organisations_and_never_from_display_names(
    hub: StandInHub, tmp_path: Path, settings: dict[str, str], role: str | None
) -> None:
    context = context_with(tmp_path, **settings)
    browser = browser_at(context)
    back = sign_in(browser)
    assert hub_role(ADA, context.settings) == role
    if role is None:
        assert back.status_code == 403
        assert "not rate" in back.text
        assert COOKIE not in str(back.headers.get_list("set-cookie"))
        assert who(browser) == (None, None)
        assert people(context.engine) == ()
    else:
        assert who(browser) == ("ada", role)


def test_user_name_of_somebody_invited_here_does_not_become_them(hub: StandInHub, tmp_path: Path) -> None:
    context = context_with(tmp_path, hub_raters="*")
    invite(context.engine, "ada", role="admin")
    browser = browser_at(context)
    sign_in(browser)
    assert who(browser) == ("ada (Hub)", "rater")


def test_disabled_account_is_refused(hub: StandInHub, tmp_path: Path) -> None:
    context = context_with(tmp_path, hub_raters="*")
    browser = browser_at(context)
    sign_in(browser)
    disable(context.engine, find_person(context.engine, "ada").id)
    back = sign_in(browser)
    assert (back.status_code, "ask an admin" in back.text) == (403, True)
    assert who(browser) == (None, None)


def test_answer_with_another_state_is_refused_and_the_sign_in_is_over(
    hub: StandInHub, tmp_path: Path
) -> None:
    context = context_with(tmp_path, hub_raters="*")
    browser = browser_at(context)
    back = at_the_hub(browser.get("/hub/sign-in").headers["location"])
    query = dict(parse_qsl(urlsplit(back).query))
    refused = browser.get("/hub/callback", params={**query, "state": query["state"][::-1]})
    assert refused.status_code == 400
    assert browser.get(back).status_code == 400, "a sign-in is answered once"
    assert who(browser) == (None, None)


def test_answer_in_another_browser_is_refused(hub: StandInHub, tmp_path: Path) -> None:
    context = context_with(tmp_path, hub_raters="*")
    app = browser_at(context)
    victim = TestClient(app.app, base_url="https://lens.example", follow_redirects=False)
    back = at_the_hub(app.get("/hub/sign-in").headers["location"])
    assert victim.get(back).status_code == 400
    assert who(victim) == (None, None)
    assert app.get(back).status_code == 303


@pytest.mark.parametrize(
    "spoil",
    [
        {"claims": {"nonce": "another"}},
        {"claims": {"nonce": None}},
        {"claims": {"iss": "https://evil.example"}},
        {"claims": {"aud": "another-app"}},
        {"claims": {"exp": 1_000_000_000}},
        {"claims": {"sub": None}},
        {"key": RSAKey.generate_key(2048, {"kid": "one"})},
        {"userinfo": {"sub": "somebody-else"}},
        {"without": "id_token"},
        {"without": "access_token"},
    ],
    ids=lambda spoil: ", ".join(spoil),
)
def test_answer_of_the_hub_that_is_not_right_signs_nobody_in(
    hub: StandInHub, tmp_path: Path, spoil: dict[str, Any]
) -> None:
    context = context_with(tmp_path, hub_raters="*")
    browser = browser_at(context)
    hub.spoil = spoil
    back = sign_in(browser)
    assert (back.status_code, "did not work" in back.text) == (400, True)
    assert who(browser) == (None, None)
    assert people(context.engine) == ()


def test_visitor_who_says_no_at_the_hub_comes_back_to_a_sentence(hub: StandInHub, tmp_path: Path) -> None:
    browser = browser_at(context_with(tmp_path, hub_raters="*"))
    browser.get("/hub/sign-in")
    back = browser.get("/hub/callback?error=access_denied&error_description=<script>alert(1)</script>")
    assert back.status_code == 400
    assert "<script>" not in back.text


def test_code_that_the_hub_did_not_give_signs_nobody_in(hub: StandInHub, tmp_path: Path) -> None:
    browser = browser_at(context_with(tmp_path, hub_raters="*"))
    state = parse_qs(urlsplit(browser.get("/hub/sign-in").headers["location"]).query)["state"][0]
    assert browser.get("/hub/callback", params={"code": "made-up", "state": state}).status_code == 400
    assert who(browser) == (None, None)


def test_hub_that_is_down_is_told_in_a_sentence(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENID_PROVIDER_URL", "http://127.0.0.1:1")
    answer = browser_at(context_with(tmp_path, hub_raters="*")).get("/hub/sign-in")
    assert (answer.status_code, "sign in with a code" in answer.text) == (502, True)


def test_space_names_its_own_address_whatever_the_request_says(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_HOST", "somebody-lens.example")
    left = browser_at(context_with(tmp_path, hub_raters="*")).get("/hub/sign-in", headers={"host": "evil"})
    asked = parse_qs(urlsplit(left.headers["location"]).query)
    assert asked["redirect_uri"] == ["https://somebody-lens.example/hub/callback"]


@pytest.mark.parametrize("missing", ["SPACE_ID", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "names"])
def test_routes_of_the_hub_are_there_in_a_space_with_oauth_and_names_only(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing, raising=False)
    context = context_with(tmp_path, hub_raters="" if missing == "names" else "*")
    browser = browser_at(context)
    assert not hub_is_open(context.settings)
    assert browser.get("/session").json()["hub"] is False
    assert browser.get("/hub/sign-in").status_code == 404
    assert browser.get("/hub/callback").status_code == 404


def test_session_tells_that_the_hub_is_open(hub: StandInHub, tmp_path: Path) -> None:
    assert browser_at(context_with(tmp_path, hub_admins="ada")).get("/session").json()["hub"] is True


def test_role_without_names_or_with_odd_claims_is_none(tmp_path: Path) -> None:
    named = Settings(data=tmp_path, hub_raters="ada")
    for claims in ({}, {"preferred_username": 5}, {"orgs": "ada"}, {"orgs": [None, "ada", {}]}):
        assert hub_role(claims, named) is None
    assert hub_role(ADA, Settings(data=tmp_path)) is None


def test_pending_sign_ins_are_given_out_once_for_ten_minutes_and_in_bounded_number() -> None:
    now = [0.0]
    pending = PendingSignIns(clock=lambda: now[0])
    first = pending.keep({"at": 1})
    assert pending.take("made-up") == pending.take(None) == {}
    assert (pending.take(first), pending.take(first)) == ({"at": 1}, {})
    late = pending.keep({"at": 2})
    now[0] = 600.0
    assert pending.take(late) == {}
    oldest = pending.keep({"at": 3})
    for _ in range(1000):
        pending.keep({})
    assert len(pending) == 1000
    assert pending.take(oldest) == {}
    now[0] = 1200.0
    pending.keep({})
    assert len(pending) == 1


def test_database_holds_nothing_of_the_hub_but_id_and_name(hub: StandInHub, tmp_path: Path) -> None:
    context = context_with(tmp_path, hub_raters="*")
    browser = browser_at(context)
    sign_in(browser)
    token = browser.cookies[COOKIE]
    assert account_of(context.engine, token) is not None
    held = b"".join(path.read_bytes() for path in tmp_path.glob("specs.sqlite3*"))
    assert ADA["sub"].encode() in held
    for hidden in (token, *hub.tokens, SECRET, "Team-A"):
        assert hidden.encode() not in held
