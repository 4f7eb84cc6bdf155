"""The UIs as a person sees them, in headless Chromium: all with the login, nothing without, and no other host is asked.

The screenshots are kept in `.cache/screenshots`, to be looked at.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, expect, sync_playwright

from tests.e2e import running
from tests.sites import REPO, SiteUnderTest

pytestmark = pytest.mark.engine

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# No sandbox: the tests may run as root. The rest keeps the browser from calling home.
OPTIONS = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
]
SCREENSHOTS = REPO / ".cache" / "screenshots"
PATIENCE = 180_000  # milliseconds, as Playwright counts
TRIES = 6  # of a page that does not come
WORDS = 30  # letters of a page that shows something
# Pages that the menu does not lead to; those of blocks and pools show pictures by the URLs in their types.
BELOW_MENU = ("/blocks/catalog", "/blocks/catalog/slack-webhook", "/work-pools/create")
OF_THE_API = ("/docs", "/redoc", "/api/docs", "/api/redoc")
OUTSIDE = "http://pictures.example.org/a.png"
OWN_PICTURES = {
    "image": OUTSIDE,
    "markdown": f"# A picture from outside\n\n![here]({OUTSIDE}) <img src='{OUTSIDE}'>",
}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """An empty page of a browser that knows no login."""
    if not CHROMIUM:
        missing = "there is no chromium; `make browser` installs it"
        pytest.fail(missing, pytrace=False) if os.environ.get("REQUIRE_ENGINE") == "1" else pytest.skip(missing)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield page
        browser.close()


@pytest.fixture(scope="module")
def run(site: SiteUnderTest) -> dict[str, Any]:
    """The last Completed run of the weather flow."""
    running.run_weather(site, "--once")
    wanted = {"flows": {"name": {"any_": ["weather"]}}, "flow_runs": {"state": {"name": {"any_": ["Completed"]}}}}
    return running.all_runs(site, **wanted, sort="END_TIME_DESC", limit=1)[0]


def address(site: SiteUnderTest) -> str:
    return running.api_url(site).removesuffix("/api")


def show(page: Page, name: str) -> Path:
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path


def test_without_the_login_there_is_nothing_to_see(site: SiteUnderTest, run: dict[str, Any], page: Page) -> None:
    answers: dict[str, int] = {}
    page.on("response", lambda answer: answers.update({urlsplit(answer.url).path: answer.status}))
    page.goto(f"{address(site)}/runs")
    expect(page.get_by_placeholder("admin:pass")).to_be_visible()
    show(page, "1-without-login")
    for path in ("/runs", f"/runs/flow-run/{run['id']}"):
        page.goto(address(site) + path, wait_until="networkidle")
        text = page.inner_text("body")
        assert run["name"] not in text
        assert "weather" not in text
    given = {path for path, status in answers.items() if path.startswith("/api/") and status < 400}
    assert given <= {"/api/health", "/api/ready", "/api/csrf-token"}
    assert 401 in answers.values()


def test_with_the_login_the_run_and_its_artifacts_are_shown(
    site: SiteUnderTest, run: dict[str, Any], page: Page
) -> None:
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{address(site)}/runs")
    page.get_by_placeholder("admin:pass").fill(site.env["PREFECT_API_AUTH_STRING"])
    page.keyboard.press("Enter")
    expect(page.get_by_text(run["name"]).first).to_be_visible()
    show(page, "2-runs")

    page.goto(f"{address(site)}/runs/flow-run/{run['id']}")
    expect(page.get_by_text("Completed").first).to_be_visible()
    page.get_by_text("Artifacts", exact=True).click()
    for key in ("weather-figures", "weather-plot"):
        expect(page.get_by_text(key).first).to_be_visible()
    show(page, "3-artifacts-of-the-run")

    plot, table = (artifact(site, run, key) for key in ("weather-plot", "weather-figures"))
    page.goto(f"{address(site)}/artifacts/artifact/{plot}")
    image = page.locator("img[src^='data:image/png']")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 700)  # 7 inches at 100 dpi
    show(page, "4-plot")
    page.goto(f"{address(site)}/artifacts/artifact/{table}")
    expect(page.get_by_text("2013-12").first).to_be_visible()
    assert page.inner_text("body").count("2013-") == 36  # months of three stations
    show(page, "5-table")
    assert hosts - {""} == {urlsplit(address(site)).netloc}  # "" is the plot itself


@pytest.mark.parametrize("ui", ["v1", "v2"])
def test_no_page_asks_another_host(site: SiteUnderTest, run: dict[str, Any], page: Page, ui: str) -> None:
    """Every request that the browser began, those that failed or were refused included."""
    origin, root = address(site), f"{address(site)}/v2" if ui == "v2" else address(site)
    own = [artifact_with_picture(site, kind, data) for kind, data in OWN_PICTURES.items()]
    with page.context.browser.new_context() as context:  # type: ignore[union-attr]  # the fixture's has one
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": "prefect_ui_version", "value": ui, "url": origin}])
        asked: list[str] = []
        context.on("request", lambda request: asked.append(f"{request.frame.url} asked {request.url}"))
        page = context.new_page()
        visit(page, origin, "document.querySelector('[placeholder=\"admin:pass\"]')")
        page.get_by_placeholder("admin:pass").fill(site.env["PREFECT_API_AUTH_STRING"])
        page.keyboard.press("Enter")
        expect(page.locator("a[href$='/blocks']").first).to_be_visible()
        menu = page.eval_on_selector_all("a[href^='/']", "links => links.map(link => link.getAttribute('href'))")
        assert len(menu) >= 10
        assert all(urlsplit(url).path.startswith(urlsplit(root).path) for url in menu)
        more = (*BELOW_MENU, f"/runs/flow-run/{run['id']}", *(f"/artifacts/artifact/{one}" for one in own))
        pages = [*(origin + path for path in dict.fromkeys(menu)), *(root + path for path in more)]
        for url in (*pages, *(origin + path for path in OF_THE_API)):
            visit(page, url)
    hosts = {urlsplit(line.split(" asked ")[1]).netloc for line in asked}
    outside = [line for line in asked if urlsplit(line.split(" asked ")[1]).netloc not in ("", urlsplit(origin).netloc)]
    assert outside == []
    assert urlsplit(origin).netloc in hosts


def visit(page: Page, url: str, shown: str = f"document.body.innerText.trim().length > {WORDS}") -> None:
    """Opens a page and stays until it shows something and has nothing more to ask. `shown` is JavaScript."""
    for _ in range(TRIES):
        # A network that is made on this machine meanwhile, by other tests, ends what the browser loads.
        with suppress(PlaywrightError):
            page.goto(url)
            page.wait_for_function(shown, timeout=PATIENCE / TRIES)
            page.wait_for_load_state("networkidle", timeout=PATIENCE / TRIES)
            return
    pytest.fail(f"{url} shows nothing")


def artifact_with_picture(site: SiteUnderTest, kind: str, data: str) -> str:
    with running.api(site) as client:
        made = client.post("/artifacts/", json={"key": f"outside-{kind}", "type": kind, "data": data})
        return str(made.raise_for_status().json()["id"])


def artifact(site: SiteUnderTest, run: dict[str, Any], key: str) -> str:
    asked = {"flow_runs": {"id": {"any_": [run["id"]]}}, "artifacts": {"key": {"any_": [key]}}}
    with running.api(site) as client:
        (found,) = client.post("/artifacts/filter", json=asked).raise_for_status().json()
    return str(found["id"])
