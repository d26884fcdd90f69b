"""Who rates what next: the cap under threads, leases, resuming, and blindness."""

import threading
from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from annotations.assignment import (
    Assignment,
    Progress,
    claim_item,
    next_item,
    progress,
    release,
)
from annotations.drafts import load_draft, save_draft
from annotations.engine import open_database, reading
from annotations.errors import AnnotationError, InvalidRecordError, ItemFullError, UnknownRecordError
from annotations.schema import assignments, drafts, raters
from annotations.store import save_rating, withdraw_rating

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=30)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def in_threads(work, arguments) -> None:
    """Run the work once for each argument, all at the same moment; an error in one is an error here."""
    errors, gate = [], threading.Barrier(len(arguments))

    def run(argument) -> None:
        gate.wait()
        try:
            work(argument)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=run, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


def places(engine) -> Counter[str]:
    with reading(engine) as connection:
        return Counter(connection.scalars(select(assignments.c.item_id)))


def test_claims_by_eight_threads_never_exceed_the_overlap(engine, make_item, make_rating):
    items = [make_item(overlap=2) for _ in range(20)]

    def rate_25(rater: str) -> None:
        for _ in range(25):
            assignment = next_item(engine, rater)
            if assignment is None:
                return
            save_rating(engine, make_rating(assignment.item_id, rater))

    in_threads(rate_25, [f"rater {number}" for number in range(8)])
    assert places(engine) == Counter(dict.fromkeys(items, 2))


def test_claims_of_one_item_at_the_same_moment_fill_it_exactly(engine, make_item):
    item_id, full = make_item(overlap=3), []

    def claim(rater: str) -> None:
        try:
            claim_item(engine, rater, item_id)
        except ItemFullError:
            full.append(rater)

    in_threads(claim, [f"rater {number}" for number in range(8)])
    assert len(full) == 5
    assert places(engine) == {item_id: 3}


def test_claims_from_two_engines_on_one_database_share_the_cap(database_url, engine, make_item):
    item_id, full = make_item(overlap=1), []
    engines = [open_database(database_url) for _ in range(4)]

    def claim(number: int) -> None:
        try:
            claim_item(engines[number], f"rater {number}", item_id)
        except ItemFullError:
            full.append(number)

    in_threads(claim, range(4))
    for other in engines:
        other.dispose()
    assert len(full) == 3


def test_one_rater_asking_in_many_tabs_gets_one_item(engine, make_item):
    for _ in range(5):
        make_item()
    given_out: list[str] = []
    in_threads(lambda _: given_out.append(next_item(engine, "Ada").item_id), range(6))
    assert len(set(given_out)) == 1
    assert sum(places(engine).values()) == 1
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(raters)) == 1


def test_next_item_prefers_the_item_with_the_fewest_raters(engine, make_item):
    first, second = make_item(), make_item()
    assert next_item(engine, "Ada").item_id == first
    assert next_item(engine, "Bo").item_id == second
    assert next_item(engine, "Cy").item_id == first


def test_next_item_when_all_is_taken_or_done_is_none(engine, make_item, make_rating):
    assert next_item(engine, "Ada") is None
    item_id = make_item(overlap=1)
    save_rating(engine, make_rating(item_id, "Ada"))
    assert next_item(engine, "Ada") is None
    assert next_item(engine, "Bo") is None


def test_next_item_after_a_break_gives_the_same_item_and_draft(engine, make_item):
    make_item(), make_item()
    item_id = next_item(engine, "Ada", now=at(0)).item_id
    save_draft(engine, "Ada", item_id, {"overall": 4, "verdicts": ["unsure", None]}, now=at(1))
    again = next_item(engine, " Ada ", now=at(5))
    assert (again.item_id, again.draft) == (item_id, {"overall": 4, "verdicts": ["unsure", None]})


def test_next_item_after_the_lease_gives_the_same_item_while_nobody_took_it(engine, make_item):
    item_id = make_item(overlap=1)
    make_item(overlap=1)
    claim_item(engine, "Ada", item_id, now=at(0))
    save_draft(engine, "Ada", item_id, {"overall": 4}, now=at(1))
    late = next_item(engine, "Ada", now=at(600))
    assert (late.item_id, late.draft) == (item_id, {"overall": 4})


