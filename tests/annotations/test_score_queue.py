"""What waits for a score, and many scores stored at once."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from annotations.campaigns import create_campaign, delete_campaign, pause_campaign
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError
from annotations.items import add_battle, cut_item, delete_item, get_item
from annotations.other_images import other_images
from annotations.schema import items, score_failures, scores
from annotations.score_queue import (
    Failure,
    NewScore,
    QueueCounts,
    count_scores,
    failures,
    lacking_metrics,
    save_many_scores,
    try_again,
    waiting_items,
)
from annotations.scores import load_curve

SHA = "a" * 64
OF = {"metric": "specs", "model_sha256": SHA}
WANTED = {"metrics": ("specs",), "model_sha256": SHA}


def waiting(engine, limit=100, **options):
    return [one.item_id for one in waiting_items(engine, limit=limit, **WANTED, **options)]


def save(engine, *found, failed=(), model_sha256=SHA):
    ids = save_many_scores(engine, found, failed, metric="specs", model="scenes", model_sha256=model_sha256)
    return len(ids)


def set_of(engine, item_id, **values):
    with writing(engine) as connection:
        connection.execute(update(items).where(items.c.id == item_id).values(values))


def test_waiting_items_are_captions_to_be_rated_in_running_campaigns(engine, make_item):
    paused, deleted = create_campaign(engine, "paused"), create_campaign(engine, "deleted")
    regular, uncut = (
        make_item(image=10000),
        make_item(image=10000, caption="A dog.", units=None, segmenter_version=""),
    )
    gold, training, gone = make_item(), make_item(), make_item()
    make_item(campaign_id=paused)
    make_item(campaign_id=deleted)
    add_battle(engine, regular, uncut)
    set_of(engine, gold, role="gold")
    set_of(engine, training, role="training")
    delete_item(engine, gone)
    pause_campaign(engine, paused, paused=True)
    delete_campaign(engine, deleted)
    assert waiting(engine) == [regular, uncut, gold]
    assert count_scores(engine, **OF) == QueueCounts(scored=0, waiting=3, failed=0)


def test_waiting_items_read_in_parts_are_all_of_them_once(engine, make_item):
    expected = [make_item() for _ in range(7)]
    with writing(engine) as connection:
        # Times that are equal must not hide anything: an import writes many items in one moment.
        connection.execute(update(items).values(created_at="2026-01-31T09:05:00.000000Z"))
    found, last = [], None
    while part := waiting_items(engine, limit=3, after=last, **WANTED):
        found += [one.item_id for one in part]
        last = part[-1]
    assert found == sorted(expected)


def test_scores_saved_are_read_back_and_no_longer_waiting(engine, make_item):
    first, second = make_item(), make_item()
    curve = {"score": 0.7}
    assert save(engine, NewScore(first, "test-1", 0.7, 0.4, curve), NewScore(second, "test-1", 0.5)) == 2
    assert waiting(engine) == []
    assert load_curve(engine, first, **OF) == curve
    assert count_scores(engine, **OF) == QueueCounts(scored=2, waiting=0, failed=0)
    assert waiting_items(engine, metrics=["specs"], model_sha256="b" * 64, limit=9), "of other weights"


def test_a_score_of_units_that_were_cut_anew_meanwhile_is_not_stored(engine, make_item):
    item = make_item(units=None, segmenter_version="")
    cut_item(
        engine, item, [("A red car. Above it flies a kite, blue and small.", 0, 49)], segmenter_version="b"
    )
    assert save(engine, NewScore(item, "a", 0.7)) == 0
    assert waiting(engine) == [item]


def test_a_caption_that_is_cut_anew_waits_again_and_its_score_is_replaced(engine, make_item):
    item = make_item()
    save(engine, NewScore(item, "test-1", 0.7, curve={"cut": 1}))
    set_of(engine, item, segmenter_version="test-2")
    assert waiting(engine) == [item]
    save(engine, NewScore(item, "test-2", 0.6, curve={"cut": 2}))
    assert waiting(engine) == []
    assert load_curve(engine, item, **OF) == {"cut": 2}


def test_a_failure_is_kept_with_its_reason_until_somebody_asks_for_another_try(engine, make_item):
    good, bad = make_item(), make_item()
    failure = Failure(bad, "test-1", "The image is damaged.")
    assert save(engine, NewScore(good, "test-1", 0.7), failed=[failure]) == 1
    assert waiting(engine) == []
    assert failures(engine, **OF) == (replace(failure, metric="specs"),)
    assert count_scores(engine, **OF) == QueueCounts(scored=1, waiting=0, failed=1)
    save(engine, failed=[Failure(bad, "test-1", "Still damaged.")])
    assert [one.reason for one in failures(engine, **OF)] == ["Still damaged."]
    assert try_again(engine, **WANTED) == 1
    assert waiting(engine) == [bad]
    save(engine, failed=[failure])
    save(engine, NewScore(bad, "test-1", 0.2))
    assert failures(engine, **OF) == ()
    assert count_scores(engine, **OF) == QueueCounts(scored=2, waiting=0, failed=0)


def test_scores_of_which_one_will_not_do_are_all_refused(engine, make_item):
    first, second = make_item(), make_item()
    with pytest.raises(InvalidRecordError, match=f"score of item {second} is nan"):
        save(engine, NewScore(first, "test-1", 0.7), NewScore(second, "test-1", float("nan")))
    assert waiting(engine) == [first, second]


def test_results_of_items_that_are_gone_are_left_out(engine, make_item):
    item = make_item()
    gone = "0" * 32
    assert save(engine, NewScore(item, "test-1", 0.7), NewScore(gone, "test-1", 0.7)) == 1
    assert save(engine, failed=[Failure(gone, "", "gone")]) == 0


def test_an_item_waits_until_it_has_all_metrics_or_a_reason(engine, make_item):
    item = make_item()
    wanted = {"metrics": ("specs", "clip_score"), "model_sha256": SHA}

    def lacking():
        waits = [one.item_id for one in waiting_items(engine, limit=9, **wanted)]
        names = lacking_metrics(engine, [item], **wanted)[item]
        assert (item in waits) == bool(names)
        return names

    assert lacking() == {"specs", "clip_score"}
    save(engine, NewScore(item, "test-1", 0.7))
    save(engine, NewScore(item, "test-1", 0.8, metric="chrf"))
    assert lacking() == {"clip_score"}
    save(engine, failed=[Failure(item, "test-1", "No.", "clip_score")])
    assert lacking() == frozenset()
    assert failures(engine, **OF) == ()
    set_of(engine, item, segmenter_version="test-2")
    assert lacking() == {"specs", "clip_score"}


def test_several_metrics_of_an_item_are_saved_at_once_and_replace_only_themselves(engine, make_item):
    first, second = make_item(), make_item()
    save(engine, NewScore(first, "test-1", 0.7, curve={"old": 1}), NewScore(second, "test-1", 0.1))
    save(engine, failed=[Failure(first, "test-1", "No.", "clip_score")])
    saved = save(
        engine,
        NewScore(first, "test-1", 0.8, metric="clip_score"),
        NewScore(first, "test-1", 12.0, metric="length_tokens"),
        NewScore(second, "test-1", 0.2),
        failed=[Failure(second, "test-1", "No.", "clip_score")],
    )
    assert saved == 2
    with reading(engine) as connection:
        rows = connection.execute(select(scores.c.item_id, scores.c.metric, scores.c.score))
        assert {tuple(row) for row in rows} == {
            (first, "specs", 0.7),
            (first, "clip_score", 0.8),
            (first, "length_tokens", 12.0),
            (second, "specs", 0.2),
        }
        left = connection.execute(select(score_failures.c.item_id, score_failures.c.metric))
        assert [tuple(row) for row in left] == [(second, "clip_score")]
    assert load_curve(engine, first, **OF) == {"old": 1}


def test_a_metric_across_images_is_waited_for_where_the_campaign_has_two(engine, make_item):
    wanted = {"metrics": ("text_only",), "across": ("text_only",), "model_sha256": SHA, "limit": 9}
    other = create_campaign(engine, "other")
    first = make_item()
    make_item(image=0, caption="A dog.", units=[("A dog.", 0, 6)])
    make_item(campaign_id=other)
    assert waiting_items(engine, **wanted) == ()
    learnt = make_item()
    set_of(engine, learnt, role="training")
    assert waiting_items(engine, **wanted) == ()
    second = make_item()
    found = [one.item_id for one in waiting_items(engine, **wanted)]
    assert len(found) == 3
    assert {first, second} < set(found)
    delete_item(engine, second)
    assert waiting_items(engine, **wanted) == ()


def test_other_images_come_in_a_circle_by_id_from_the_same_campaign(engine, make_item):
    campaign = create_campaign(engine, "circle")
    ids = [make_item(campaign_id=campaign) for _ in range(4)]
    make_item(image=0, caption="A dog.", units=[("A dog.", 0, 6)], campaign_id=campaign)
    make_item()
    gone = make_item(campaign_id=campaign)
    delete_item(engine, gone)
    circle = sorted(get_item(engine, item_id).image_id for item_id in ids)
    places = [(campaign, image_id) for image_id in circle]
    for limit in (2, 9):
        found = other_images(engine, places, limit=limit)
        for number, place in enumerate(places):
            expected = [circle[(number + step) % 4] for step in (1, 2, 3)][:limit]
            assert [one.image_id for one in found[place]] == expected
