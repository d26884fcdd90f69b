"""A choice on the Analyse page ends what an earlier choice of the same page is still working out."""

import pytest

from annotations.stopping import Stopped, end_if_over
from app.kept import Kept
from app.pages.analyse_turn import Turn


def test_next_choice_of_a_page_ends_the_work_for_the_one_before() -> None:
    page, another = Turn(), Turn()
    mine = page.begin()
    with page.kept_to(mine):
        end_if_over()
        another.begin()
        end_if_over()
        page.begin()
        with pytest.raises(Stopped):
            end_if_over()


def test_what_was_ended_is_not_kept_and_worked_out_for_the_next_one() -> None:
    page, kept = Turn(), Kept(2)

    def work() -> str:
        end_if_over()
        return "done"

    mine = page.begin()
    page.begin()
    with page.kept_to(mine), pytest.raises(Stopped):
        kept.once("key", work)
    with page.kept_to(page.number):
        assert kept.once("key", work) == "done"