def test_lease_before_it_expires_keeps_the_place_and_after_it_gives_it_away(engine, make_item):
    item_id = make_item(overlap=1)
    claim_item(engine, "Ada", item_id, lease=LEASE, now=at(0))
    assert next_item(engine, "Bo", now=at(29.9)) is None
    assert next_item(engine, "Bo", now=at(30)).item_id == item_id


def test_place_lost_to_somebody_else_keeps_the_draft_and_is_not_resumed(engine, make_item, make_rating):
    item_id = make_item(overlap=1)
    claim_item(engine, "Ada", item_id, now=at(0))
    save_draft(engine, "Ada", item_id, {"overall": 4}, now=at(1))
    next_item(engine, "Bo", now=at(40))
    assert next_item(engine, "Ada", now=at(41)) is None
    with pytest.raises(ItemFullError, match="all the raters it may have"):
        save_rating(engine, make_rating(item_id, "Ada"), now=at(41))
    save_draft(engine, "Ada", item_id, {"overall": 5}, now=at(42))
    assert next_item(engine, "Bo", now=at(43)).item_id == item_id
    release(engine, "Bo", item_id)
    assert next_item(engine, "Ada", now=at(44)).draft == {"overall": 5}


def test_save_draft_renews_the_lease(engine, make_item):
    item_id = make_item(overlap=1)
    claim_item(engine, "Ada", item_id, lease=LEASE, now=at(0))
    save_draft(engine, "Ada", item_id, {}, lease=LEASE, now=at(20))
    assert next_item(engine, "Bo", now=at(40)) is None
    assert next_item(engine, "Bo", now=at(50)).item_id == item_id


def test_finished_work_when_any_time_has_passed_is_never_taken(engine, make_item, make_rating):
    item_id = make_item(overlap=1)
    claim_item(engine, "Ada", item_id, now=at(0))
    save_rating(engine, make_rating(item_id, "Ada"), now=at(1))
    assert next_item(engine, "Bo", now=at(10**6)) is None
    with pytest.raises(ItemFullError):
        claim_item(engine, "Bo", item_id, now=at(10**6))
    release(engine, "Ada", item_id)
    with pytest.raises(ItemFullError):
        claim_item(engine, "Bo", item_id, now=at(10**6))


def test_rating_that_is_withdrawn_frees_its_place(engine, make_item, make_rating):
    item_id = make_item(overlap=1)
    save_rating(engine, make_rating(item_id, "Ada"))
    withdraw_rating(engine, "Ada", item_id, application_version="0.1.0")
    assert next_item(engine, "Bo").item_id == item_id


def test_release_gives_the_item_to_somebody_else_and_not_back(engine, make_item):
    item_id = make_item(overlap=1)
    next_item(engine, "Ada")
    save_draft(engine, "Ada", item_id, {"comment": "too dark"})
    release(engine, "Ada", item_id, reason="the image is too dark")
    assert next_item(engine, "Ada") is None
    assert load_draft(engine, "Ada", item_id) == {"comment": "too dark"}
    assert next_item(engine, "Bo").item_id == item_id
    with reading(engine) as connection:
        assert set(connection.scalars(select(assignments.c.skip_reason))) == {"the image is too dark", None}


def test_release_by_a_stranger_changes_nothing(engine, make_item):
    item_id = make_item(overlap=1)
    next_item(engine, "Ada")
    release(engine, "Nobody", item_id)
    assert next_item(engine, "Bo") is None


def test_claim_item_that_was_released_or_finished_hands_it_out_again(engine, make_item, make_rating):
    item_id = make_item(overlap=1)
    assert not claim_item(engine, "Ada", item_id).finished
    release(engine, "Ada", item_id)
    assert not claim_item(engine, "Ada", item_id).finished
    save_rating(engine, make_rating(item_id, "Ada"))
    assert claim_item(engine, "Ada", item_id).finished


def test_claim_item_that_is_not_there_names_it_and_stores_nobody(engine):
    with pytest.raises(UnknownRecordError, match="'nowhere'"):
        claim_item(engine, "Ada", "nowhere")
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(raters)) == 0


def test_assignment_holds_nothing_that_would_unblind_the_rater():
    assert {field.name for field in fields(Assignment)} == {
        "item_id",
        "campaign_id",
        "kind",
        "training",
        "image_id",
        "caption",
        "units",
        "segmenter_version",
        "sides",
        "flipped",
        "returned",
        "draft",
        "draft_saved_at",
        "lease_expires_at",
    }


