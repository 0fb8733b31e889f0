"""The pictures of the README, taken from the app: `python -m tests.browser.pictures` writes them to `assets/`.

With the word `lab` only those of the page Lab.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.driver import DEEP_QUERY, browser, open_page, server, wait_for_text

FOLDER = Path(__file__).parents[2] / "assets" / "screenshots"
FRAME = 125
"""Milliseconds of a frame."""
SIZE = (1280, 800)
SCALE = 0.75
MOST = 3_000_000
"""Bytes of the animation."""


def stills() -> None:
    """Take the main screen in light and dark, wide and narrow, the diagram, and the rail of the training."""
    with server("fairytales") as (url, _), browser() as launched:
        for scheme in ("light", "dark"):
            for width, height in ((1440, 900), (900, 900)):
                page = open_page(launched, url, width, height, scheme)
                page.locator('[data-panel="first_look"] button').click()  # the card of the first look
                page.locator('[data-token-index="15"]').click()
                page.wait_for_timeout(1200)
                page.screenshot(path=FOLDER / f"explore-{scheme}-{width}.png")
                page.context.close()
        page = open_page(launched, url)
        plot = page.locator('[data-role="plot"]').bounding_box()
        assert plot is not None
        page.mouse.click(plot["x"] + plot["width"] * 8.5 / 16, plot["y"] + plot["height"] * 15.5 / 16)
        page.locator('[data-word="diagram"]').click()
        page.wait_for_timeout(1200)
        page.screenshot(path=FOLDER / "explained-light-1440.png")
        page.context.close()
    with server("induction") as (url, _), browser() as launched:
        for scheme in ("light", "dark"):
            page = open_page(launched, url, scheme=scheme)
            page.locator('[data-panel="timeline"] .chart').click(position={"x": 300, "y": 12})
            page.wait_for_timeout(1500)
            page.screenshot(path=FOLDER / f"timeline-{scheme}-1440.png")
            page.context.close()


LAB = (
    ("induction", "heads", {"head": "1.0", "view": "points"}, '[data-panel="head-card"]'),
    ("fairytales", "lens", {"section": "parts", "part": "lens"}, '[data-panel="lens_table"]'),
    ("two-names", "prompts", {"section": "prompts", "patches": "other.state.1.9.1.9"}, '[data-grid="gradient"]'),
)
"""Pictures of the Lab: the model, the picture's name, the choices of a link, and what is waited for."""


def lab() -> None:
    """Take the Lab: the head that repeats, what the model would say at each depth, a state put into another run."""
    for model, name, choices, there in LAB:
        with server(model) as (url, _), browser() as launched:
            for scheme in ("light", "dark") if name == "heads" else ("light",):
                page = lab_page(launched, f"{url}/lab?{urlencode({'lab': urlencode(choices)})}", scheme)
                page.locator(there).first.wait_for(timeout=90_000)
                page.wait_for_timeout(2500)
                page.screenshot(path=FOLDER / f"lab-{name}-{scheme}-1440.png")
                page.context.close()


def lab_page(launched: Browser, url: str, scheme: str) -> Page:
    """Return the page of a link."""
    page = launched.new_page(viewport={"width": 1440, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.add_init_script(DEEP_QUERY)
    page.goto(url)
    return page


def film() -> None:
    """Take ten seconds of typing, locking a token, and generating."""
    with server("fairytales") as (url, _), browser() as launched:
        page = open_page(launched, url, *SIZE)
        page.locator('[data-panel="first_look"] button').click()
        frames = list(scenes(page))
    target = FOLDER / "typing.webp"
    frames[0].save(target, save_all=True, append_images=frames[1:], duration=FRAME, loop=0, quality=60, method=6)
    assert target.stat().st_size <= MOST, f"{target.stat().st_size:,} bytes are more than {MOST:,}"


def scenes(page: Page) -> Iterator[Image.Image]:
    """Yield the frames."""
    prompt = page.locator("[data-role=prompt]")
    text = "There was once a fox and a wolf. The fox said to the"
    prompt.click()
    page.keyboard.press("End")
    yield from hold(page, 8)
    for character in " wolf, and":
        page.keyboard.insert_text(character)
        text += character
        wait_for_text(page, text)
        yield shot(page)
    yield from hold(page, 4)
    page.locator('[data-token-index="10"]').click()  # the first "The"
    page.wait_for_timeout(500)
    yield from hold(page, 12)
    page.locator('[data-layer="0"][data-head="3"]').hover()
    yield from hold(page, 5)
    page.mouse.move(640, 20)
    page.locator('[data-token-index="10"]').click()
    yield from hold(page, 3)
    page.locator('[data-role="generate"]').click()
    for _ in range(32):
        yield shot(page)
    yield from hold(page, 8)


def hold(page: Page, frames: int) -> list[Image.Image]:
    """Return one picture several times."""
    page.wait_for_timeout(150)
    return [shot(page)] * frames


def shot(page: Page) -> Image.Image:
    """Return what is on the screen, smaller."""
    whole = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return whole.resize((int(SIZE[0] * SCALE), int(SIZE[1] * SCALE)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    lab()
    if "lab" not in sys.argv[1:]:
        stills()
        film()
