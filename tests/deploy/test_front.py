"""The app as it is deployed: two processes behind nginx, in real Chromium, with the very configuration of .deploy/."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from tests.browser.driver import DEEP_QUERY, chromium, wait_for_rest, wait_for_text
from tests.browser.test_browser_models import MODEL, upload
from tests.deploy.front import DEPLOY, HOST, PASSWORD, USER, Front, front, missing
from tests.export.page_reader import data_of
from tests.lopsided import FITS, lopsided, write_folder
from tests.training import until

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.skipif(bool(missing()), reason=missing() or "all is there"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
TELL = """
document.addEventListener('securitypolicyviolation', (event) => {
  console.error('policy:', event.violatedDirective, event.blockedURI);
});
"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    # A server on busy cores measures itself as slow, and would refuse the page of a run as too much for one key.
    folder = tmp_path_factory.mktemp("deployed")
    with front(folder, GPTSCOPE_UPLOAD_MB="2", GPTSCOPE_KEY_SECONDS="60") as made:
        yield made


@pytest.fixture(scope="module")
def chrome(launched: BrowserContext) -> Browser:
    """The browser of all tests of this process: a second one of Playwright's cannot be started beside it."""
    assert launched.browser is not None
    return launched.browser


@contextmanager
def visitor(chrome: Browser, password: str | None = PASSWORD) -> Iterator[BrowserContext]:
    """Somebody with a browser of their own, who knows a password."""
    known = None if password is None else {"username": USER, "password": password}
    context = chrome.new_context(
        ignore_https_errors=True,
        http_credentials=known,  # type: ignore[arg-type]
        viewport={"width": 1440, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.add_init_script(DEEP_QUERY + TELL)
    try:
        yield context
    finally:
        context.close()


def opened(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    ready(page)
    return page


def ready(page: Page) -> None:
    page.wait_for_selector('[data-role="map"][data-ready="true"]', timeout=60_000)


def process_of(context: BrowserContext) -> int:
    (port,) = (cookie["value"] for cookie in context.cookies() if cookie["name"] == "gptscope_process")
    return int(port)


def answer(context: BrowserContext, address: str) -> Response:
    page = context.new_page()
    found = page.goto(address)
    assert found is not None
    return found


def test_the_page_works_wholly_under_a_prefix_and_the_policy(deployed: Front, chrome: Browser, tmp_path: Path) -> None:
    with visitor(chrome) as context:
        page = context.new_page()
        said = heard(page)
        page.goto(deployed.address.removesuffix("/gptscope/"))  # leads to the prefix
        ready(page)
        links = page.locator("header a").evaluate_all("links => links.map((link) => link.pathname)")
        assert len(links) > 4 and links[0] == "/gptscope/"
        for path in [*links[1:], links[0]]:
            page.locator(f'header a[href="{path}"], header a[href$="{path}"]').first.click()
            page.wait_for_url(lambda url, path=path: urlsplit(url).path == path)  # type: ignore[misc]
            page.locator(MODEL).first.wait_for()
            wait_for_rest(page)  # plotly complains of a plot that leaves the page while it is drawn
            if path == links[1]:
                page.reload()  # an address below the prefix is answered as well
                page.locator(MODEL).first.wait_for()
                wait_for_rest(page)
            assert deployed.ask(path).status == 200
        ready(page)
        page.locator("[data-role=prompt]").fill("The fox")
        wait_for_text(page, "The fox")
        page.get_by_role("button", name="Copy link").click()
        page.get_by_text("Link copied.").wait_for()
        link = page.evaluate("navigator.clipboard.readText()")
        assert link.startswith(f"{deployed.address}?") and "The+fox" in link

        page.get_by_role("button", name="Diagram", exact=True).click()
        page.locator("g.node").first.wait_for()
        for kind in ("[data-save$='.png']", "[data-save$='.svg']", "[data-file='page.html']"):  # the last by the server
            page.locator("[data-role=save][aria-expanded=false]").click()
            with page.expect_download() as downloading:
                page.locator(kind).first.click()
            downloading.value.save_as(tmp_path / "saved")
            page.keyboard.press("Escape")
        assert data_of(tmp_path / "saved")["title"] == "fairytales"
        assert said == [], said
    with visitor(chrome) as other:
        wait_for_text(opened(other, link), "The fox")


def heard(page: Page) -> list[str]:
    """Everything that a browser complains about, from now on; and each request that leaves the server's name."""
    said: list[str] = []

    def answered(found: Response) -> None:
        # Streamlit asks on each page first whether the app begins there.
        if found.status >= 400 and not re.fullmatch(
            r"/gptscope/\w+/_stcore/(health|host-config)", urlsplit(found.url).path
        ):
            said.append(f"{found.status} {found.url}")

    def told(kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            said.append(text)

    page.on("response", answered)
    page.on("console", lambda message: told(message.type, message.text))
    page.on("pageerror", lambda error: told("error", f"{error} on {page.url}"))
    page.on("request", lambda asked: said.append(asked.url) if foreign(asked.url) else None)
    return said


def foreign(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in ("blob", "data") and parts.hostname != HOST


def test_what_a_browser_asks_for_goes_to_the_process_of_its_page(
    deployed: Front, chrome: Browser, tmp_path: Path
) -> None:
    before = len(deployed.requests())
    folder = write_folder(tmp_path / "mine", lopsided(), prompt=FITS)
    with ExitStack() as stack:
        visitors = [stack.enter_context(visitor(chrome)) for _ in range(2)]
        pages = [opened(each, deployed.address) for each in visitors]
        given = [int(re.findall(r"gptscope_process=(\d+)", str(deployed.ask("").headers))[0]) for _ in range(2)]
        assert sorted([*map(process_of, visitors), *given]) == sorted(deployed.ports * 2), "the processes take turns"
        for page in pages:
            upload(page, *sorted(folder.iterdir()))
            expect(page.locator(MODEL).first).to_contain_text("model.safetensors", timeout=30_000)
            wait_for_rest(page)  # the menu is another one for another model
            page.locator("[data-role=save]").click()
            with page.expect_download():
                page.locator('[data-file="tensor.npy"]').click()
        assert sorted(map(process_of, visitors)) == sorted(deployed.ports)
    kinds = {"/_stcore/stream", "/_stcore/upload_file/", "/media/"}

    def told(port: int) -> set[str]:
        """The kinds of requests that a process has answered since the start of this test."""
        asked = [each for each in deployed.requests()[before:] if each[0] == str(port) and int(each[2]) < 400]
        return {kind for kind in kinds for *_, path in asked if kind in path}

    # A stream is told at its end; that of a page before this test may be told in its midst, and is of one process.
    until(lambda: all(told(port) == kinds for port in deployed.ports), seconds=60)
    kept = [each for each in deployed.requests()[before:] if each[0] != "-"]
    assert {cookie for cookie, *_ in kept} == {str(port) for port in deployed.ports}
    assert [each for each in kept if each[1] != each[0]] == []


def test_nobody_gets_in_without_the_password(deployed: Front) -> None:
    places = ["", "words", "_stcore/health", "_stcore/host-config", "static/js/x.js", "media/x", "_stcore/stream"]
    for password in (None, "wolf and fox"):
        for place in places:
            for headers in (None, {"Cookie": f"gptscope_pass={'0' * 32}; gptscope_process={deployed.ports[0]}"}):
                found = deployed.ask(place, password, headers=headers)
                assert (found.status, found.getheader("Set-Cookie")) == (401, None), place
                assert found.getheader("WWW-Authenticate") == 'Basic realm="gptscope"'
    for path, tls in (("/", True), ("/.well-known/acme-challenge/x", False), ("/gptscope/", False), ("/other", True)):
        assert deployed.ask(path, "wolf and fox", tls=tls).getheader("Set-Cookie") is None


def test_a_pass_is_enough_where_a_browser_sends_no_password_with_a_websocket(deployed: Front, chrome: Browser) -> None:
    with visitor(chrome) as context, visitor(chrome, None) as other:
        assert answer(context, deployed.address).status == 200
        cookies = context.cookies()
        assert {"gptscope_pass", "gptscope_process"} <= {each["name"] for each in cookies}
        assert all(each["secure"] and each["sameSite"] == "Lax" for each in cookies)
        other.add_cookies([each for each in cookies if each["name"] == "gptscope_pass"])  # type: ignore[arg-type, misc]
        ready(opened(other, deployed.address))


def test_headers_of_a_page(deployed: Front) -> None:
    for place in ("", "_stcore/health", "media/nothing"):
        found = deployed.ask(place)
        policy = dict(
            part.strip().partition(" ")[::2] for part in str(found.headers["Content-Security-Policy"]).split(";")
        )
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        assert not {"'unsafe-inline'", "'unsafe-eval'"} & {*policy["script-src"].split()}
        assert not [each for each in policy.values() if "*" in each or "http" in each]
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert found.headers["Referrer-Policy"] == "same-origin"
        assert found.headers["Server"] == "nginx"  # and no version
    for place in ("_stcore/metrics", "_stcore/script-health-check", "_stcore/agent/openapi.json"):
        assert deployed.ask(place).status == 404


def test_another_name_gets_a_page_that_tells_the_right_one(deployed: Front, chrome: Browser) -> None:
    with visitor(chrome) as context:
        for wrong in (f"https://other.localhost:{deployed.https}/gptscope/", f"http://127.0.0.1:{deployed.http}/"):
            page = context.new_page()
            found = page.goto(wrong)
            assert found is not None and found.status == 421
            expect(page.get_by_role("heading")).to_have_text("gptscope has another address")
        page.get_by_role("link", name=deployed.address).click()
        ready(page)
        found = page.goto(f"http://{HOST}:{deployed.http}/gptscope/words?a=b")
        assert page.url.startswith(f"{deployed.address}words?")


def test_a_process_itself_answers_no_other_name_and_tells_no_numbers(deployed: Front) -> None:
    """Without nginx, too: it is started by the project's own command, which has a door."""
    for host, path, status in ((HOST, "", 200), ("127.0.0.1", "", 400), (HOST, "_stcore/metrics", 404)):
        to = HTTPConnection("127.0.0.1", deployed.ports[0], timeout=30)
        to.request("GET", f"{deployed.prefix}/{path}", headers={"Host": host})
        assert to.getresponse().status == status, (host, path)
        to.close()


def test_a_file_larger_than_allowed_is_refused_before_the_app_has_it(deployed: Front) -> None:
    def refused() -> list[str]:
        return [answered for _, answered, status, *_ in deployed.requests() if status == "413"]

    for place in ("_stcore/upload_file/a/b", "words"):
        # told by its length alone, so that nothing need be sent
        assert deployed.ask(place, method="PUT", headers={"Content-Length": "3000000"}).status == 413
    until(lambda: len(refused()) >= 2)  # they are told at their end
    assert {*refused()} == {"-"}


@pytest.mark.slow
def test_the_root_of_a_host_that_is_open_to_all(chrome: Browser, tmp_path: Path) -> None:
    settings = {"GPTSCOPE_PREFIX": "", "GPTSCOPE_PASSWORDS": "", "GPTSCOPE_MODEL": "nano-sort"}
    with front(tmp_path, processes=1, **settings) as plain, visitor(chrome, None) as context:
        page = context.new_page()
        said = heard(page)
        page.goto(plain.address)
        ready(page)
        expect(page.locator(MODEL).first).to_contain_text("nano-sort")
        assert urlsplit(page.url).path == "/" and said == []
        assert {each["path"] for each in context.cookies()} == {"/"}
        assert plain.ask("_stcore/metrics", None).status == 404


def test_the_health_check_of_the_image(deployed: Front) -> None:
    (command,) = re.findall(r'CMD (\["python".*\])$', (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    for port, healthy in ((deployed.ports[0], True), (deployed.http, False)):
        environment = {**deployed.environment, "GPTSCOPE_PORT": str(port)}
        done = subprocess.run(json.loads(command), env=environment, capture_output=True, check=False)
        assert (done.returncode == 0) == healthy


@pytest.mark.slow
def test_a_process_that_ends_leaves_its_visitors_to_another(deployed: Front, chrome: Browser) -> None:
    with visitor(chrome) as context:
        page = opened(context, deployed.address)
        page.locator("[data-role=prompt]").fill("The fox")
        wait_for_text(page, "The fox")
        first = process_of(context)
        deployed.stop(first)
        try:
            page.wait_for_timeout(1000)
            type_more(page)
            wait_for_text(page, "The fox and", seconds=60)
            other = process_of(context)
            assert {first, other} == set(deployed.ports)
            deployed.stop(other)
            found = answer(context, deployed.address)
            assert found.status == 503 and "gptscope is starting" in found.text()
        finally:
            for port in deployed.ports:
                if port not in deployed.processes:
                    deployed.start(port)
            for port in deployed.ports:
                deployed.wait(port)
        ready(context.pages[-1])  # by itself


def type_more(page: Page) -> None:
    page.locator("[data-role=prompt]").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" and")
