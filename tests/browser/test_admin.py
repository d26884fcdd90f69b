"""The owner's page in a real browser: sign in, make, watch, hand back, decide, delete and restore."""

import re
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from annotations.adjudication import final_label
from annotations.assignment import next_item
from annotations.campaigns import create_campaign, get_campaign
from annotations.engine import open_database
from annotations.images import add_image
from annotations.invites import invite
from annotations.items import add_item, get_item
from annotations.store import NewRating, save_rating
from app.pictures import PictureStore

OpenPage = Callable[..., Page]

HOSTILE = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script> ${window.pwned=1}"
PARTS = ("A red disc floats on the left.", f" A dog {HOSTILE} sleeps.")


@pytest.fixture(scope="module")
def engine(server: str, data_folder: Path) -> Engine:
    """The running app's own database."""
    return open_database(f"sqlite:///{data_folder / 'specs.sqlite3'}")


@pytest.fixture
def disputed(engine: Engine, data_folder: Path) -> tuple[str, str]:
    """A campaign of its own with one item that two raters see in opposite ways."""
    name = f"{HOSTILE[:40]} {secrets.token_hex(4)}"
    campaign_id = create_campaign(engine, name, guideline=f"# Look\n\n{HOSTILE}")
    image = Image.effect_noise((96, 64), 60).convert("RGB")
    image_id = add_image(engine, sha256=secrets.token_hex(32), filename=HOSTILE, width=96, height=64)
    PictureStore(data_folder / "images").save(image_id, image)
    cut = len(PARTS[0])
    caption = "".join(PARTS)
    item_id = add_item(
        engine,
        image_id=image_id,
        caption=caption,
        units=[(PARTS[0], 0, cut), (PARTS[1], cut, len(caption))],
        segmenter_version="parts-1",
        campaign_id=campaign_id,
        source=HOSTILE,
    )
    for rater, grade, verdict in ((f"Ada {HOSTILE[:60]}", 1, "supported"), ("Bo", 5, "hallucinated")):
        save_rating(
            engine,
            NewRating(
                item_id=item_id,
                rater=rater,
                answers=dict.fromkeys(("correctness", "thoroughness", "overall"), grade),
                verdicts=(verdict, "unsure"),
                nonce=secrets.token_hex(8),
                guideline_version="1",
                application_version="test",
                comment=HOSTILE,
            ),
        )
    return name, item_id


@pytest.fixture
def owner(engine: Engine, open_page: OpenPage) -> Callable[..., Page]:
    """Open the page and sign in, as in `owner(role="adjudicator", width=390)`."""

    def enter(*, role: str = "admin", campaign: str = "", **options: object) -> Page:
        code = invite(engine, f"{role} {secrets.token_hex(3)}", role=role)
        page = open_page(**options)
        tab = page.get_by_role("tab", name="Admin", exact=True)
        if not tab.is_visible():
            page.locator(".overflow-menu > button").first.click()
            tab = page.locator(".overflow-dropdown button", has_text="Admin")
        tab.click()
        page.locator("#admin-code").fill(code)
        page.locator("#admin-code").press("Enter")
        expect(page.locator("#admin-nav")).to_be_visible()
        if campaign:
            page.locator("#admin-campaign").select_option(label=campaign)
            # Until then the other campaign's section stands there.
            expect(page.locator("#admin-section[aria-busy]")).to_have_count(0)
        return page

    return enter


def go(page: Page, section: str) -> None:
    page.locator(f"#admin-nav [data-section={section}]").click()
    expect(page.locator(f"#admin-nav [data-section={section}]")).to_have_attribute("aria-current", "page")
    expect(page.locator("#admin-section[aria-busy]")).to_have_count(0)


def assert_nothing_ran(page: Page) -> None:
    assert page.evaluate("window.pwned") is None
    assert page.locator("#admin script, #admin img[onerror]").count() == 0


