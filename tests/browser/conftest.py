"""The real app in a real Chromium: one server and one browser for all tests, a fresh page for each."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from sqlalchemy import Engine, update

from annotations.campaigns import create_campaign
from annotations.engine import open_database
from annotations.images import add_image
from annotations.invites import invite
from annotations.items import add_battle, add_item
from annotations.questions import CRITERIA, Question
from annotations.schema import items
from app.pictures import PictureStore
from specs_core.checkpoints import local_path, resolve

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 400  # for a busy machine; about 8 on an idle one
STEP_MILLISECONDS = 180_000  # for a busy machine; on an idle one the first score takes some seconds
# Gradio logs an error where a page has gone before the stream of its events is opened.
_LEFT_EARLY = re.compile(
    r"^ERROR: +Exception in ASGI application\n(?:(?!^[A-Z]+:? ).*\n)*?"
    r".*in sse_stream\n(?:(?!^[A-Z]+:? ).*\n)*?fastapi\.exceptions\.HTTPException: 404: Not Found\n"
    r"(?:(?!^[A-Z]+:? ).*\n)*",
    re.MULTILINE,
)
OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that none can be forgotten."""
    for item in items:
        if Path(item.path).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of an installed Chromium."""
    named = os.environ.get("SPECS_CHROMIUM")
    for candidate in [named] if named else ["chromium", "chromium-browser", "google-chrome"]:
        path = shutil.which(candidate)
        if path:
            return path
    pytest.skip("Chromium is not installed (set SPECS_CHROMIUM to name its program)")


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which the running app keeps its images and its database."""
    return tmp_path_factory.mktemp("server") / "data"


@pytest.fixture(scope="session")
def server(tiny_checkpoint: Path, data_folder: Path) -> Iterator[str]:
    """Address of the running app, with a tiny random model and an empty database."""
    with _running_app(data_folder.parent, {"SPECS_MODEL": str(tiny_checkpoint)}) as url:
        yield url


@pytest.fixture(scope="session")
def server_with_bundled_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the running app as it comes, with the bundled model and an empty database."""
    if local_path(resolve("scenes")) is None:
        pytest.skip("the bundled model is not here")
    with _running_app(tmp_path_factory.mktemp("bundled"), {}) as url:
        yield url


@pytest.fixture(scope="session")
def start_app() -> Callable[..., AbstractContextManager[str]]:
    """Start the app with settings of a test's own, as in `with start_app(folder, {...}) as url`."""
    return _running_app


@contextmanager
def _running_app(folder: Path, settings: dict[str, str]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = settings.get("SPECS_PORT") or probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPECS_")} | {
        "SPECS_PORT": str(port),
        "SPECS_DATA": str(folder / "data"),
        "SPECS_OPEN_BROWSER": "false",
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        # Nothing may be asked of the outside, so a download must fail at once and not after retries.
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": str(folder / "hub"),
        "OMP_NUM_THREADS": "1",
        # A test says itself what is scored; the process that does so beside the app has tests of its own.
        "SPECS_BACKGROUND_SCORES": "false",
        # All raters of the tests come from one address.
        "SPECS_SIGN_INS_PER_MINUTE": "10000",
        **settings,
    }
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=REPOSITORY,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_healthy(url, process, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
    text = _LEFT_EARLY.sub("", log.read_text(errors="replace"))
    assert "Traceback" not in text, f"the server logged a traceback:\n{text[-4000:]}"


def _wait_until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the app stopped while it started:\n{log.read_text(errors='replace')[-4000:]}")
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"the app was not up after {START_SECONDS} s:\n{log.read_text(errors='replace')[-4000:]}")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """The browser."""
    expect.set_options(timeout=STEP_MILLISECONDS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Browser, server: str) -> Iterator[OpenPage]:
    """Open the app, as in `open_page(theme="dark", width=390)`; no page may fail or look outside."""
    with _pages(browser, server) as open_it:
        yield open_it