def test_draft_of_one_rater_is_not_shown_to_another(engine, make_item):
    item_id = make_item()
    save_draft(engine, "Ada", item_id, {"overall": 1})
    assert load_draft(engine, "Bo", item_id) is None
    assert claim_item(engine, "Bo", item_id).draft is None


def test_draft_when_the_rating_is_submitted_is_gone(engine, make_item, make_rating):
    item_id = make_item()
    save_draft(engine, "Ada", item_id, {"overall": 1})
    save_rating(engine, make_rating(item_id, "Ada"))
    assert load_draft(engine, "Ada", item_id) is None


def test_draft_after_a_failed_save_is_as_it_was(engine, make_item, make_rating):
    item_id = make_item()
    save_draft(engine, "Ada", item_id, {"overall": 1})
    with pytest.raises(AnnotationError):
        save_rating(engine, make_rating(item_id, "Ada", verdicts=("supported",)))
    assert load_draft(engine, "Ada", item_id) == {"overall": 1}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [({"a": {1, 2}}, "JSON object"), ({"a": float("nan")}, "JSON object"), ({"a": "x" * 200_000}, "200,009")],
)
def test_save_draft_that_cannot_be_kept_says_why_and_keeps_the_one_before(
    engine, make_item, content, sentence
):
    item_id = make_item()
    save_draft(engine, "Ada", item_id, {"overall": 1})
    with pytest.raises(InvalidRecordError, match=sentence):
        save_draft(engine, "Ada", item_id, content)
    assert load_draft(engine, "Ada", item_id) == {"overall": 1}


def test_save_draft_many_times_is_one_row(engine, make_item):
    item_id = make_item()
    for step in range(5):
        save_draft(engine, "Ada", item_id, {"step": step})
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(drafts)) == 1


def test_progress_counts_what_is_done_and_what_is_left(engine, make_item, make_rating):
    first, second, _ = (make_item(overlap=1) for _ in range(3))
    assert progress(engine, "Ada") == Progress(done=0, left=3)
    claim_item(engine, "Ada", first)
    claim_item(engine, "Bo", second)
    # Bo may give the second one back.
    assert progress(engine, "Ada") == Progress(done=0, left=3)
    save_rating(engine, make_rating(first, "Ada"))
    assert progress(engine, "Ada") == Progress(done=1, left=2)
    assert progress(engine, "Bo") == Progress(done=0, left=2)
    release(engine, "Bo", second)
    assert progress(engine, "Bo") == Progress(done=0, left=1)


@pytest.mark.parametrize("name", ["", "  ", "a\x07b", "x" * 81])
def test_rater_name_that_will_not_do_says_why(engine, make_item, name):
    make_item()
    with pytest.raises(InvalidRecordError, match="name"):
        next_item(engine, name)
    assert places(engine) == {}


def test_rater_name_in_another_unicode_form_or_spacing_is_the_same_rater(engine, make_item):
    make_item(), make_item()
    first = next_item(engine, "Zoë  Ångström")
    assert next_item(engine, "Zoe\u0308 A\u030angstro\u0308m ").item_id == first.item_id


STEP = st.tuples(
    st.sampled_from(["next", "save", "release", "draft", "wait"]), st.sampled_from(["Ada", "Bo", "Cy", "Di"])
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=15))
def test_any_course_of_events_keeps_active_places_within_the_overlap(engine, make_item, make_rating, steps):
    item_id = make_item(overlap=2)
    minute, done = 0.0, set()
    for action, rater in steps:
        try:
            if action == "wait":
                minute += 31
            elif action == "next":
                claim_item(engine, rater, item_id, lease=LEASE, now=at(minute))
            elif action == "save":
                save_rating(engine, make_rating(item_id, rater), now=at(minute))
                done.add(rater)
            elif action == "draft":
                save_draft(engine, rater, item_id, {}, lease=LEASE, now=at(minute))
            else:
                release(engine, rater, item_id)
        except ItemFullError:
            assert rater not in done
        with reading(engine) as connection:
            rows = connection.execute(
                select(assignments.c.state, assignments.c.lease_expires_at).where(
                    assignments.c.item_id == item_id
                )
            ).all()
        now = at(minute).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        active = [
            row for row in rows if row.state == "done" or (row.state == "held" and row.lease_expires_at > now)
        ]
        assert len(active) <= 2
        assert sum(row.state == "done" for row in rows) == len(done)
