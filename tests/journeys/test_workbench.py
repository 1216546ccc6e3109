"""The workbench in a real browser: sign in, filter, accept, match by hand, four eyes, undo; keys; and what axe says of it."""

import contextlib
import shutil
import socket
import threading

import pytest
import uvicorn

from tests.faces.web.conftest import PASSWORD, open_bench, template  # noqa: F401 - a fixture
from tests.faces.web.provider import CLIENT, SECRET, provider
from tieout.faces.web.app import make_app
from tieout.faces.web.openid import Provider

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright: no browser journeys without it")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium: apt-get install chromium; the API tests cover what it calls"
    ),
]
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextlib.contextmanager
def served(app):
    """The address of the app in a thread of this process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def desk(template, tmp_path_factory):  # noqa: F811 - pytest's way
    folder = tmp_path_factory.mktemp("browser") / "w"
    shutil.copytree(template, folder)
    bench = open_bench(folder)
    with served(bench.app) as address:
        bench.address = address
        yield bench
    bench.desk.close()


@pytest.fixture
def person(browser, desk):
    """Opens a window in which somebody has signed in by the form."""
    windows = []

    def opened(name, **options):
        window = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **options})
        windows.append(window)
        page = window.new_page()
        page.set_default_timeout(15_000)
        page.console = []
        page.on("console", lambda line: page.console.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda exc: page.console.append(str(exc)))
        page.goto(f"{desk.address}/")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Alder Test GmbH").wait_for()
        return page

    yield opened
    for window in windows:
        window.close()


def state(page):
    return page.locator(".facts .state").first.inner_text()


def open_case(page, text):
    page.get_by_role("link", name="Queue", exact=True).first.click()
    page.wait_for_url("**/queue*")
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/queue?*q={text}*")
    page.locator("table.queue tbody th a").first.click()
    page.get_by_role("heading", name="History").wait_for()


def test_a_proposal_is_accepted_by_one_person_and_approved_by_another(person):
    anna = person("anna")
    open_case(anna, "Morgenstern")
    anna.keyboard.press("a")
    anna.get_by_text("Waiting for a second person").wait_for()
    assert state(anna) == "proposed"
    anna.get_by_role("button", name="Approve").click()
    assert "another" in anna.get_by_role("alert").inner_text()
    assert state(anna) == "proposed"
    bert = person("bert")
    bert.get_by_role("link", name="Waiting for approval").click()
    bert.locator("table.queue tbody th a").first.click()
    bert.get_by_role("button", name="Approve").click()
    bert.get_by_role("status").wait_for()
    assert state(bert) == "resolved"
    bert.get_by_placeholder("why it is undone").fill("it was another customer")
    bert.get_by_role("button", name="Undo").click()
    bert.get_by_role("status").wait_for()
    assert state(bert) == "reopened"
    assert bert.locator(".history li").count() >= 4
    assert anna.console + bert.console == []


def test_a_match_by_hand_shows_what_is_left_to_the_cent(person):
    carl = person("carl")
    open_case(carl, "Brook")
    carl.get_by_label("Find items").fill("AF-2026-10")
    carl.get_by_role("button", name="Find").click()
    carl.get_by_label("AF-2026-104", exact=True).check()
    total = carl.locator("[data-sum-line]")
    assert "left 0.00 EUR" in total.inner_text()
    carl.get_by_label("AF-2026-107", exact=True).check()
    assert "left −12.00 EUR" in total.inner_text()
    carl.locator("#hand").get_by_label("Because").fill("too much")
    carl.get_by_role("button", name="Match").click()
    carl.get_by_role("alert").wait_for()
    assert state(carl) == "open"
    carl.get_by_label("Find items").fill("AF-2026-104")
    carl.get_by_role("button", name="Find").click()
    carl.get_by_label("AF-2026-104", exact=True).check()
    carl.locator("#hand").get_by_label("Because").fill("the customer called")
    carl.get_by_role("button", name="Match").click()
    carl.get_by_role("status").wait_for()
    assert state(carl) == "resolved"
    assert carl.console == []


def test_the_queue_is_walked_by_keys(person):
    carl = person("carl")
    carl.get_by_role("link", name="Queue", exact=True).first.click()
    first = carl.locator("table.queue tbody tr").nth(1).locator("th a").get_attribute("href")
    carl.keyboard.press("j")
    carl.keyboard.press("j")
    carl.keyboard.press("j")
    carl.keyboard.press("k")
    carl.keyboard.press("x")
    assert carl.locator("input[name=case]:checked").count() == 1
    assert "1 chosen" in carl.locator("[data-chosen]").inner_text()
    carl.get_by_role("button", name="Take").click()
    carl.get_by_role("status").wait_for()
    assert carl.locator("table.queue tbody tr").nth(1).get_by_text("carl").count() == 1
    carl.keyboard.press("j")
    carl.keyboard.press("j")
    carl.keyboard.press("Enter")
    carl.get_by_role("heading", name="History").wait_for()
    assert first.split("?")[0] in carl.url
    carl.keyboard.press("j")
    carl.wait_for_url(lambda url: first.split("?")[0] not in url)
    assert carl.console == []


def test_a_payer_called_script_runs_nothing(person):
    carl = person("carl")
    dialogs = []
    carl.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    open_case(carl, "BANK0004")
    assert "<script>alert(1)</script> KG" in carl.locator("main").inner_text()
    assert dialogs == []
    assert carl.console == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color_scheme": "dark"},
        {"viewport": {"width": 390, "height": 844}},
    ],
    ids=["laptop", "dark", "phone"],
)
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_page(person, desk, options):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python").Axe()
    page = person("ada", **options)
    case = desk.case_of("BANK0002")
    run = desk.desk.runs()[0]
    for path in (
        "/", "/queue", "/queue?q=nothing", f"/cases/{case}", "/runs", f"/runs/{run}", f"/runs/{run}/findings?rule=BR-03",
        f"/runs/{run}/object?id=einvoices/AF-2026-104.xml", "/rules", "/rules/PAY-VALUE-DATE", "/plans/receivables",
        "/people", "/password", "/nowhere",
    ):  # fmt: skip
        page.goto(desk.address + path)
        found = axe.run(page).response["violations"]
        serious = [
            f"{path}: {each['id']} {each['nodes'][0]['html'][:120]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path


def test_the_pages_speak_the_browsers_language_and_switch(person):
    page = person("carl")
    page.get_by_role("link", name="中文").click()
    page.get_by_role("link", name="待办", exact=True).wait_for()
    assert page.locator("html").get_attribute("lang") == "zh-Hans"


def test_a_person_signs_in_by_an_openid_provider_and_stays_in(browser, template, tmp_path):  # noqa: F811 - pytest's way
    folder = tmp_path / "w"
    shutil.copytree(template, folder)
    bench = open_bench(folder)
    with provider() as idp:
        settings = {"issuer": idp.issuer, "client_id": CLIENT, "client_secret": SECRET, "name_claim": "sub"}
        idp.claims["sub"] = "carl"
        bench.desk.openid = Provider(settings)
        with served(make_app(bench.desk)) as address:
            window = browser.new_context(locale="en-GB")
            page = window.new_page()
            page.goto(f"{address}/")
            page.get_by_role("link", name="Sign in with").click()
            page.get_by_role("heading", name="Alder Test GmbH").wait_for()
            page.reload()
            assert "carl" in page.locator(".me").inner_text()
            window.close()
    bench.desk.close()