@pytest.fixture
def open_bundled_page(browser: Browser, server_with_bundled_model: str) -> Iterator[OpenPage]:
    """Open the app with the bundled model, as `open_page` does with the tiny one."""
    with _pages(browser, server_with_bundled_model) as open_it:
        yield open_it


@pytest.fixture
def open_rate(browser: Browser, server: str) -> Iterator[OpenPage]:
    """Open the app for what is on the Rate page, without waiting for Inspect's curve."""
    with _pages(browser, server, waits=False) as open_it:
        yield open_it


@contextmanager
def _pages(browser: Browser, server: str, *, waits: bool = True) -> Iterator[OpenPage]:
    pages: list[Page] = []
    faults: list[str] = []

    def only_local(route: Route) -> None:
        url = route.request.url
        if url.startswith((f"{server}/", "data:", "blob:")):
            route.continue_()
        else:
            faults.append(f"outside request: {url}")
            route.abort()

    def open_it(*, theme: str = "light", width: int = 1280, height: int = 900, touch: bool = False) -> Page:
        page = browser.new_context(
            base_url=server,
            viewport={"width": width, "height": height},
            accept_downloads=True,
            has_touch=touch,
            is_mobile=touch,
        ).new_page()
        pages.append(page)
        page.set_default_timeout(STEP_MILLISECONDS)
        page.route("**/*", only_local)
        page.on("pageerror", lambda error: faults.append(f"page error: {error}"))
        page.goto(f"{server}/?__theme={theme}")
        if waits:
            expect(page.locator("#headline .lens-headline")).to_be_visible()
            expect(page.locator("#curve .main-svg").first).to_be_visible()
        return page

    yield open_it
    for page in pages:
        page.context.close()
    assert faults == []


@pytest.fixture
def open_scored(open_page: OpenPage, drawn_image: Path) -> OpenPage:
    """Open the app and score a caption, as in `open_scored(CAPTION, width=390)`, evidence and all."""

    def open_it(caption: str, **options: object) -> Page:
        page = open_page(**options)
        page.locator("#image input[type=file]").set_input_files(drawn_image)
        expect(page.locator("#image img")).to_be_visible()
        page.locator("#caption textarea").fill(caption)
        page.locator("#score-button").click()
        expect(page.locator("#units .lens-u").first).to_be_visible()
        expect(page.locator("#f-clip-score")).to_be_visible()
        expect(page.locator("#evidence-step")).to_have_text("")
        return page

    return open_it


@pytest.fixture(scope="session")
def rate(server: str, data_folder: Path) -> "RatePage":
    """The Rate page of the running app: people, items, and the steps that tests take on it."""
    return RatePage.of(data_folder)


