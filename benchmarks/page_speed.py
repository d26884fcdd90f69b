"""Time the Inspect page in a real Chromium: from the click to the curve that is drawn.

The app runs as it comes, with a ViT-B/32 of 248 positions and random weights (time does not depend on them).
It scores a caption of 230 tokens and 25 units:

    score     a caption that was not scored before: from Score to its curve
    what_if   a unit switched off: from the click to the new curve over the old one; units spread evenly over
              the caption, for what stands before an edit is not encoded again
    heat_map  from the choice of a unit to its heat map over the image

    python benchmarks/page_speed.py [--rounds 7] [--threads 2] [--json]
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import open_clip
from one_pass import build_encoder, build_units, read_options, show
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from safetensors.torch import save_file

SCORE_LIMIT, WHAT_IF_LIMIT = 1.0, 0.3  # seconds
REPOSITORY = Path(__file__).resolve().parents[1]
# Acts, then waits until what `read` gives is another and has been painted: milliseconds.
TIMED = """
([act, read]) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error(`nothing changed: ${read}`)), 60000);
  const seen = new Function(`return ${read}`);
  const before = seen(), begun = performance.now();
  new Function(act)();
  const look = () => {
    const now = seen();
    if (now && now !== before) requestAnimationFrame(() => resolve(performance.now() - begun));
    else requestAnimationFrame(look);
  };
  look();
})
"""
LINE = (
    "document.querySelector('#curve .scatterlayer .js-line')?.getAttribute('d') + "
    "document.querySelector('#headline .lens-big').textContent"
)
HEAT = "document.getElementById('image').style.getPropertyValue('--heat')"


def write_model(folder: Path) -> tuple[Path, list[str]]:
    """Write the random model as a checkpoint; return its file and the texts of the units."""
    encoder = build_encoder()
    config = open_clip.get_model_config("ViT-B-32-quickgelu")
    config["text_cfg"]["context_length"] = 248
    path = folder / "random.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in encoder.model.state_dict().items()}, path)
    path.with_suffix(".json").write_text(json.dumps({"open_clip_config": config}))
    return path, [unit.text for unit in build_units(encoder)]


@contextmanager
def running_app(folder: Path, model: Path, threads: int) -> Iterator[str]:
    """Start the app on loopback; end it by its own id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "SPECS_PORT": str(port),
        "SPECS_DATA": str(folder / "data"),
        "SPECS_MODEL": str(model),
        "SPECS_OPEN_BROWSER": "false",
        "OMP_NUM_THREADS": str(threads),
    }
    process = subprocess.Popen([sys.executable, "-m", "app"], cwd=REPOSITORY, env=environment)
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                    break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def measure(page: Page, texts: list[str], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each round."""
    seconds: dict[str, list[float]] = {"score": [], "what_if": [], "heat_map": []}

    def timed(name: str, act: str, read: str) -> None:
        seconds[name].append(page.evaluate(TIMED, [act, read]) / 1000)

    def press(selector: str) -> str:
        return f"document.querySelector({json.dumps(selector)}).click()"

    def settled() -> None:
        page.wait_for_function(
            "document.getElementById('evidence-step')?.textContent === ''", timeout=120_000
        )

    for turn in range(-1, rounds):  # the first one warms up
        # Other words first, so that nothing is known of the caption.
        page.locator("#caption textarea").fill(f"{'very ' * (turn + 1)}{''.join(texts)}".strip())
        timed("score", press("#score-button"), LINE)
        settled()
        units = page.locator("#units .lens-u").count()
        chosen = (max(turn, 0) * 2 + 1) * units // (2 * rounds)
        page.locator(f"#units .lens-u >> nth={chosen}").click()
        timed("what_if", press("#unit-toggle"), LINE)
        page.wait_for_timeout(500)
        page.locator("#what-if-reset").click()
        page.wait_for_selector("#score-before", state="detached")
        page.locator("#heat-toggle").click()
        page.wait_for_function(f"{HEAT}.startsWith('url')")
        other = (chosen + units // 2) % units
        timed("heat_map", press(f"#units-table tr[data-unit='{other}']"), f"{HEAT}.replace('none', '')")
        page.locator("#heat-toggle").click()
        if turn < 0:
            for values in seconds.values():
                values.clear()
    return seconds


def main() -> int:
    """Print the figures; return 1 where a median is over its limit."""
    args = read_options(__doc__)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, texts = write_model(folder)
        image = folder / "image.png"
        Image.effect_noise((400, 300), 90).convert("RGB").save(image)
        with running_app(folder, model, args.threads) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(120_000)
            page.goto(url)
            page.locator("#image input[type=file]").set_input_files(image)
            page.wait_for_selector("#image img")
            seconds = measure(page, texts, args.rounds)
            browser.close()
    found: dict[str, float | int | str] = {"rounds": args.rounds, "threads": args.threads}
    for way, values in seconds.items():
        found[f"{way}_s"] = statistics.median(values)
        found[f"{way}_slowest_s"] = max(values)
    show(found, as_json=args.json)
    return 0 if float(found["score_s"]) <= SCORE_LIMIT and float(found["what_if_s"]) <= WHAT_IF_LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
