"""What to rate next, as HTML: why each caption is there, and what a draw does."""

import math

from annotations.drawing import Draw, Drawn, Ranking
from annotations.next_pool import NextItem
from app.views.analysis_next import drawn_view, next_view, question_view

HOSTILE = "</p><script>alert(1)</script>"


def item(**changes: object) -> NextItem:
    values: dict[str, object] = {
        "item_id": "i" * 32,
        "image_id": "p" * 32,
        "caption": "A heron.",
        "source": "",
        "score": 0.7124,
        "rating": 2.5,
        "n_ratings": 2,
        "done": 2,
        "overlap": 3,
        "gain": 6e-5,
        "gap": 0.4,
        "weight": 1.0,
        "waiting": False,
    }
    return NextItem(**{**values, **changes})  # type: ignore[arg-type]


def ranking(*items: NextItem, **changes: object) -> Ranking:
    values: dict[str, object] = {
        "campaign_id": "c" * 32,
        "campaign": "study",
        "by": "gain",
        "metric": "specs",
        "question": "overall",
        "model": "m",
        "model_sha256": "a" * 64,
        "items": items,
        "n_items": 40,
        "n_rated": 12,
        "n_scored": 38,
        "n_waiting": 3,
        "pearson_r": 0.5,
        "rating_variance": 0.3,
        "mean_gain": 2e-5,
        "note": "",
    }
    return Ranking(**{**values, **changes})  # type: ignore[arg-type]


def test_list_when_shown_says_why_each_caption_is_there_and_links_to_it() -> None:
    shown = next_view(
        ranking(item(), item(n_ratings=0, rating=math.nan, gain=2e-5, weight=4.25, waiting=True))
    )
    assert "one more rating brings 3.0 × the average" in shown
    assert "a first rating brings 1.0 × the average" in shown
    assert "people 2.50 (2 of 3 ratings)" in shown
    assert "takes 3 ratings, has none" in shown
    assert "weight 4.25" in shown
    assert "drawn, waits" in shown
    assert f'href="/?item={"i" * 32}"' in shown
    assert f'src="/pictures/{"p" * 32}/thumbnail"' in shown
    assert "40 captions of “study”: 12 rated, 38 with a score of SPECS, 3 drawn and waiting." in shown
    assert "gap" not in shown


def test_list_when_ordered_by_gap_says_how_far_apart_the_two_are() -> None:
    shown = next_view(ranking(item(), item(gap=math.nan, n_ratings=0, rating=math.nan), by="gap"))
    assert "40 % of the list apart" in shown
    assert "not rated, so nobody disagrees yet" in shown


def test_what_is_not_known_when_shown_is_said_and_never_nan() -> None:
    told = ranking(
        item(gain=math.nan, score=math.nan),
        pearson_r=math.nan,
        mean_gain=math.nan,
        note="needs at least 3 rated items with a score; there are 0",
    )
    shown = next_view(told)
    assert "no score, so no gain is known" in shown
    assert "Needs at least 3 rated items with a score; there are 0." in shown
    assert "a draw gives all the same chance" in shown
    assert "nan" not in shown


def test_a_campaign_without_captions_when_shown_says_what_to_do() -> None:
    assert "Import some on Admin" in next_view(ranking(n_items=0))


def test_captions_without_scores_when_shown_say_how_they_come_by_them() -> None:
    shown = next_view(ranking(item(), n_scored=0, pearson_r=math.nan, note="no caption has a score"))
    # `specs score` writes a file and stores nothing.
    assert "python -m app.score_items" in shown
    assert "specs score)" not in shown


def test_captions_and_names_when_hostile_are_text() -> None:
    shown = next_view(ranking(item(caption=HOSTILE, item_id='"><b>'), campaign=HOSTILE, metric=HOSTILE))
    shown += question_view(3, HOSTILE, "gain")
    assert "<script>" not in shown
    assert "<b>" not in shown.replace("<b tabindex", "").replace('<b class="an-waits">', "")
    assert shown.count("&lt;script&gt;") == 5


def test_a_long_caption_when_shown_is_only_its_beginning() -> None:
    shown = next_view(ranking(item(caption="word " * 100)))
    assert "…" in shown
    assert shown.count("word") < 40


def test_a_draw_when_asked_for_and_when_done_says_what_it_does() -> None:
    asked = question_view(20, "study", "gap")
    assert "Draw 20 captions of “study” by lot" in asked
    assert "cannot be taken back" in asked
    one = Drawn("i", "A heron.", 0.2, 5.0, True, 3, False)
    again = Drawn("j", "A kite.", 0.5, 1.0, False, 4, True)
    done = Draw("c", "study", "gain", "specs", "overall", "a" * 64, 9, (one, again), 30, 20, 0.0, "")
    shown = drawn_view(done)
    assert "Drew 2 of 30 captions (seed 9)" in shown
    assert "1 nobody had rated; the heaviest of them stands for 5.0 captions." in shown
    assert "1 had all their raters and take one more." in shown
