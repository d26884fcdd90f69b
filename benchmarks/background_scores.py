"""Measure whether scoring in the background slows raters down: saves without and with it, in turns.

Run: python benchmarks/background_scores.py [--raters 20] [--think 0.5] [--seconds 15] [--rounds 3]
"""

import argparse
import logging
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from annotations.assignment import next_item
from annotations.campaigns import create_campaign
from annotations.images import add_image
from annotations.items import add_item
from annotations.score_queue import NewScore, save_many_scores
from annotations.store import NewRating, save_rating
from app.background_scores import BackgroundScores, default_weights, scoring_status
from app.context import AppContext, open_context
from app.settings import Settings
from app.stored_scores import METRIC
from specs_core.scenes.dataset import make_scene
from specs_core.scenes.drawing import draw_scene

UNITS = 15
IMAGES = 40


def fill(context: AppContext, *, waiting: int, rated: int, raters: int) -> str:
    """Add captions of drawn scenes that wait for a score, and items with a score for the raters.

    Returns:
        Id of the raters' campaign.
    """
    engine = context.engine
    scenes = [make_scene(1, index) for index in range(IMAGES)]
    drawn = []
    for number, (scene, _, _) in enumerate(scenes):
        drawn.append(add_image(engine, sha256=f"{number:064x}", filename="a.png", width=384, height=384))
        context.pictures.save(drawn[-1], draw_scene(scene))
    for number in range(waiting):
        caption = f"{scenes[number % IMAGES][1]} It is drawing number {number}."
        add_item(engine, image_id=drawn[number % IMAGES], caption=caption, units=None, overlap=1)
    campaign_id = create_campaign(engine, "raters")
    text = "A small red car is parked here."
    spans = [(text, number * len(text), (number + 1) * len(text)) for number in range(UNITS)]
    scored = [
        add_item(
            engine,
            image_id=add_image(engine, sha256=f"{IMAGES + number:064x}", filename="a.png", width=8, height=8),
            caption=text * UNITS,
            units=spans,
            segmenter_version="benchmark",
            campaign_id=campaign_id,
            overlap=raters,
        )
        for number in range(rated)
    ]
    sha256 = default_weights(context.settings)
    assert sha256 is not None
    save_many_scores(
        engine,
        [NewScore(item_id, "benchmark", 0.5) for item_id in scored],
        metric=METRIC,
        model="scenes",
        model_sha256=sha256,
    )
    return campaign_id


def rate(
    context: AppContext, campaign_id: str, *, raters: int, think: float, seconds: float, turn: int
) -> list[float]:
    """Let raters claim and rate items, with a pause before each; return the seconds that each save took."""
    saves: list[float] = []
    end = time.perf_counter() + seconds

    def work(rater: str) -> None:
        rng = np.random.default_rng(sum(rater.encode()))
        number = 0
        while time.perf_counter() < end:
            time.sleep(rng.uniform(0.5, 1.5) * think)
            assignment = next_item(context.engine, rater, campaign_id=campaign_id)
            if assignment is None:
                raise RuntimeError(f"{rater} has rated everything; give fewer rounds or a longer pause")
            form = NewRating(
                item_id=assignment.item_id,
                rater=rater,
                answers={"correctness": 3, "thoroughness": 3, "overall": 3},
                verdicts=("supported",) * UNITS,
                nonce=f"{rater}-{turn}-{number}",
                guideline_version="1",
                application_version="benchmark",
            )
            start = time.perf_counter()
            save_rating(context.engine, form)
            saves.append(time.perf_counter() - start)
            number += 1

    threads = [threading.Thread(target=work, args=(f"rater {number}",)) for number in range(raters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return saves


def main() -> None:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raters", type=int, default=20)
    parser.add_argument("--think", type=float, default=0.5, help="mean pause of a rater, in seconds")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=3, help="a turn without and one with the scoring each")
    parser.add_argument("--waiting", type=int, default=4000, help="captions without a score")
    options = parser.parse_args()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    rated = int(options.rounds * 2 * options.seconds / options.think * 2) + 10
    quiet: list[float] = []
    busy: list[float] = []
    scored, scoring_seconds = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        context = open_context(Settings(data=Path(folder), backup_minutes=0))
        campaign_id = fill(context, waiting=options.waiting, rated=rated, raters=options.raters)
        values = {"raters": options.raters, "think": options.think, "seconds": options.seconds}
        for number in range(options.rounds):
            quiet += rate(context, campaign_id, **values, turn=2 * number)
            before = scoring_status(context).scored
            with BackgroundScores(context, poll_seconds=1, first_look_seconds=0):
                while (start := scoring_status(context)).scored == before:
                    time.sleep(0.2)
                began = time.perf_counter()
                busy += rate(context, campaign_id, **values, turn=2 * number + 1)
                now = scoring_status(context)
                scored += now.scored - start.scored
                scoring_seconds += time.perf_counter() - began
            if now.waiting == 0:
                raise RuntimeError("everything is scored, so the second half was quiet; give --waiting more")
        context.engine.dispose()
    for name, saves in (("without", quiet), ("with", busy)):
        median, late = np.quantile(np.array(saves) * 1000, [0.5, 0.95])
        print(f"{name} scoring: {len(saves)} saves, median {median:.1f} ms, p95 {late:.1f} ms")
    ratios = np.quantile(busy, [0.5, 0.95]) / np.quantile(quiet, [0.5, 0.95])
    print(f"with / without: median {ratios[0]:.2f}, p95 {ratios[1]:.2f}")
    print(f"scored meanwhile: {scored / scoring_seconds:.1f} captions/s")


if __name__ == "__main__":
    main()
