"""What an analysis can be narrowed to, on a real database."""

from annotations.analysis.options import Named, Options, read_options
from annotations.campaigns import create_campaign, delete_campaign
from annotations.items import delete_item
from annotations.store import save_rating


def test_options_of_an_empty_database_are_empty(engine):
    assert read_options(engine) == Options((), (), (), None)


def test_options_name_campaigns_with_items_raters_with_ratings_systems_and_days(
    engine, make_item, make_rating
):
    create_campaign(engine, "Empty")
    campaign = create_campaign(engine, "Beta")
    first = make_item(campaign_id=campaign, source="short-cap")
    make_item(campaign_id=create_campaign(engine, "Alpha"), source="")
    save_rating(engine, make_rating(first, "Zoe"))
    save_rating(engine, make_rating(first, "Ada", nonce="nonce-ada"))

    found = read_options(engine)

    assert [one.name for one in found.campaigns] == ["Alpha", "Beta"]
    assert Named(campaign, "Beta") in found.campaigns
    assert [one.name for one in found.raters] == ["Ada", "Zoe"]
    assert found.systems == ("", "short-cap")
    assert found.days is not None
    assert len(found.days[0]) == 10
    assert found.days[0] <= found.days[1]


def test_options_leave_out_what_is_deleted(engine, make_item):
    gone = create_campaign(engine, "Gone")
    make_item(campaign_id=gone, source="kept")
    delete_item(engine, make_item(campaign_id=create_campaign(engine, "Stays"), source="dropped"))
    delete_campaign(engine, gone)

    found = read_options(engine)

    assert [one.name for one in found.campaigns] == ["Stays"]
    assert found.systems == ("kept",)
