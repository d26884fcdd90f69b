"""What the owner does to items and ratings, and that every act stands in the audit log."""

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from annotations.accounts import disable, enable, find_person, set_role
from annotations.assignment import next_item
from annotations.audit import audit_log
from annotations.campaign_tables import INSPECT_CAMPAIGN
from annotations.campaigns import change_campaign, create_campaign, delete_campaign, pause_campaign
from annotations.engine import writing
from annotations.errors import AnnotationError, InvalidRecordError, LastAdminError, UnknownRecordError
from annotations.invites import invite
from annotations.items import add_battle, delete_item, restore_item
from annotations.oversight import deleted, find_items, return_item
from annotations.revisions import ratings
from annotations.schema import audit
from annotations.sessions import sign_in_as, sign_out_everywhere
from annotations.store import save_rating


def acts(engine) -> list[tuple[str, str]]:
    return [(act.actor, act.action) for act in reversed(audit_log(engine))]


def test_returned_item_comes_first_with_its_reason_and_its_rating_still_counts(
    engine, make_item, make_rating
):
    done, other = make_item(), make_item()
    save_rating(engine, make_rating(done, "Ada"))
    return_item(engine, done, "Ada", reason=" look at the kite again ", actor="Olga")
    assert [rating.item_id for rating in ratings(engine)] == [done]
    assignment = next_item(engine, "Ada")
    assert (assignment.item_id, assignment.returned) == (done, "look at the kite again")
    save_rating(engine, make_rating(done, "Ada", overall=5))
    assert [rating.answers["overall"] for rating in ratings(engine)] == [5]
    assert next_item(engine, "Ada").item_id == other
    (act,) = audit_log(engine)
    assert (act.actor, act.action, act.subject) == ("Olga", "return item", done)
    assert (act.details["rater"], act.details["reason"]) == ("Ada", "look at the kite again")


def test_return_of_an_item_that_nobody_submitted_changes_nothing(engine, make_item, make_rating):
    item_id = make_item()
    next_item(engine, "Ada")
    for rater in ("Ada", "Bo"):
        with pytest.raises(UnknownRecordError, match=f"{rater} has no submitted rating"):
            return_item(engine, item_id, rater, reason="again", actor="Olga")
    save_rating(engine, make_rating(item_id, "Ada"))
    for reason in ("", "   ", "x" * 501):
        with pytest.raises(InvalidRecordError, match="1 to 500 characters"):
            return_item(engine, item_id, "Ada", reason=reason, actor="Olga")
    assert audit_log(engine) == ()
    assert next_item(engine, "Ada") is None


def test_every_act_on_a_campaign_an_item_or_a_person_is_in_the_log_once(engine, make_item):
    campaign = create_campaign(engine, "Pilot", actor="Olga")
    change_campaign(engine, campaign, overlap=5, actor="Olga")
    change_campaign(engine, campaign, overlap=5, actor="Olga")  # nothing changes
    pause_campaign(engine, campaign, paused=True, actor="Olga")
    pause_campaign(engine, campaign, paused=False, actor="Olga")
    delete_campaign(engine, campaign, actor="Olga")
    delete_campaign(engine, campaign, deleted=False, actor="Olga")
    item = make_item()
    delete_item(engine, item, actor="Olga")
    restore_item(engine, item, actor="Olga")
    invite(engine, "Ada", role="adjudicator", actor="Olga")
    ada = find_person(engine, "Ada").id
    set_role(engine, ada, "rater", actor="Olga")
    sign_in_as(engine, ada)
    sign_out_everywhere(engine, ada, actor="Olga")
    disable(engine, ada, actor="Olga")
    enable(engine, ada, actor="Olga")
    assert {actor for actor, _ in acts(engine)} == {"Olga"}
    assert [action for _, action in acts(engine)] == [
        *("create campaign", "change campaign", "pause campaign", "resume campaign"),
        *("delete campaign", "restore campaign", "delete item", "restore item"),
        *("invite person", "change role", "sign out person", "disable person", "enable person"),
    ]
    assert audit_log(engine, subject=item)[0].details == {
        "caption": "A red car. Above it flies a kite, blue and small."
    }
    assert len(audit_log(engine, 3)) == 3
    assert audit_log(engine, 3, offset=12)[-1].action == "create campaign"
    assert "code" not in str(audit_log(engine)), (
        "the code that signs a person in is shown once and kept nowhere"
    )


def test_act_that_fails_is_not_in_the_log(engine, make_item):
    invite(engine, "Olga", role="admin")
    olga = find_person(engine, "Olga").id
    for refused in (
        lambda: set_role(engine, olga, "rater", actor="Olga"),
        lambda: disable(engine, olga, actor="Olga"),
        lambda: delete_item(engine, "0" * 32, actor="Olga"),
        lambda: delete_campaign(engine, "0" * 32, actor="Olga"),
        lambda: create_campaign(engine, "From Inspect", actor="Olga"),
    ):
        with pytest.raises((LastAdminError, UnknownRecordError, InvalidRecordError)):
            refused()
    assert audit_log(engine) == ()
    assert find_person(engine, "Olga").role == "admin"


def test_log_can_neither_be_altered_nor_removed(engine, make_item):
    delete_item(engine, make_item(), actor="Olga")
    for statement in (update(audit).values(actor="nobody"), delete(audit)):
        with pytest.raises((DBAPIError, AnnotationError)), writing(engine) as connection:
            connection.execute(statement)
    assert acts(engine) == [("Olga", "delete item")]


def test_items_are_found_by_what_a_caption_says_in_any_case(engine, make_item):
    plain = make_item(caption="A Red car.", units=[("A Red car.", 0, 10)])
    percent = make_item(caption="100% red", units=[("100% red", 0, 8)])
    first = make_item(image=900, caption="one", units=[("one", 0, 3)])
    second = make_item(image=900, caption="the other RED", units=[("the other RED", 0, 13)])
    battle = add_battle(engine, first, second)

    def found(text: str, **options: object) -> set[str]:
        page = find_items(engine, text=text, **options)
        assert page.total >= len(page.items)
        return {item.id for item in page.items}

    assert found("red") == {plain, percent, second, battle}
    assert found("0% r") == {percent}, "a percent sign is no wildcard"
    assert found("_") == set()
    assert found("red", campaign_id=INSPECT_CAMPAIGN) == found("red")
    assert found("red", campaign_id=create_campaign(engine, "Other")) == set()
    page = find_items(engine, text="red", limit=1, offset=3)
    assert (len(page.items), page.total) == (1, 4)
    (shown,) = [item for item in find_items(engine).items if item.id == battle]
    assert (shown.kind, set(shown.captions)) == ("battle", {"one", "the other RED"})


def test_what_was_deleted_is_listed_and_nothing_else(engine, make_item):
    kept, gone = make_item(), make_item()
    delete_item(engine, gone, actor="Olga")
    campaign = create_campaign(engine, "Pilot")
    delete_campaign(engine, campaign)
    listed = deleted(engine)
    assert [item.id for item in listed.items] == [gone]
    assert ([one.id for one in listed.campaigns], listed.total_items) == ([campaign], 1)
    assert [item.id for item in find_items(engine).items] == [kept]
    restore_item(engine, gone, actor="Olga")
    assert deleted(engine).items == ()
