"""A file from the page: made by the server on request, fetched once over HTTP, and gone from the server then."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext, expect

from tests.browser.driver import chromium, link_to, open_page, wait_for_text
from tests.export.page_reader import data_of
from tests.lopsided import FITS, LETTERS, encode, lopsided, write_folder

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
OTHER = "→λ木 ж"


def status(url: str) -> int:
    """The server's answer to a request for this address."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_page_as_a_file(launched: BrowserContext, address: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "lopsided", lopsided(), prompt=FITS)
    page = open_page(launched, link_to(address, folder))
    fetched: list[str] = []
    frames: list[int] = []
    page.on("request", lambda request: fetched.append(request.url) if f"{address}/media/" in request.url else None)
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(len(data))))
    page.reload()  # so that the connection is one that is listened to
    page.wait_for_selector('[data-role="map"][data-ready="true"]')
    page.locator("[data-role=prompt]").fill(OTHER)
    wait_for_text(page, OTHER)
    assert fetched == []
    page.locator("[data-role=save]").click()
    frames.clear()
    with page.expect_download() as downloading:
        page.locator('[data-file="page.html"]').click()
    assert downloading.value.suggested_filename == "gptscope-page.html"
    path = tmp_path / "run.html"
    downloading.value.save_as(path)
    told = data_of(path)
    assert [LETTERS[index] for index in told["tokens"]] == list(OTHER)
    assert told["tokens"] == encode(OTHER) and told["title"] == "lopsided"
    assert page.locator('[data-panel="save"] [role="status"]').inner_text() == "Saved as gptscope-page.html."
    (url,) = fetched
    size = path.stat().st_size
    assert size > 100_000 and frames and max(frames) < size // 2, "the file itself never goes over the connection"
    page.wait_for_timeout(500)
    for _ in range(40):
        if status(url) == 404:
            break
        page.wait_for_timeout(100)
    assert status(url) == 404, "the server keeps nothing of it"
    page.locator("[data-role=prompt]").fill(FITS)
    wait_for_text(page, FITS)
    page.reload()
    page.wait_for_selector('[data-role="map"][data-ready="true"]')
    page.wait_for_timeout(500)
    assert fetched == [url], "nothing is fetched that nobody asks for"

    opened = launched.new_page()
    opened.goto(path.as_uri())
    opened.wait_for_selector('body[data-ready="true"]')
    assert opened.locator("h1").inner_text() == "gptscope · lopsided"
    opened.close()
    page.close()


def test_why_there_is_no_file_stays_until_it_is_dismissed_or_another_file_is_asked_for(
    launched: BrowserContext, address: str
) -> None:
    embedding = "transformer.wte"
    page = open_page(launched, f"{link_to(address, 'nano-sort')}&node={embedding}&weight={embedding}.weight")
    told = page.locator('[data-panel="save"] [role="status"]')
    boxes = "deepQuery('[data-panel]').map((each) => JSON.stringify(each.getBoundingClientRect()))"
    before = page.evaluate(boxes)
    page.locator("[data-role=save]").click()
    page.locator('[data-file="tensor.npy"]').click()
    refusal = "There is no such file: a weight is shown"
    expect(told).to_contain_text(refusal)
    page.mouse.click(700, 15)  # elsewhere: the menu closes
    expect(page.locator('[data-file="tensor.npy"]')).to_be_hidden()
    page.wait_for_timeout(6500)  # longer than what is only done is told
    expect(told).to_contain_text(refusal)
    expect(told).to_be_visible()
    assert page.evaluate(boxes) == before
    page.get_by_role("button", name="Dismiss").click()
    expect(told).to_be_empty()
    page.locator("[data-role=save]").click()
    page.locator('[data-file="tensor.npy"]').click()
    expect(told).to_contain_text(refusal)
    with page.expect_download():
        page.locator('[data-file="view.dot"]').click()
    expect(told).to_contain_text("Saved as gptscope-")
    expect(page.locator('[data-file="view.dot"]')).to_be_hidden()  # the menu has done its work
    page.close()
