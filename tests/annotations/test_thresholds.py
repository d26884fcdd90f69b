"""Default dip thresholds: the latest row counts, nothing is altered, all of where it comes from is kept."""

import math
from dataclasses import replace
from threading import Thread

import pytest

from annotations.analysis.reading import database_stamp
from annotations.audit import audit_log
from annotations.engine import open_database, writing
from annotations.errors import InvalidRecordError, UnknownRecordError
from annotations.exporting import export_ratings
from annotations.invites import invite
from annotations.reimporting import import_export
from annotations.restoring import restore
from annotations.snapshots import export_snapshot
from annotations.store import save_rating
from annotations.thresholds import (
    NewThreshold,
    Promise,
    current_threshold,
    set_threshold,
    threshold_history,
    withdraw_threshold,
)

WEIGHTS, OTHER = "a" * 64, "b" * 64
PROMISE = Promise(
    rate=0.2,
    failure=0.1,
    seed=7,
    share=0.5,
    realised=0.125,
    realised_low=0.0625,
    realised_high=0.25,
    realised_images=41,
)
NEW = NewThreshold(
    model_sha256=WEIGHTS,
    model="scenes",
    threshold=0.0312345678901,
    n_images=60,
    n_units=310,
    unsure="left_out",
    choice={"campaigns": ["käse"], "blind_only": True, "longest": None},
    promise=PROMISE,
    application_version="1.2",
    note="after the pilot",
)


@pytest.fixture
def ada(engine):
    invite(engine, "Ada", role="admin")
    return "Ada"


def test_model_without_a_default_has_none(engine):
    assert current_threshold(engine, WEIGHTS) is None
    assert threshold_history(engine, WEIGHTS) == ()


def test_default_comes_back_with_all_of_where_it_is_from(engine, ada):
    set_threshold(engine, NEW, actor=ada)
    found = current_threshold(engine, WEIGHTS)
    assert (found.threshold, found.promise, found.choice) == (NEW.threshold, PROMISE, NEW.choice)
    assert (found.model, found.number, found.withdrawn, found.unsure) == ("scenes", 1, False, "left_out")
    assert (found.n_images, found.n_units, found.note) == (60, 310, "after the pilot")
    assert (found.set_by, found.application_version) == ("Ada", "1.2")
    assert found.set_at.endswith("Z")
    assert current_threshold(engine, OTHER) is None


def test_threshold_chosen_by_eye_has_no_promise(engine, ada):
    found = set_threshold(engine, replace(NEW, promise=None), actor=ada)
    assert found.promise is None
    assert current_threshold(engine, WEIGHTS) == found


def test_new_default_takes_the_place_of_the_old_one_which_stays_in_the_history(engine, ada):
    first = set_threshold(engine, NEW, actor=ada)
    second = set_threshold(engine, replace(NEW, threshold=0.05, promise=None), actor=ada)
    assert current_threshold(engine, WEIGHTS) == second
    assert threshold_history(engine, WEIGHTS) == (second, first)
    assert (first.number, second.number) == (1, 2)


def test_withdrawal_is_another_row_and_gives_none_again(engine, ada):
    first = set_threshold(engine, NEW, actor=ada)
    gone = withdraw_threshold(engine, WEIGHTS, actor=ada, application_version="1.3", note="too shy")
    assert (gone.threshold, gone.withdrawn, gone.promise, gone.note) == (0.0, True, None, "too shy")
    assert current_threshold(engine, WEIGHTS) is None
    assert threshold_history(engine, WEIGHTS) == (gone, first)
    again = set_threshold(engine, NEW, actor=ada)
    assert (again.number, current_threshold(engine, WEIGHTS)) == (3, again)


def test_analysis_that_is_asked_again_reads_what_was_set_and_withdrawn_meanwhile(engine, ada):
    seen = [database_stamp(engine)]
    for change in (
        lambda: set_threshold(engine, NEW, actor=ada),
        lambda: set_threshold(engine, replace(NEW, threshold=0.05), actor=ada),
        lambda: withdraw_threshold(engine, WEIGHTS, actor=ada, application_version="1.3"),
    ):
        change()
        assert database_stamp(engine) not in seen
        seen.append(database_stamp(engine))


def test_threshold_of_zero_is_a_default_and_no_withdrawal(engine, ada):
    set_threshold(engine, replace(NEW, threshold=0.0), actor=ada)
    assert current_threshold(engine, WEIGHTS).threshold == 0.0


