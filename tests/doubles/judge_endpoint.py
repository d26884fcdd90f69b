"""A server on loopback that speaks the chat protocol, for the tests of the judge."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """What the server sends."""

    status: int = 200
    body: bytes | dict[str, Any] = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass
class Asked:
    """What a client sent."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        (message,) = self.body["messages"]
        return message["content"][-1]["text"]


def completion(
    text: str | None,
    *,
    refusal: str | None = None,
    finish: str = "stop",
    tokens: list[tuple[str, dict[str, float]]] | None = None,
    usage: tuple[int, int] | None = (100, 10),
) -> Answer:
    """An answer of the protocol; `tokens` holds probabilities."""
    listed = [
        {
            "token": token,
            "logprob": math.log(others.get(token, 1.0)),
            "bytes": None,
            "top_logprobs": [
                {"token": other, "logprob": math.log(share), "bytes": None} for other, share in others.items()
            ],
        }
        for token, others in tokens or []
    ]
    body: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, "refusal": refusal},
                "logprobs": {"content": listed} if tokens else None,
            }
        ],
    }
    if usage is not None:
        prompt, done = usage
        body["usage"] = {"prompt_tokens": prompt, "completion_tokens": done, "total_tokens": prompt + done}
    return Answer(body=body)


def problem(status: int, message: str, *, code: str | None = None, **headers: str) -> Answer:
    return Answer(
        status,
        {"error": {"message": message, "type": "e", "code": code, "param": None}},
        {name.replace("_", "-"): value for name, value in headers.items()},
    )


class Endpoint:
    """The running server: its address, what it was asked, and what it answers."""

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.asked: list[Asked] = []
        self.answer = answer
        self._lock = threading.Lock()
        self._stop = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                with endpoint._lock:
                    endpoint.asked.append(asked)
                    answer = endpoint.answer(asked)
                if answer.delay:
                    endpoint._stop.wait(answer.delay)
                data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                try:
                    self.send_response(answer.status)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(data)))
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)
                except (BrokenPipeError, ConnectionResetError):  # the client waits no longer
                    pass

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def serving(*answers: Answer | Callable[[Asked], Answer]) -> Iterator[Endpoint]:
    """Serve answers in order, the last one for ever after; one that is a function is asked each time."""
    waiting = list(answers)

    def answer(asked: Asked) -> Answer:
        each = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return each if isinstance(each, Answer) else each(asked)

    endpoint = Endpoint(answer)
    try:
        yield endpoint
    finally:
        endpoint.close()
