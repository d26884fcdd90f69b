"""The limit on what one client may send: buckets with a clock of the test's own, and the middleware."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.rate_limit import COUNTED, RateLimit, RequestLimit, client_key


class Clock:
    """Seconds that pass only when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_take_beyond_the_bucket_refuses_and_says_how_long_to_wait() -> None:
    clock = Clock()
    limit = RateLimit(6, clock=clock)
    assert [limit.take("a") for _ in range(8)] == [0, 0, 0, 0, 0, 0, 10, 10]
    clock.now += 4
    assert limit.take("a") == 6
    clock.now += 6
    assert [limit.take("a"), limit.take("a")] == [0, 10]


@pytest.mark.parametrize("per_minute", [1, 7, 13, 30, 59, 600])
def test_take_after_the_named_seconds_is_allowed(per_minute: int) -> None:
    clock = Clock()
    limit = RateLimit(per_minute, clock=clock)
    for _ in range(per_minute):
        assert limit.take("a") == 0
    for _ in range(20):
        clock.now += limit.take("a")
        assert limit.take("a") == 0
        while limit.take("a") == 0:  # the rest of what came in those whole seconds
            pass


def test_take_for_one_client_leaves_another_client_alone() -> None:
    limit = RateLimit(1, clock=Clock())
    assert [limit.take("a"), limit.take("a") > 0, limit.take("b")] == [0, True, 0]


def test_take_over_a_long_time_allows_no_more_than_the_limit() -> None:
    clock = Clock()
    limit = RateLimit(30, clock=clock)
    allowed = 0
    for _ in range(6000):  # ten minutes
        allowed += limit.take("a") == 0
        clock.now += 0.1
    assert 300 + 28 <= allowed <= 300 + 30


def test_buckets_when_full_again_are_forgotten() -> None:
    clock = Clock()
    limit = RateLimit(5, clock=clock)
    for number in range(100):
        limit.take(str(number))
    assert len(limit) == 100
    clock.now += 60
    limit.take("late")
    assert len(limit) == 1


def test_buckets_of_very_many_clients_stay_within_the_bound() -> None:
    limit = RateLimit(1, clock=Clock(), max_clients=10)
    for number in range(1000):
        limit.take(str(number))
    assert len(limit) == 10
    assert limit.take("999") > 0, "the clients seen last are still known"


@pytest.mark.parametrize("numbers", [(0, 10), (-1, 10), (1, 0)])
def test_rate_limit_without_requests_or_clients_is_refused(numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"{numbers[0]}, {numbers[1]}"):
        RateLimit(numbers[0], max_clients=numbers[1])


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        (None, ""),
    ],
)
def test_client_key_of_an_address_names_who_holds_it(address: str | None, key: str) -> None:
    assert client_key(address) == key


# ---------------------------------------------------------------- the middleware


def client(*, api: int | None = 2, events: int = 4) -> TestClient:
    async def answer(request: Request) -> JSONResponse:
        return JSONResponse({"counted": request.scope.get(COUNTED, False)})

    inner = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    limited = RequestLimit(
        inner,
        api=None if api is None else RateLimit(api, clock=Clock()),
        names=("segment", "curve"),
        events=RateLimit(events, clock=Clock()),
        sign_ins=RateLimit(10, clock=Clock()),
    )
    return TestClient(limited, base_url="http://127.0.0.1:7860")


def test_calls_by_name_beyond_the_limit_are_refused_with_the_seconds_to_wait() -> None:
    limited = client()
    paths = ["/gradio_api/call/segment", "/gradio_api/call/v2/curve/"]
    assert [limited.post(path).json() for path in paths] == [{"counted": True}] * 2
    refused = limited.post(paths[0], headers={"x-forwarded-for": "192.0.2.1"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
    assert refused.json()["detail"] == "Too many requests from this address; try again in 30 seconds."
    # The page's own events have a limit of their own, and reading has none.
    assert limited.post("/gradio_api/queue/join").json() == {"counted": False}
    assert limited.get("/gradio_api/call/segment/0123").status_code == 200


@pytest.mark.parametrize("path", ["call/score", "call/v2/score", "call/score/", "call/"])
def test_calls_of_other_names_are_not_found(path: str) -> None:
    answer = client().post(f"/gradio_api/{path}")
    assert answer.status_code == 404
    assert "there are segment, curve" in answer.json()["detail"]


def test_calls_when_the_api_is_off_are_not_found() -> None:
    limited = client(api=None)
    answer = limited.post("/gradio_api/call/segment")
    assert (answer.status_code, answer.json()["detail"]) == (404, "The API of this server is turned off.")
    assert limited.post("/gradio_api/queue/join").status_code == 200


def test_events_beyond_their_wider_limit_are_refused() -> None:
    limited = client()
    paths = ["queue/join", "upload", "run/predict", "component_server", "queue/join"]
    answers = [limited.post(f"/gradio_api/{path}").status_code for path in paths]
    assert answers == [200, 200, 200, 200, 429]
    assert limited.post("/gradio_api/call/segment").status_code == 200
    assert limited.get("/config").status_code == 200