@dataclass
class RatePage:
    """The ratings of a running app, to put items in and to see what was stored, and the steps of a rater.

    Attributes:
        engine: Its database.
        images: Its folder of images.
        codes: The codes that were handed out, by name.
    """

    engine: Engine
    images: Path
    codes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Path) -> "RatePage":
        """Open the ratings in a folder that an app runs on."""
        return cls(open_database(f"sqlite:///{data / 'specs.sqlite3'}"), data / "images")

    def code(self, name: str, role: str | None = None) -> str:
        """Return a code with which somebody can sign in, in a role where one is given."""
        if name not in self.codes or role is not None:
            self.codes[name] = invite(self.engine, name, role=role)
        return self.codes[name]

    def be(self, page: Page, role: str, name: str = "") -> str:
        """Sign a page in as somebody in a role, past the Rate page, and return the name."""
        name = name or f"{role}-{secrets.token_hex(4)}"
        reply = page.request.post("/session", data={"code": self.code(name, role)})
        assert reply.ok, reply.text()
        return name

    def image(self) -> str:
        """Store an image and return its id."""
        sha256 = secrets.token_hex(32)
        image_id = add_image(self.engine, sha256=sha256, filename="noise.png", width=96, height=64)
        PictureStore(self.images).save(image_id, Image.effect_noise((96, 64), 60).convert("RGB"))
        return image_id

    def item(self, campaign: str | None, caption: str, *, image: str | None = None) -> str:
        """Put a caption of two units into a campaign, into Inspect's where None, and return its id."""
        half = caption.index(" ", len(caption) // 2) + 1
        return add_item(
            self.engine,
            image_id=image or self.image(),
            caption=caption,
            units=[(caption[:half], 0, half), (caption[half:], half, len(caption))],
            segmenter_version="halves-1",
            overlap=50,
            **({"campaign_id": campaign} if campaign else {}),
        )

    def battle(self, campaign: str, first: str, second: str) -> str:
        """Set two captions of a new image against each other, and return the battle's id."""
        image = self.image()
        one, other = (self.item(campaign, caption, image=image) for caption in (first, second))
        with self.engine.begin() as connection:
            # Only the battle waits, not its captions by themselves.
            connection.execute(update(items).where(items.c.id.in_((one, other))).values(done=50))
        return add_battle(self.engine, one, other, overlap=50)

    def training(self, campaign: str, caption: str, gold: dict[str, object]) -> str:
        """Put a caption to learn on into a campaign, with what is expected of it, and return its id."""
        item = self.item(campaign, caption)
        with self.engine.begin() as connection:
            values = {"role": "training", "gold": json.dumps(gold)}
            connection.execute(update(items).where(items.c.id == item).values(values))
        return item

    def campaign(
        self,
        *,
        captions: int = 1,
        questions: Sequence[Question] = CRITERIA["correctness"],
        **settings: object,
    ) -> str:
        """Make a campaign with some captions in it and return its id."""
        name = f"Campaign {secrets.token_hex(3)}"
        made = create_campaign(self.engine, name, questions=questions, **settings)
        for number in range(captions):
            self.item(made, f"A noisy picture, number {number + 1}, with grey dots everywhere in it.")
        return made

    def begin(self, page: Page, campaign: str | None = None, rater: str | None = None) -> str:
        """Sign in on the Rate page, read the instructions, and return the rater's name."""
        rater = rater or f"r-{secrets.token_hex(4)}"
        if campaign:
            page.evaluate("id => localStorage.setItem('specs-lens-campaign', JSON.stringify(id))", campaign)
        page.get_by_role("tab", name="Rate").click()
        self.sign_in(page, rater)
        page.locator("#rate-help-done").click()
        expect(page.locator("#rate-help")).to_have_count(0)
        return rater

    def sign_in(self, page: Page, rater: str) -> None:
        """Type somebody's code, on the page or in the dialog over it."""
        page.locator("#rate-code").fill(self.code(rater))
        page.locator("#rate-sign-in").click()

    @staticmethod
    def fill_in(page: Page, overall: int = 3) -> int:
        """Answer everything by keyboard, the first unit as hallucinated, and return the number of units."""
        expect(page.locator("#rate-units")).to_be_visible()
        units = page.locator("#rate-units [data-row]").count()
        page.locator("#rate-units [data-row] p").first.click()
        for number in range(units):
            page.keyboard.press("s" if number else "h")
        for digit in (2, 4, overall):
            page.keyboard.press(str(digit))
        expect(page.locator("#rate-count")).to_have_text(f"{units + 3} of {units + 3}")
        return units

    @staticmethod
    def verdicts(page: Page) -> list[str]:
        """Return the verdicts that are chosen; units that are open are left out."""
        chosen = page.locator("#rate-units input:checked")
        answers: list[str] = chosen.evaluate_all("all => all.map(input => input.dataset.answer)")
        return answers

    @staticmethod
    def wait_for_draft(page: Page) -> None:
        """Wait until the server has said that the draft is saved."""
        expect(page.locator("#rate-status")).to_have_text(re.compile("^draft saved"))
