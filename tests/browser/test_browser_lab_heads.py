"""Find a head, in the app in Chromium: a question answered by mouse alone, and nothing that axe finds serious."""

from __future__ import annotations

from collections.abc import Iterator
from math import dist

import pytest

pytest.importorskip("playwright", reason="needs the extra `dev`")

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.driver import chromium, link_to, open_address, put_away, wait_for_rest
from tests.browser.test_browser_accessible import BOTH, findings, turn

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
CARD, FOUND, LIST = '[data-panel="head-card"]', '[data-panel="findings"]', '[data-panel="head-ranking"]'
PATIENCE = 60_000


@pytest.fixture
def induction(address: str) -> str:
    """The address of the page Lab of the model that repeats."""
    return f"{address}/lab?model=induction"


def to_lab(launched: BrowserContext, address: str) -> Page:
    """Open the page, and wait for the heads as points."""
    page = open_address(launched, address)
    page.locator(CARD).wait_for(timeout=PATIENCE)
    page.get_by_text("Scatter", exact=True).click()
    page.locator(".scatterlayer path.point").first.wait_for(timeout=PATIENCE)
    page.locator('[data-role="point-picture"]').wait_for(state="attached")
    return page


@pytest.fixture(scope="module")
def one(launched: BrowserContext, address: str) -> Iterator[Page]:
    page = to_lab(launched, f"{address}/lab?model=two-names")
    yield page
    put_away(page)


@pytest.fixture(scope="module")
def other(launched: BrowserContext, address: str) -> Iterator[Page]:
    page = to_lab(launched, f"{address}/lab?model=induction")
    yield page
    put_away(page)


@pytest.fixture
def repeats(other: Page) -> Page:
    """One page of the model that repeats, in Lab, for the tests to which it is the same which head is chosen."""
    other.bring_to_front()
    other.get_by_role("link", name="Lab", exact=True).click()
    other.locator(CARD).wait_for(timeout=PATIENCE)
    return other


@pytest.fixture
def two_names(one: Page) -> Page:
    """One page of the model that knows two names, for the tests that choose no more than a form and a head."""
    one.bring_to_front()  # of the tabs of other tests
    return one


@pytest.mark.parametrize(
    ("model", "head", "says"),
    [("induction", "1.0", "l"), pytest.param("two-names", "0.2", "␣Anna", marks=pytest.mark.slow)],
)
def test_the_closing_questions_take_two_clicks(
    launched: BrowserContext, address: str, model: str, head: str, says: str
) -> None:
    """Which head does it, and what happens without it: the link on Explore, then a switch; the address has both."""
    page = open_address(launched, link_to(address, model))
    page.locator('[data-role="to-lab"]').click()
    first = page.locator(f'{LIST} [data-role="ranked-head"]').first
    first.wait_for(timeout=PATIENCE)
    assert first.get_attribute("data-name") == head
    assert says in first.locator(".reads").inner_text()
    page.locator(f'{CARD}[data-head="{head}"]').wait_for(timeout=PATIENCE)
    first.locator('[data-role="switch"]').click()
    said = page.locator(f'{LIST} [data-role="said"]').first
    expect(said).to_contain_text("→")
    assert says in said.inner_text()
    assert float(str(said.get_attribute("data-before"))) > 0.9 > 0.02 > float(str(said.get_attribute("data-after")))
    page.wait_for_url(f"**attn.z_zero_h{head[-1]}**head%3D{head}**")
    page.reload()
    expect(page.locator(f'{LIST} [data-role="ranked-head"]').first.locator('[data-role="switch"]')).to_have_attribute(
        "aria-pressed", "true", timeout=PATIENCE
    )
    page.locator(f'{LIST} [data-role="all-back"]').click()
    expect(page.locator(f'{LIST} [data-role="said"]').first).not_to_contain_text("→")
    put_away(page)


PLACES = """() => Object.fromEntries(Object.entries({
    list: '[data-role="ranked-head"]', card: '[data-panel="head-card"]', plot: '.js-plotly-plot',
    table: '[data-panel="head-table"] tr[data-head]',
}).flatMap(([name, css]) => deepQuery(css).slice(0, 1).map((one) => [name, one.getBoundingClientRect().top])))"""


def test_the_first_change_moves_nothing_that_one_points_at(launched: BrowserContext, induction: str) -> None:
    """All that a change adds to the page has its room before, or stands below."""
    page = to_lab(launched, induction)
    page.set_viewport_size({"width": 1280, "height": 720})
    seen = set()
    for form, switch in (
        ("Scatter", f'{CARD} [data-role="card-switch"]'),
        ("Table", f'{CARD} [data-role="card-switch"]'),
        ("This prediction", f'{LIST} [data-role="switch"]'),
    ):
        page.get_by_text(form, exact=True).click()
        wait_for_rest(page)
        before = page.evaluate(PLACES)
        for pressed, next_one in (("off", "on"), ("on", "off")):
            page.locator(switch).first.click()
            page.locator(f'{CARD} [data-role="card-switch"]:text("Switch {next_one}")').wait_for()
            wait_for_rest(page)
            assert page.evaluate(PLACES) == before, (form, pressed)
            told = page.get_by_text("The picture and the card tell of the model as it is")
            expect(told).to_have_count(int(pressed == "off" and form != "This prediction"))
        seen |= before.keys()
    assert seen == {"list", "card", "plot", "table"}
    put_away(page)


