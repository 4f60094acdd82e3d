"""The page in a browser: decisions by key, texts that stay texts, and nothing that the browser complains of."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from cleanlab_assets.review_page.app import ReviewPage
from cleanlab_assets.review_page.security import LOOPBACK_NAMES
from cleanlab_assets.review_page.server import listen
from cleanlab_assets.reviews.database import LedgerError
from cleanlab_assets.reviews.decisions import describe_answer
from cleanlab_assets.reviews.queues import name_random_queue
from cleanlab_assets_tests.review_page.conftest import N_FLAGGED, N_OUTLIERS, SCRIPT, KnownAudit, make_audit
from cleanlab_assets_tests.review_page.known_elements import (
    CAT,
    DOG,
    HOSTILE,
    MISSED,
    PLANTED,
    REGION,
    make_elements_audit,
)
from cleanlab_assets_tests.review_page.test_second_opinion import make_second_opinions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets.review_page.audit import ReviewedAudit
    from cleanlab_assets.reviews.ledger import Ledger

pytestmark = pytest.mark.slow
CHROMIUM = Path("/usr/bin/chromium")
SECRET = "a-token-that-nobody-can-guess"  # noqa: S105 - of the tests
EXPECTED = (
    "Failed to load resource: the server responded with a status of 409 (Conflict)",
    "Failed to load resource: net::ERR_FAILED",
)
"""What the browser says where a test lets a request fail."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser; without one the tests skip."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra dev")
    if not CHROMIUM.is_file():
        pytest.skip(f"needs a browser: {CHROMIUM} is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def address(ledger: Ledger, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a review of the tickets is served, or one of another audit that a test names."""
    import uvicorn

    make = getattr(request, "param", make_audit)
    page = ReviewPage(lambda: cast("ReviewedAudit", make()), ledger, reviewer="ann")
    app = page.build(host_names=LOOPBACK_NAMES, token=SECRET)
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/?token={SECRET}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, as it is opened first; at the end the browser must not have complained."""
    context = browser.new_context()
    opened, complaints = context.new_page(), []

    def hear(message: Any) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def refuse(dialog: Any) -> None:
        complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    opened.on("console", hear)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", refuse)
    opened.goto(address)
    opened.wait_for_selector(".decide")
    yield opened
    context.close()
    assert [told for told in complaints if told not in EXPECTED] == []


def wait_until(page: Any, holds: str) -> None:
    """Wait until an expression holds; the browser's own way evaluates texts, which the page's policy forbids."""
    for _ in range(200):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"it never held that {holds}")


def press(page: Any, key: str) -> None:
    """Press a key that enters or shows something, and wait until the answer is on the page."""
    page.evaluate("document.getElementById('row').dataset.seen = 'yes'")
    page.keyboard.press(key)
    wait_until(page, "!document.getElementById('row').dataset.seen && !document.body.hasAttribute('aria-busy')")


def row(page: Any) -> str:
    """The row that is shown."""
    return str(page.inner_text("#row"))


def test_ten_rows_are_decided_by_keyboard_and_one_is_taken_back(page: Any, ledger: Ledger) -> None:
    shown = [row(page)]
    for key in ("g", "1", "2", "3", "u", "x", "s", "g", "g", "g"):
        press(page, key)
        shown.append(row(page))
    page.keyboard.press("o")
    page.keyboard.type("deliv")
    press(page, "Enter")
    assert shown == [f"tickets.csv:{line}" for line in range(2, 13)], "each key shows the next row"

    # The second likeliest label of the third row is its given one.
    said = [(entry.decision.verdict, entry.decision.label) for entry in ledger.read("tickets")]
    assert said == [
        ("given is right", None),
        *(("label is", SCRIPT), ("given is right", None), ("label is", SCRIPT)),
        *(("unclear", None), ("exclude the row", None)),
        *([("given is right", None)] * 3),
        ("label is", "delivery"),
    ]
    assert all(entry.decision.seen.queue == "worst first" for entry in ledger.read("tickets"))

    press(page, "z")
    assert row(page) == "tickets.csv:12"
    assert "entry 11: entry 10 is taken back" in page.inner_text("#status")
    assert [entry.undone_by for entry in ledger.read("tickets")][-1] == 11

    page.reload()
    page.wait_for_selector(".decide")
    assert row(page) == "tickets.csv:12", "a reload shows the same row"
    assert "9 of 12 decided" in page.inner_text("#progress")
    assert "taken back by 11" in page.inner_text("#rest")
    page.goto(page.url.partition("?")[0])
    page.wait_for_selector(".decide")
    assert row(page) == "tickets.csv:8", "what was skipped is the worst that is left"


def test_texts_of_the_data_stay_texts(page: Any, ledger: Ledger) -> None:
    page.keyboard.press("n")
    page.keyboard.type("note <img src=x onerror=alert(1)>")
    page.keyboard.press("Escape")
    press(page, "g")
    press(page, "b")
    content = page.inner_text("main")
    for text in (f"message 0 {SCRIPT}", f"because {SCRIPT}", f"other {SCRIPT}", "note <img src=x onerror=alert(1)>"):
        assert text in content
    assert page.locator("main script, main img[src=x], .title script").count() == 0
    assert SCRIPT in page.inner_text("h1")
    assert ledger.read("tickets")[0].decision.note == "note <img src=x onerror=alert(1)>"
    assert page.evaluate("document.querySelector('.pictures img').naturalWidth") == 240


def test_keys_type_where_a_person_types(page: Any, ledger: Ledger) -> None:
    for field in ("/", "n", "o"):
        page.keyboard.press(field)
        page.keyboard.type("gxu123zs")
        page.keyboard.press("Escape")
    page.keyboard.press("Control+g")
    assert ledger.read("tickets") == []
    page.keyboard.press("?")
    assert page.locator("#help").evaluate("help => help.open")
    page.keyboard.press("g")
    page.keyboard.press("?")
    assert not page.locator("#help").evaluate("help => help.open")
    assert ledger.read("tickets") == [], "nothing is decided behind the help"


def test_a_row_is_found_and_another_queue_chosen(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("message 30 ")
    page.click("#found button")
    wait_until(page, "document.getElementById('row').textContent === 'tickets.csv:32'")
    page.select_option("#queue", "one class pair")
    wait_until(page, "document.getElementById('progress').textContent.startsWith('0 of 4 decided')")
    page.select_option("#queue", "random unflagged rows")
    wait_until(page, "document.getElementById('progress').textContent.startsWith('0 of 28 decided')")
    press(page, "s")
    second = row(page)
    press(page, "b")
    assert row(page) != second


def test_what_goes_wrong_is_shown_and_nothing_is_lost(
    page: Any, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LedgerError("the ledger is locked")

    page.keyboard.press("n")
    page.keyboard.type("kept")
    page.keyboard.press("Escape")
    with monkeypatch.context() as patch:
        patch.setattr(type(ledger), "decide", fail)
        page.keyboard.press("u")
        page.wait_for_selector("#error:not([hidden])")
    assert page.inner_text("#error-text") == "the ledger is locked"
    assert (row(page), page.input_value("#note")) == ("tickets.csv:2", "kept")

    # The answer is lost, after the entry was made: the same key enters nothing more.
    page.route("**/api/decide", lambda route: (route.fetch(), route.abort()))
    page.keyboard.press("u")
    wait_until(page, "document.getElementById('error-text').textContent.includes('decide again')")
    page.unroute("**/api/decide")
    press(page, "u")
    assert row(page) == "tickets.csv:3"
    (entry,) = ledger.read("tickets")
    assert (entry.decision.verdict, entry.decision.note) == ("unclear", "kept")


def test_who_decides_is_named_on_the_page(page: Any, ledger: Ledger) -> None:
    assert page.input_value("#reviewer") == "ann"
    page.fill("#reviewer", "bob")
    page.keyboard.press("Escape")
    press(page, "u")
    page.reload()
    page.wait_for_selector(".decide")
    assert page.input_value("#reviewer") == "bob"
    press(page, "z")
    assert [entry.decision.reviewer for entry in ledger.read("tickets")] == ["bob"]
    assert ledger.read("tickets")[0].undone_by == 2


of_elements = pytest.mark.parametrize("address", [make_elements_audit], indirect=True)


def chosen(page: Any) -> str:
    """The name of the element that is chosen."""
    return str(page.locator(".elements [aria-current]").get_attribute("value"))


@of_elements
def test_boxes_and_regions_are_decided_by_keyboard(page: Any, ledger: Ledger) -> None:
    assert (row(page), chosen(page)) == ("a.png", CAT), "the worst one of which something can be said"
    assert page.locator(".place").evaluate("mark => [mark.style.left, mark.style.right]") == ["10%", "50%"]
    page.keyboard.press("ArrowUp")
    assert chosen(page) == PLANTED
    assert page.locator("#element button").count() == 0
    assert page.locator(".place").is_hidden()
    page.keyboard.press("j")
    assert chosen(page) == CAT
    page.keyboard.press("t")
    assert page.locator("#error").is_hidden(), "nothing is predicted there"
    for key, following in (("d", DOG), ("t", MISSED), ("t", HOSTILE)):
        press(page, key)
        assert (row(page), chosen(page)) == ("a.png", following)
    page.keyboard.press("c")
    page.keyboard.type("do")
    press(page, "Enter")
    assert chosen(page) == HOSTILE, "nothing else is open"
    page.keyboard.press("k")
    press(page, "e")
    press(page, "g")
    assert (row(page), chosen(page)) == ("b.png", REGION)
    press(page, "m")
    page.keyboard.press("c")
    page.keyboard.type("background")
    press(page, "Enter")
    said = [(entry.decision.element, describe_answer(entry.decision)) for entry in ledger.read("tickets")]
    assert said == [
        (CAT, "label is no box"),
        (DOG, "label is dog@5,5,13,15"),
        (MISSED, f"label is {SCRIPT}@14,1.5,19,8"),
        (HOSTILE, "label is dog@1,1,5,5"),
        (MISSED, "given is right"),
        ("", "given is right"),
        (REGION, "unclear"),
        (REGION, "label is background (a region)"),
    ]
    press(page, "z")
    assert (row(page), "in force: unclear" in page.inner_text(".elements")) == ("b.png", True), "the one before counts"
    page.keyboard.press("?")
    assert "the next box or region" in page.inner_text("#keys")


@of_elements
def test_names_of_elements_and_classes_stay_texts(page: Any) -> None:
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    assert chosen(page) == HOSTILE
    press(page, "d")
    content = page.inner_text("main")
    assert f"box of {SCRIPT}" in content
    assert HOSTILE in page.inner_text("#rest")
    assert page.locator("main script").count() == 0


def test_keys_of_elements_are_named_only_where_there_are_some(page: Any, ledger: Ledger) -> None:
    for key in "djktcem":
        page.keyboard.press(key)
    page.keyboard.press("?")
    assert "box or region" not in page.inner_text("#keys")
    assert ledger.read("tickets") == []


@of_elements
@pytest.mark.parametrize("width", [320, 1280])
def test_elements_are_no_wider_than_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.keyboard.press("c")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_field_has_a_name(page: Any) -> None:
    unnamed = page.evaluate(
        """[...document.querySelectorAll('input, select, textarea, button, img, progress')].filter((one) =>
        !one.closest('[hidden], dialog') && one.getAttribute('aria-hidden') !== 'true' && !one.textContent.trim() &&
        !one.alt && !one.getAttribute('aria-label') && !(one.labels?.length)).map((one) => one.outerHTML)"""
    )
    assert unnamed == []
    assert int(page.get_attribute("#bar", "max")) == N_FLAGGED


def make_audit_with_opinions() -> KnownAudit:
    """The audit of the tickets, with verdicts on its first three rows."""
    audit = make_audit()
    audit.tables["second_opinion"] = make_second_opinions(audit)
    return audit


@pytest.mark.parametrize("address", [make_audit_with_opinions], indirect=True)
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_card_of_a_second_opinion_says_the_verdict_and_fits_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    card = page.locator(".card", has_text="Second opinion, by a language model")
    said = [f"because {SCRIPT}", "given label", "defensible 90.0 % sure", "likeliest label", "delivery"]
    assert [text for text in card.inner_text().splitlines() if text][1:] == said
    box = card.bounding_box()
    assert 0 <= box["x"] < box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert card.evaluate("card => card.scrollWidth <= card.clientWidth"), "no text runs out of the card"
    press(page, "g")
    assert "not defensible 60.0 % sure" in card.inner_text()
    assert card.locator("script").count() == 0
    press(page, "g")
    press(page, "g")
    assert card.count() == 0, "there is no verdict on the fourth row"


@pytest.mark.parametrize("width", [320, 1280])
def test_findings_of_another_issue_type_are_decided_by_keyboard(page: Any, ledger: Ledger, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    queue = name_random_queue("outlier")
    page.select_option("#queue", queue)
    wait_until(page, f"document.getElementById('progress').textContent.startsWith('0 of {N_OUTLIERS} decided')")
    assert "Is the finding right: outlier?" in page.inner_text(".decide")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for key in "1ol":  # no label is asked
        page.keyboard.press(key)
    for key in "fgxu":
        press(page, key)
    made = [entry.decision for entry in ledger.read("tickets")]
    assert [(one.issue_type, one.verdict, one.seen.queue) for one in made] == [
        ("outlier", verdict, queue) for verdict in ("finding is right", "given is right", "exclude the row", "unclear")
    ]
    assert "2 of 3 are found rightly" in page.inner_text("#progress")
    press(page, "z")
    assert "outlier" in page.inner_text("#rest"), "what is taken back stands among what was decided before"
    page.select_option("#queue", "worst first")
    wait_until(page, f"document.getElementById('progress').textContent.startsWith('0 of {N_FLAGGED} decided')")
