"""Saving ratings: receipts, nonces, revisions, reveals, and nothing half stored after a failure."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, NonceReusedError, StorageError, UnknownRecordError
from annotations.items import delete_item
from annotations.reveals import record_reveal, revealed_at
from annotations.revisions import Verdict, ratings
from annotations.schema import answers, revisions
from annotations.store import Receipt, save_rating, withdraw_rating

CAPTION = "A red car. Above it flies a kite, blue and small."  # of the items that make_item adds
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TABLES = ("raters", "assignments", "revisions", "answers", "verdicts", "drafts")


def row_counts(engine) -> dict[str, int]:
    with reading(engine) as connection:
        return {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in TABLES
        }


def test_save_rating_reads_back_as_it_was_given(engine, make_item, make_rating):
    item_id = make_item()
    receipt = save_rating(engine, make_rating(item_id, "Ada", comment="=1+1\n<b>bold</b>"), now=NOON)
    (rating,) = ratings(engine)
    assert receipt == Receipt(1, "2026-03-01T12:00:00.000000Z", rating.rating_id)
    assert rating.answers == {"correctness": 2, "thoroughness": 4, "overall": 3}
    assert rating.verdicts == (
        Verdict(0, 10, "supported"),
        Verdict(10, 33, None),
        Verdict(33, 49, "hallucinated"),
    )
    assert (rating.caption, rating.image_sha256) == (CAPTION, "0" * 64)
    assert (rating.rater, rating.number, rating.receipt, rating.withdrawn) == ("Ada", 1, 1, False)
    assert (rating.guideline_version, rating.application_version) == ("1", "0.1.0")
    assert (rating.segmenter_version, rating.comment) == ("test-1", "=1+1\n<b>bold</b>")
    assert (rating.saved_at, rating.metric_revealed_at) == ("2026-03-01T12:00:00.000000Z", None)


def test_save_rating_without_any_verdict_is_taken(engine, make_item, make_rating):
    save_rating(engine, make_rating(make_item(), verdicts=(None, None, None)))
    assert [verdict.verdict for verdict in next(ratings(engine)).verdicts] == [None, None, None]
    assert row_counts(engine)["verdicts"] == 0


def test_save_rating_with_the_same_nonce_gives_the_same_receipt_and_no_second_answer(
    engine, make_item, make_rating
):
    form = make_rating(make_item())
    first = save_rating(engine, form, now=NOON)
    before = row_counts(engine)
    assert save_rating(engine, form) == first
    assert row_counts(engine) == before


def test_save_rating_by_six_clicks_at_once_is_one_answer(engine, make_item, make_rating):
    form, receipts, gate = make_rating(make_item()), [], threading.Barrier(6)

    def click() -> None:
        gate.wait()
        receipts.append(save_rating(engine, form))

    threads = [threading.Thread(target=click) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(receipts) == 6
    assert len(set(receipts)) == 1
    assert row_counts(engine)["revisions"] == 1


@pytest.mark.parametrize(
    "change",
    [{"overall": 5}, {"comment": "other"}, {"verdicts": (None, None, None)}],
    ids=["scale", "comment", "verdicts"],
)
def test_save_rating_with_a_used_nonce_and_other_answers_is_refused(engine, make_item, make_rating, change):
    item_id = make_item()
    save_rating(engine, make_rating(item_id, "Ada", nonce="n"))
    before = row_counts(engine)
    with pytest.raises(NonceReusedError, match=r"receipt 1\)"):
        save_rating(engine, make_rating(item_id, **{"rater": "Ada", "nonce": "n", **change}))
    assert row_counts(engine) == before


def test_save_rating_with_another_raters_nonce_tells_nothing_of_the_other_rating(
    engine, make_item, make_rating
):
    item_id = make_item()
    save_rating(engine, make_rating(item_id, "Ada"))
    hers = save_rating(engine, make_rating(item_id, "Ada", nonce="n"))
    his = save_rating(engine, make_rating(item_id, "Bo", nonce="n"))
    assert (hers.number, his.number) == (2, 1)
    assert hers.rating_id != his.rating_id


def test_save_rating_again_is_a_revision_and_the_latest_one_counts(engine, make_item, make_rating):
    item_id = make_item()
    save_rating(engine, make_rating(item_id, "Ada", overall=1))
    save_rating(engine, make_rating(item_id, "Ada", overall=5))
    save_rating(engine, make_rating(item_id, "Bo", overall=2))
    assert [(rating.rater, rating.answers.get("overall")) for rating in ratings(engine)] == [
        ("Ada", 5),
        ("Bo", 2),
    ]
    history = [
        (rating.rater, rating.number, rating.answers.get("overall"))
        for rating in ratings(engine, all_revisions=True)
    ]
    assert history == [("Ada", 1, 1), ("Ada", 2, 5), ("Bo", 1, 2)]


def test_receipts_of_a_rater_count_from_one_over_all_items(engine, make_item, make_rating):
    first, second = make_item(), make_item()
    numbers = [
        save_rating(engine, make_rating(item_id, rater)).number
        for item_id, rater in [(first, "Ada"), (first, "Bo"), (second, "Ada"), (first, "Ada")]
    ]
    assert numbers == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"overall": 0}, "overall must be a whole number from 1 to 5; got 0"),
        ({"correctness": 6}, "correctness .* got 6"),
        ({"thoroughness": 2.5}, "thoroughness .* got 2.5"),
        ({"overall": True}, "got True"),
        ({"overall": None}, "got None"),
        ({"verdicts": ("supported", "wrong", None)}, "unit 1 must be one of .* got 'wrong'"),
        ({"verdicts": ("supported", None)}, "3 units to be judged, and 2 verdicts"),
        ({"nonce": ""}, "1 to 120 characters; got 0"),
        ({"comment": "x" * 10_001}, "10,001"),
        ({"comment": "\x00"}, "NUL"),
        ({"comment": "ab\ud83d"}, "character 2"),
        ({"guideline_version": ""}, "versions of the guideline"),
        ({"rater": " "}, "needs a name"),
    ],
)
def test_save_rating_with_a_value_that_will_not_do_says_which_and_stores_nothing(
    engine, make_item, make_rating, changes, sentence
):
    item_id = make_item()
    with pytest.raises(InvalidRecordError, match=sentence):
        save_rating(engine, make_rating(item_id, **changes))
    assert set(row_counts(engine).values()) == {0}


def test_save_rating_of_an_item_that_is_not_there_or_deleted_stores_nothing(engine, make_item, make_rating):
    item_id = make_item()
    delete_item(engine, item_id)
    for missing in ("nowhere", item_id):
        with pytest.raises(UnknownRecordError, match=missing):
            save_rating(engine, make_rating(missing))
    assert set(row_counts(engine).values()) == {0}


def test_save_rating_when_the_last_step_fails_stores_nothing(engine, make_item, make_rating, monkeypatch):
    item_id = make_item()

    def fail(*_: object) -> None:
        raise StorageError("the plug was pulled")

    monkeypatch.setattr("annotations.store.finish", fail)
    with pytest.raises(StorageError, match="plug"):
        save_rating(engine, make_rating(item_id))
    assert set(row_counts(engine).values()) == {0}


def test_record_reveal_marks_later_ratings_with_its_first_time_and_earlier_ones_not(
    engine, make_item, make_rating
):
    item_id = make_item()
    save_rating(engine, make_rating(item_id, "Ada"))
    assert revealed_at(engine, "Ada", item_id) is None
    first = record_reveal(engine, "Ada", item_id, now=NOON)
    assert revealed_at(engine, "Ada", item_id) == first
    assert revealed_at(engine, "Nobody", item_id) is None
    assert record_reveal(engine, "Ada", item_id) == first == "2026-03-01T12:00:00.000000Z"
    save_rating(engine, make_rating(item_id, "Ada"))
    save_rating(engine, make_rating(item_id, "Bo"))
    seen = {
        (rating.rater, rating.number): rating.metric_revealed_at
        for rating in ratings(engine, all_revisions=True)
    }
    assert seen == {("Ada", 1): None, ("Ada", 2): first, ("Bo", 1): None}


def test_record_reveal_of_an_item_that_is_not_there_names_it(engine):
    with pytest.raises(UnknownRecordError, match="'nowhere'"):
        record_reveal(engine, "Ada", "nowhere")
    assert row_counts(engine)["raters"] == 0


def test_withdraw_rating_keeps_its_history_and_takes_it_out_of_the_current_ones(
    engine, make_item, make_rating
):
    item_id = make_item()
    save_rating(engine, make_rating(item_id, "Ada"))
    receipt = withdraw_rating(engine, "Ada", item_id, application_version="0.2.0", reason="wrong image")
    assert receipt.number == 2
    assert list(ratings(engine)) == []
    last = list(ratings(engine, all_revisions=True))[-1]
    assert (last.withdrawn, last.answers, last.verdicts, last.comment) == (True, {}, (), "wrong image")
    assert (last.number, last.application_version, last.guideline_version) == (2, "0.2.0", "1")

    save_rating(engine, make_rating(item_id, "Ada", overall=4))
    assert [rating.answers.get("overall") for rating in ratings(engine)] == [4]


def test_withdraw_rating_that_is_not_there_or_withdrawn_names_it(engine, make_item, make_rating):
    item_id = make_item()
    with pytest.raises(UnknownRecordError, match="by 'Ada'"):
        withdraw_rating(engine, "Ada", item_id, application_version="0.1.0")
    save_rating(engine, make_rating(item_id, "Ada"))
    withdraw_rating(engine, "Ada", item_id, application_version="0.1.0")
    with pytest.raises(UnknownRecordError, match="by 'Ada'"):
        withdraw_rating(engine, "Ada", item_id, application_version="0.1.0")
    assert row_counts(engine)["revisions"] == 2


def test_ratings_of_one_item_or_one_rater_leave_the_others_out(engine, make_item, make_rating):
    first, second = make_item(), make_item()
    for item_id, rater in [(first, "Ada"), (first, "Bo"), (second, "Ada")]:
        save_rating(engine, make_rating(item_id, rater))
    assert [rating.rater for rating in ratings(engine, item_id=first)] == ["Ada", "Bo"]
    assert [rating.item_id for rating in ratings(engine, rater="Ada")] == [first, second]
    assert list(ratings(engine, rater="Nobody")) == []


def test_ratings_beyond_one_batch_come_complete_and_in_order(engine, make_item, make_rating, monkeypatch):
    monkeypatch.setattr("annotations.revisions._ROWS_AT_ONCE", 3)
    item_id = make_item()
    for step in range(8):
        save_rating(engine, make_rating(item_id, "Ada", overall=1 + step % 5))
    history = list(ratings(engine, all_revisions=True))
    assert [rating.receipt for rating in history] == list(range(1, 9))
    assert all(rating.answers.get("overall") == 1 + step % 5 for step, rating in enumerate(history))
    assert all(len(rating.verdicts) == 3 for rating in history)


@pytest.mark.parametrize("value", [0, 6])
def test_answer_off_its_scale_is_refused_by_the_database_too(engine, make_item, make_rating, value):
    receipt = save_rating(engine, make_rating(make_item()))

    def store() -> None:
        with writing(engine) as connection:
            connection.execute(
                insert(answers).values(
                    revision_id=receipt.rating_id, question="mood", value=value, low=1, high=5
                )
            )

    with pytest.raises(IntegrityError, match="ck_answers_value_on_scale"):
        store()


@pytest.mark.parametrize("column", ["nonce", "number", "receipt"])
def test_second_row_for_what_must_be_unique_is_refused_by_the_database_too(
    engine, make_item, make_rating, column
):
    save_rating(engine, make_rating(make_item()))

    def store() -> None:
        with writing(engine) as connection:
            row = dict(connection.execute(select(revisions)).mappings().one())
            fresh = {"id": "other", "nonce": "other", "number": 2, "receipt": 2}
            connection.execute(insert(revisions).values({**row, **fresh, column: row[column]}))

    with pytest.raises(IntegrityError):
        store()


def test_verdict_on_a_span_that_is_no_unit_is_refused_by_the_database_too(engine, make_item, make_rating):
    save_rating(engine, make_rating(make_item()))

    def store() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql(
                "INSERT INTO verdicts SELECT revision_id, caption_sha256, segmenter_version, 1, 9, verdict "
                "FROM verdicts WHERE start = 0"
            )

    with pytest.raises(IntegrityError):
        store()
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(revisions)) == 1


def test_save_rating_asks_the_database_as_often_for_many_units_as_for_one(own_engine, make_item, make_rating):
    sent = []

    @event.listens_for(own_engine, "before_cursor_execute")
    def count(_connection, _cursor, statement, parameters, _context, executemany):
        # The driver of PostgreSQL sends each row by itself and waits for it; SQLite has nobody to wait for.
        rows = executemany and by_row and not isinstance(parameters[0], str)
        sent.extend([statement] * (len(parameters) if rows else 1))

    by_row = own_engine.dialect.name == "postgresql"
    said = []
    for units in (1, 15):
        caption = "A car. " * units
        cut = [("A car. ", start, start + 7) for start in range(0, 7 * units, 7)]
        item_id = make_item(caption=caption, units=cut)
        sent.clear()
        save_rating(own_engine, make_rating(item_id, verdicts=("supported",) * units))
        said.append(len(sent))
    one, many = said
    # The first one of a rater writes the rater down as well.
    assert many <= one
    assert many == 16