def point_at_the_highest(page: Page) -> tuple[float, float]:
    """Point at the highest point of the scatter, and return where that is; it is head 1.0's."""
    points = page.locator(".scatterlayer .trace").first.locator("path.point").all()
    boxes = [box for point in points if (box := point.bounding_box())]
    top = min(boxes, key=lambda box: box["y"])
    x, y = top["x"] + top["width"] / 2, top["y"] + top["height"] / 2
    page.mouse.move(x - 4, y)
    page.mouse.move(x, y)
    expect(page.locator('[data-role="point-picture"][data-head="1.0"]')).to_be_visible()
    return x, y


def test_the_head_that_repeats_is_found_by_mouse(launched: BrowserContext, induction: str) -> None:
    page = to_lab(launched, induction)
    x, y = point_at_the_highest(page)
    page.mouse.click(x, y)
    page.locator(f'{CARD}[data-head="1.0"]').wait_for()
    loss = page.locator(f"{CARD} [data-without]")
    assert float(str(loss.get_attribute("data-without"))) - float(str(loss.get_attribute("data-loss"))) > 5
    assert page.locator(f'{CARD} [data-score="induction"] .state').inner_text() == "active here"
    page.locator(f'{CARD} .writers tr:has(.concept.k) [data-to="0.0"]').first.click()  # its keys: the token before
    page.locator(f'{CARD}[data-head="0.0"]').wait_for()
    assert page.locator(f'{CARD} [data-score="previous token"] .state').inner_text() == "active here"
    page.locator(f'{CARD} [data-role="show-head"]').click()
    page.locator('[data-role="plot"][data-name="transformer.h.0.attn.pattern"][data-head="0"]').wait_for()
    put_away(page)


def test_points_below_each_other_are_told_and_each_is_reached(two_names: Page) -> None:
    page = two_names
    page.wait_for_timeout(500)
    names = page.locator(".js-plotly-plot").evaluate(
        """plot => {
          const [at, [x, y]] = [[], [plot._fullLayout.xaxis, plot._fullLayout.yaxis]];
          for (const each of plot.calcdata) for (const point of each) {
            const name = each[0].trace.customdata?.[point.i];
            if (name) at.push([name, x._offset + x.c2p(point.x), y._offset + y.c2p(point.y)]);
          }
          return at;
        }"""
    )
    own = min(names, key=lambda one: sorted(dist(one[1:], other[1:]) for other in names)[1])
    together = sorted(name for name, *place in names if dist(own[1:], place) < 9)
    assert len(together) > 1
    box = page.locator(".js-plotly-plot").bounding_box()
    assert box
    x, y = box["x"] + own[1], box["y"] + own[2]
    page.mouse.move(x - 30, y - 30)
    page.mouse.move(x, y)
    told = page.locator('[data-role="heads-here"]')
    expect(told).to_contain_text(f"{len(together)} heads here: {' '.join(together)}")
    reached = set()
    for _ in together:
        before = page.locator(CARD).get_attribute("data-head")
        page.mouse.click(x, y)
        page.locator(f'{CARD}:not([data-head="{before}"])').wait_for()
        reached.add(page.locator(CARD).get_attribute("data-head"))
        page.wait_for_timeout(500)  # two clicks at once are a double click, which brings the zoom back
    assert reached == set(together)


def test_the_longest_bar_of_each_column_is_its_largest_number(two_names: Page) -> None:
    page = two_names
    page.get_by_text("Table", exact=True).click()
    page.locator('[data-panel="head-table"] tr[data-head]').first.wait_for(timeout=PATIENCE)
    rows = page.locator('[data-panel="head-table"] tr[data-head]').evaluate_all(
        """rows => rows.map(row => [...row.querySelectorAll("td.number")].map(
          cell => [Number(cell.dataset.value), parseFloat(cell.style.getPropertyValue("--part"))]))"""
    )
    titles = page.locator('[data-panel="head-table"] th button[title*="longest bar"]').all()
    assert len(titles) == len(rows[0])
    for at, title in enumerate(titles):
        column = [row[at] for row in rows]
        largest = max(abs(value) for value, _ in column)
        assert [part for _, part in column] == pytest.approx(
            [100 * abs(value) / largest for value, _ in column], abs=0.06
        )
        assert f"to {largest:.2f}" in title.inner_text()
    assert min(value for row in rows for value, _ in row) < -0.9  # copying: one that writes the opposite has a bar too


