"""What battles say, as the page shows it."""

import html
import math
import re
from dataclasses import replace

import numpy as np

from annotations.analysis.battles import battle_part
from annotations.analysis.table import BattleTable
from app.views.analysis_battles import battles_line, battles_view

EVIL = "<img src=x onerror=alert(1)>"


def battles(n: int = 60, *, name: str = "strong") -> BattleTable:
    """Battles that the first system wins five times in six, and a metric that says the same."""
    winners = tuple("b" if number % 6 == 0 else "a" for number in range(n))
    return BattleTable(
        image=tuple(f"i{number}" for number in range(n)),
        first=tuple(f"f{number}" for number in range(n)),
        second=tuple(f"s{number}" for number in range(n)),
        first_system=(name,) * n,
        second_system=("weak",) * n,
        winner=winners,
        both_poor=tuple(number % 10 == 0 for number in range(n)),
        rater=tuple(f"r{number % 3}" for number in range(n)),
        first_scores={"specs": np.array([1.0 if one == "a" else 0.0 for one in winners])},
        second_scores={"specs": np.full(n, 0.5)},
    )


def test_part_without_battles_is_one_line_that_says_what_to_do() -> None:
    part = battle_part(battles(0), n_resamples=20)

    assert "import battles" in battles_line(part)
    assert battles_line(battle_part(battles(), n_resamples=20)) == ""


def test_part_counts_the_answers_that_the_choice_leaves_out_beside_its_n() -> None:
    left_out = {"captions of other systems": 1200, "ratings before 2026-03-16": 1}
    shown = html.unescape(battles_view(battle_part(replace(battles(), left_out=left_out), n_resamples=20)))
    told = "1,201 answers are left out: captions of other systems 1,200, ratings before 2026-03-16 1."

    assert f"10 %</b>. {told}</p>" in shown
    assert "left out:" not in battles_view(battle_part(battles(), n_resamples=20))
    nothing = battle_part(replace(battles(0), left_out=left_out), n_resamples=20)
    assert f"No battle is left. {told} Widen a filter" in html.unescape(battles_line(nothing))


def test_part_shows_strengths_accuracy_and_what_they_rest_on() -> None:
    part = battle_part(battles(), n_resamples=60)

    shown = html.unescape(battles_view(part))

    assert "60 answers of 3 raters on 60 pairs of captions of 60 images; 0 ties" in shown
    assert ">10 %</b>" in shown
    rows = re.findall(r'<th scope="row">(\w+)</th>', shown)
    assert rows == ["strong", "weak", "SPECS"]
    assert "60 battles: 50 won, 10 lost, 0 tied" in shown
    assert "n = 60 battles with a winner" in shown
    assert ">1.00</b>" in shown


def test_part_that_is_not_defined_says_why_and_never_nan() -> None:
    shown = battles_view(battle_part(battles(), n_resamples=0))

    assert "nan" not in re.sub(r'class="[^"]*"', "", shown).lower().replace("an-n", "")
    # Two systems have no correlation between systems.
    assert "needs at least 3 systems" in shown
    assert math.isnan(battle_part(battles(), n_resamples=0).rows[0].kendall_tau_b.value)


def test_system_with_markup_in_its_name_is_text() -> None:
    shown = battles_view(battle_part(battles(name=EVIL), n_resamples=20))

    assert EVIL not in shown
    assert html.escape(EVIL) in shown