def test_wrong_code_and_a_rater_get_one_sentence_and_a_field(engine: Engine, open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("tab", name="Admin", exact=True).click()
    page.locator("#admin-code").fill("wrong")
    page.locator("#admin-code").press("Enter")
    expect(page.locator("#admin [role=alert]")).to_contain_text("does not sign in")
    page.locator("#admin-code").fill(invite(engine, f"Rita {secrets.token_hex(3)}"))
    page.locator("#admin-code").press("Enter")
    expect(page.locator("#admin")).to_contain_text("this page is for admins and adjudicators")
    expect(page.locator("#admin-nav")).to_have_count(0)


def test_campaign_is_made_with_scales_of_its_own_and_a_guideline_that_is_shown_as_raters_see_it(
    engine: Engine, owner: Callable[..., Page]
) -> None:
    page, name = owner(), f"Pilot {secrets.token_hex(4)} {HOSTILE[:30]}"
    go(page, "new")
    page.locator("#admin-new-name").fill(name)
    page.locator("#admin-criteria").select_option("own")
    page.get_by_label("What raters read").fill(HOSTILE[:100])
    page.get_by_label("Name in exports").fill("clarity")
    page.get_by_label("Highest answer", exact=True).fill("7")
    page.locator("#admin-guideline").fill(f"# Look twice\n\n{HOSTILE}")
    expect(page.locator("#admin-preview h1")).to_have_text("Look twice")
    expect(page.locator("#admin-preview")).to_contain_text("<script>")
    page.locator("#admin-overlap").fill("2")
    page.get_by_role("button", name="Make the campaign").click()
    expect(page.locator("#admin-status")).to_contain_text("Made.")
    made = get_campaign(engine, name)
    assert [(one.name, one.low, one.high) for one in made.questions] == [("clarity", 1, 7)]
    assert made.overlap == 2
    expect(page.locator("#admin-section")).to_contain_text("No items yet")
    assert_nothing_ran(page)


def test_progress_and_raters_are_shown_with_the_reason_where_a_number_is_missing(
    owner: Callable[..., Page], disputed: tuple[str, str]
) -> None:
    page = owner(campaign=disputed[0])
    facts = page.locator(".ad-facts")
    expect(facts).to_contain_text("2 of 3")
    agreement = page.locator(".ad-table").first
    expect(agreement).to_contain_text("all items are of one image: no interval over images")
    expect(page.locator(".ad-bars")).to_have_attribute("aria-label", re.compile("Ratings a day: .* 2$"))
    go(page, "raters")
    expect(page.locator("#admin-raters tbody tr")).to_have_count(2)
    expect(page.locator("#admin-raters")).to_contain_text("Ada <img src=x")
    assert_nothing_ran(page)


def test_item_is_decided_by_keyboard_and_the_votes_stay(
    engine: Engine, owner: Callable[..., Page], disputed: tuple[str, str]
) -> None:
    page = owner(role="adjudicator", campaign=disputed[0])
    expect(page.locator("#admin-nav button")).to_have_text(["Disputed"])
    page.get_by_role("button", name=re.compile("^Decide on")).click()
    expect(page.locator("#admin-case")).to_contain_text(PARTS[1].strip())
    expect(page.get_by_role("button", name="Hand back …")).to_have_count(0)
    for key in ("s", "h", "2", "3", "k", "4", "5"):
        page.keyboard.press(key)
    page.locator("#admin-comment").fill(HOSTILE)
    page.locator("#admin-decisions [data-row='0'] input").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#admin-status")).to_contain_text("Decision 1 saved")
    label = final_label(engine, disputed[1])
    assert label.answers == {"correctness": 2, "thoroughness": 4, "overall": 5}
    assert [verdict.verdict for verdict in label.verdicts] == ["supported", "hallucinated"]
    page.keyboard.press("Escape")
    expect(page.locator("#admin-queue")).to_contain_text("✓")
    page.get_by_role("button", name=re.compile("^Decide on")).click()
    expect(page.locator("#admin-comment")).to_have_value(HOSTILE)
    expect(page.locator("#admin-decisions [data-row='0'] input:checked")).to_have_attribute(
        "data-answer", "supported"
    )
    assert_nothing_ran(page)


def test_rating_is_handed_back_with_a_reason(
    engine: Engine, owner: Callable[..., Page], disputed: tuple[str, str]
) -> None:
    page = owner(campaign=disputed[0])
    go(page, "items")
    page.get_by_role("button", name=re.compile("^Open A red disc")).click()
    page.locator("[data-return='Bo']").click()
    page.get_by_label("Why it goes back to Bo").fill("The dog is asleep.")
    page.keyboard.press("Enter")
    expect(page.locator("#admin-status")).to_have_text("Handed back.")
    assert next_item(engine, "Bo").returned == "The dog is asleep."
    go(page, "log")
    expect(page.locator("#admin-log tbody tr").first).to_contain_text("The dog is asleep.")
    assert_nothing_ran(page)


def test_item_and_campaign_are_deleted_and_restored(
    engine: Engine, owner: Callable[..., Page], disputed: tuple[str, str]
) -> None:
    page = owner(campaign=disputed[0])
    go(page, "items")
    page.locator("#admin-search").fill("RED DISC")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile("^Delete A red disc")).click()
    expect(page.locator("#admin-status")).to_contain_text("its ratings are kept")
    assert get_item(engine, disputed[1]).deleted_at is not None
    page.locator(f"[data-undo='{disputed[1]}']").click()
    expect(page.locator("#admin-status")).to_contain_text("Restored")
    assert get_item(engine, disputed[1]).deleted_at is None
    go(page, "campaign")
    for act, gone in (("Delete", True), ("Restore", False)):
        expect(page.locator("#admin-delete")).to_have_text(act)
        page.locator("#admin-delete").click()
        expect(page.locator("#admin-delete")).not_to_have_text(act)
        assert (get_campaign(engine, disputed[0]).deleted_at is not None) == gone
    assert_nothing_ran(page)


def test_invited_person_gets_a_code_that_is_shown_once(engine: Engine, owner: Callable[..., Page]) -> None:
    page, name = owner(), f"New {secrets.token_hex(4)}"
    go(page, "people")
    page.locator("#admin-invite-name").fill(name)
    page.get_by_role("button", name="Make a code").click()
    expect(page.locator("#admin-invite-code")).to_have_text(re.compile("^[0-9A-Z]{8}-"))
    row = page.locator(f"[data-person='{name}']")
    row.get_by_role("combobox").select_option("adjudicator")
    expect(page.locator("#admin-status")).to_have_text(f"{name} is adjudicator now.")
    go(page, "people")
    expect(page.locator("#admin-invite-code")).to_have_count(0)
    expect(row.get_by_role("combobox")).to_have_value("adjudicator")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_on_a_phone_needs_no_sideways_scrolling(
    owner: Callable[..., Page], disputed: tuple[str, str], theme: str
) -> None:
    page = owner(campaign=disputed[0], width=390, height=844, theme=theme)
    for section in ("progress", "raters", "items", "campaign", "new", "people", "log", "queue"):
        go(page, section)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, section
    page.get_by_role("button", name=re.compile("^Decide on")).click()
    expect(page.locator("#admin-case")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert_nothing_ran(page)