def test_all_columns_of_the_table_are_in_sight_on_a_projector(repeats: Page) -> None:
    page = repeats
    page.get_by_text("Table", exact=True).click()
    page.locator('[data-panel="head-table"] th', has_text="text loss").wait_for(timeout=PATIENCE)
    page.set_viewport_size({"width": 1280, "height": 720})
    box = page.locator('[data-panel="head-table"] .box')
    assert box.evaluate("(box) => box.scrollWidth - box.clientWidth") == 0
    page.set_viewport_size({"width": 1440, "height": 900})


def test_a_finding_leads_to_its_head_and_to_explore(repeats: Page) -> None:
    page = repeats
    page.get_by_text("Scan", exact=True).click()
    first = page.locator(f'{FOUND} [data-role="finding"]').first
    first.wait_for(timeout=PATIENCE)
    with page.expect_download() as saved:
        page.locator(f'{FOUND} [data-file="scan.html"]').click()
    text = saved.value.path().read_text(encoding="utf-8")
    assert first.locator(".sentence").inner_text().replace("\u00a0", " ") in text and "<script" not in text
    assert not [each for each in page.locator(f"{FOUND} .sentence").all_text_contents() if " %" in each]
    layer, head = first.locator('[data-kind="head"]').inner_text().split(".")
    first.locator('[data-kind="head"]').click()
    page.locator(f'{CARD}[data-head="{layer}.{head}"]').wait_for()
    page.locator(FOUND).get_by_role("button", name="kind by kind").click()
    expect(page.locator(f"{FOUND} h3")).to_have_count(4)
    best = page.locator(f'{FOUND} [data-role="finding"]').first
    best.locator('[data-kind="head"]').click()
    page.locator(f'{CARD}[data-head="1.0"]').wait_for()
    best.locator('[data-kind="explore"]').click()
    page.locator('[data-role="plot"][data-name="transformer.h.1.attn.pattern"][data-head="0"]').wait_for()


def test_the_form_of_changes_opens_at_a_point_and_at_a_finding(launched: BrowserContext, induction: str) -> None:
    """By a right click, by the key C, and by the sign beside a head, as on the map and in the table."""
    page = to_lab(launched, induction)
    form = page.locator(f'{CARD} [data-panel="change_form"]')
    x, y = point_at_the_highest(page)
    page.mouse.click(x, y, button="right")
    form.wait_for()
    assert page.locator(CARD).get_attribute("data-head") == "1.0"
    page.locator(f'{CARD} [data-role="card-change"]').click()
    expect(form).to_have_count(0)
    plot = page.locator('[data-role="figure"][tabindex="0"]')
    plot.focus()
    page.keyboard.press("End")
    page.keyboard.press("c")
    form.wait_for()
    page.locator(f'{CARD}[data-head="0.0"]').wait_for()  # the last by its first score
    page.locator(f'{CARD} [data-role="card-change"]').click()
    expect(form).to_have_count(0)
    page.get_by_text("Scan", exact=True).click()
    if (button := page.get_by_role("button", name="Scan the prompt")).count():
        button.click()
    finding = page.locator(f'{FOUND} [data-role="finding"]:has([data-kind="form"])').first
    finding.locator('[data-kind="form"]').click()
    form.wait_for()
    assert page.locator(CARD).get_attribute("data-head") == finding.locator('[data-kind="head"]').inner_text()
    put_away(page)


def test_the_points_go_by_keyboard(launched: BrowserContext, induction: str) -> None:
    page = to_lab(launched, induction)
    plot = page.locator('[data-role="figure"][tabindex="0"]')
    plot.wait_for()
    plot.focus()
    page.keyboard.press("Home")
    label = plot.get_attribute("aria-label") or ""
    assert label.startswith("All heads: 4 points") and "1.0: previous token, on the probe 0.03" in label
    expect(page.locator('[data-role="point-picture"][data-head="1.0"]')).to_be_visible()
    seen = []
    for _ in range(5):
        seen.append((plot.get_attribute("aria-label") or "").split("next. ")[1][:3])
        page.keyboard.press("ArrowRight")
    assert seen == ["1.0", "0.1", "1.1", "0.0", "0.0"]  # by their first score
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.locator(f'{CARD}[data-head="0.1"]').wait_for()
    put_away(page)


@BOTH
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_page(repeats: Page, both: bool) -> None:
    """Light in a large window, and dark in a small one."""
    page = repeats
    for form, there in (
        ("This prediction", LIST),
        ("Scatter", ".scatterlayer"),
        ("Table", '[data-panel="head-table"]'),
        ("Scan", FOUND),
    ):
        page.get_by_text(form, exact=True).click()
        page.locator(there).first.wait_for(timeout=PATIENCE)
        page.wait_for_timeout(800)
        for _ in ("this theme", "the other one")[: 1 + both]:
            assert findings(page) == [], form
            wide = page.locator(f'{CARD}, [data-panel="head-table"], {FOUND}, {LIST}').evaluate_all(
                "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.dataset.panel)"
            )
            assert wide == [], form
            dark = turn(page) == "dark"
            page.set_viewport_size({"width": 1280, "height": 720} if dark else {"width": 1440, "height": 900})
            page.wait_for_timeout(300)