def test_same_default_sent_twice_is_one_row(engine, ada):
    first = set_threshold(engine, NEW, actor=ada)
    assert set_threshold(engine, NEW, actor=ada) == first
    withdraw_threshold(engine, WEIGHTS, actor=ada, application_version="1")
    withdraw_threshold(engine, WEIGHTS, actor=ada, application_version="1")
    assert len(threshold_history(engine, WEIGHTS)) == 2


def test_same_default_by_another_person_is_another_row(engine, ada):
    set_threshold(engine, NEW, actor=ada)
    invite(engine, "Bo", role="admin")
    assert set_threshold(engine, NEW, actor="Bo").number == 2


def test_withdrawing_what_was_never_set_is_refused(engine, ada):
    with pytest.raises(UnknownRecordError, match="have no default threshold"):
        withdraw_threshold(engine, WEIGHTS, actor=ada, application_version="1")


def test_person_who_is_not_known_sets_nothing(engine):
    with pytest.raises(UnknownRecordError, match="'Eve'"):
        set_threshold(engine, NEW, actor="Eve")
    assert threshold_history(engine, WEIGHTS) == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"threshold": math.nan}, "from 0 up; got nan"),
        ({"threshold": -0.01}, "from 0 up; got -0.01"),
        ({"threshold": math.inf}, "from 0 up; got inf"),
        ({"model_sha256": "abc"}, "SHA-256"),
        ({"model": ""}, "name"),
        ({"n_images": -1}, "-1 images"),
        ({"application_version": ""}, "version of the program"),
        ({"promise": replace(PROMISE, rate=0.0)}, "rate of a promise is between 0 and 1; got 0.0"),
        ({"promise": replace(PROMISE, failure=1.0)}, "failure of a promise"),
        ({"promise": replace(PROMISE, realised=math.nan)}, "realised of a promise"),
        ({"choice": {"shortest": math.nan}}, "JSON object"),
    ],
)
def test_default_that_cannot_be_is_refused_and_nothing_is_stored(engine, ada, change, sentence):
    with pytest.raises(InvalidRecordError, match=sentence):
        set_threshold(engine, replace(NEW, **change), actor=ada)
    assert threshold_history(engine, WEIGHTS) == ()


@pytest.mark.parametrize("statement", ["UPDATE thresholds SET threshold = 1", "DELETE FROM thresholds"])
def test_defaults_cannot_be_altered_or_removed(engine, ada, statement):
    set_threshold(engine, NEW, actor=ada)
    with pytest.raises(Exception, match="append-only"), writing(engine) as connection:
        connection.exec_driver_sql(statement)
    assert len(threshold_history(engine, WEIGHTS)) == 1


def test_who_set_and_withdrew_a_default_is_in_the_log(engine, ada):
    set_threshold(engine, NEW, actor=ada)
    withdraw_threshold(engine, WEIGHTS, actor=ada, application_version="1")
    gone, made = audit_log(engine, subject=WEIGHTS)
    assert (gone.actor, gone.action) == ("Ada", "withdraw threshold")
    assert (made.action, made.details["threshold"], made.details["rate"]) == (
        "set threshold",
        NEW.threshold,
        0.2,
    )


def test_admins_who_set_defaults_at_once_get_a_number_each(engine, ada):
    new = [replace(NEW, threshold=at / 1000) for at in range(8)]
    threads = [Thread(target=set_threshold, args=(engine, one), kwargs={"actor": ada}) for one in new]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = threshold_history(engine, WEIGHTS)
    assert [found.number for found in history] == list(range(8, 0, -1))
    assert {found.threshold for found in history} == {one.threshold for one in new}


def test_snapshot_and_restoration_keep_the_default(engine, ada, tmp_path):
    stored = set_threshold(engine, NEW, actor=ada)
    export_snapshot(engine, tmp_path / "copy.sqlite3")
    restore(tmp_path / "copy.sqlite3", f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}")
    other = open_database(f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}")
    assert current_threshold(other, WEIGHTS) == stored
    assert current_threshold(other, WEIGHTS).choice == NEW.choice
    with pytest.raises(Exception, match="append-only"), writing(other) as connection:
        connection.exec_driver_sql("DELETE FROM thresholds")
    other.dispose()


def test_import_of_an_export_leaves_the_default_as_it_is(engine, ada, tmp_path, make_item, make_rating):
    save_rating(engine, make_rating(make_item()))
    stored = set_threshold(engine, NEW, actor=ada)
    table = tmp_path / "ratings.jsonl"
    with table.open("w", encoding="utf-8") as stream:
        export_ratings(engine, stream, format="jsonl")
    assert import_export(engine, table, images=tmp_path / "images").refused == 0
    assert threshold_history(engine, WEIGHTS) == (stored,)
