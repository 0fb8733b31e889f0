"""The page Training in real Chromium: a small training is started and learns; a prompt's losses are gptcore's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")
pytest.importorskip("tyro", reason="needs the extra `train`")

from playwright.sync_api import BrowserContext, Page, expect

from app.session.first_prompt import PROMPT
from app.training import jobs, learning_curves, processes
from gptcore import Checkpoint, capture, load
from tests.browser.driver import chromium, draw_diagram, open_page, put_away, server, wait_until
from tests.browser.test_browser import ARTEFACTS

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
SLOW = 300_000
"""Milliseconds that a step of these tests may take on a machine that does other things."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the server's runs; no training outlives the tests."""
    with pytest.MonkeyPatch.context() as patch:
        made = tmp_path_factory.mktemp("runs")
        patch.setenv(jobs.FOLDER, str(made))
        yield made
        for job in jobs.jobs():
            if (process := processes.find(job.folder, job.note)) is not None:
                process.kill()


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with server("shakespeare-char") as (url, _):
        yield url


def section(page: Page, name: str) -> None:
    # What the badge asks for at rest has been answered: asked just as the page changes, it has left that one blank.
    wait_until(page, "deepQuery('[data-panel=parity_badge]')[0]?.dataset.kind !== 'none'", timeout=SLOW)
    page.get_by_text("Training", exact=True).first.click()
    page.get_by_text(name).first.click()


def button(page: Page, name: str) -> None:
    found = page.get_by_role("button", name=name, exact=True)
    found.wait_for(timeout=SLOW)
    found.click(timeout=SLOW)


def drawn(page: Page, plot: int, name: str) -> list[list[float]]:
    """The points of a curve in the page's plot of this number."""
    script = """([plot, name]) => {
        const found = document.querySelectorAll('.js-plotly-plot')[plot]?.data.find((trace) => trace.name === name);
        return found ? [Array.from(found.x), Array.from(found.y)] : [[], []];
    }"""
    return page.evaluate(script, [plot, name])


@pytest.mark.slow
def test_a_training_started_on_the_page_learns_is_paused_and_kept(page: Page, folder: Path) -> None:
    section(page, "Train a small model")
    page.get_by_text("85,728 parameters").wait_for(timeout=SLOW)
    button(page, "Start")
    wait_until(
        page,
        "() => (document.querySelector('.js-plotly-plot')?.data.find((t) => t.name === 'batch')?.y.length ?? 0) >= 20",
        timeout=SLOW,
    )
    (job,) = jobs.jobs()
    steps, losses = drawn(page, 0, "batch")
    known = dict(zip(*vars(learning_curves.read(job.folder).curves["loss"]).values(), strict=True))
    assert losses == [known[step] for step in steps]  # the file's numbers
    assert min(losses) < 0.8 * losses[0]  # it learns
    one_head = page.locator('[data-panel="watched"]')
    one_head.wait_for(timeout=SLOW)
    assert one_head.get_attribute("data-rows") == one_head.get_attribute("data-cols") == "11"
    button(page, "Pause")
    page.get_by_role("button", name="Resume").wait_for(timeout=SLOW)
    (paused,) = jobs.jobs()
    assert paused.state == "paused"
    page.reload()  # the browser was closed, and opened again
    section(page, "Train a small model")
    button(page, "Resume")
    page.get_by_role("button", name="Stop").wait_for(timeout=SLOW)
    assert psutil.pid_exists(jobs.jobs()[0].note["pid"])
    button(page, "Stop")
    button(page, "Keep")
    page.get_by_text("are kept. The list of models to open").wait_for(timeout=SLOW)
    (stopped,) = jobs.jobs()
    assert stopped.step >= paused.step
    assert load(folder / jobs.KEPT / job.name).config.vocab_size == 3
    page.locator(".st-key-choose button").first.click()
    expect(page.get_by_role("button", name=f"{jobs.KEPT}/{job.name}")).to_be_visible(timeout=SLOW)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Look inside the best weights").click(timeout=SLOW)
    page.get_by_role("button", name="Diagram", exact=True).wait_for(timeout=SLOW)
    draw_diagram(page)
    expect(page.locator('[data-node="transformer.h"] text.shape')).to_have_text("(1, 3, 48)")


def run_on_the_page(page: Page, folder: Path) -> Callable[[int], None]:
    """Opens the curves of a run of 1,000 steps that is being written and has ten lines; returns what writes a line."""

    def write(step: int) -> None:
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(f'{{"step": {step}, "loss": {5 / (step + 1)}, "val_loss": {6 / (step + 1)}}}\n')

    (folder / "settings.json").write_text('{"steps": 1000}')
    for step in range(0, 100, 10):
        write(step)
    section(page, "Curves of a training")
    field = page.get_by_role("textbox", name="or the folder of a training")
    field.fill(str(folder))
    field.press("Enter")
    return write


def test_a_run_that_is_being_written_is_followed(page: Page, tmp_path: Path) -> None:
    write = run_on_the_page(page, tmp_path)
    page.get_by_text("being written").wait_for(timeout=SLOW)
    wait_until(page, "() => document.querySelector('.js-plotly-plot')?.data[0].x.length === 10", timeout=SLOW)
    write(100)
    wait_until(page, "() => document.querySelector('.js-plotly-plot')?.data[0].x.length === 11", timeout=SLOW)
    assert drawn(page, 0, "held-out")[1][-1] == 6 / 101
    write(1000)
    expect(page.get_by_text("being written")).to_have_count(0, timeout=SLOW)


def zoom(page: Page, x: tuple[float, float], y: tuple[float, float]) -> None:
    """Drags a rectangle over the first plot; the corners are shares of its area."""
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert box is not None
    corners = [(box["x"] + box["width"] * i, box["y"] + box["height"] * j) for i, j in zip(x, y, strict=True)]
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1], steps=8)
    page.mouse.up()


VIEW = """() => {
    const { _fullLayout, data } = document.querySelector('.js-plotly-plot');
    const { xaxis, yaxis } = _fullLayout;
    return { x: xaxis.range, y: yaxis.range, hidden: data.map((trace) => trace.visible === 'legendonly') };
}"""
"""Return what a person has chosen of the first plot."""


def test_zoom_and_legend_stay_while_a_run_is_written(page: Page, tmp_path: Path) -> None:
    write = run_on_the_page(page, tmp_path)
    ready = "(n) => document.querySelector('.js-plotly-plot')?.data?.[0].x.length === n"
    wait_until(page, ready, arg=10, timeout=SLOW)
    before = page.evaluate(VIEW)
    zoom(page, (0.3, 0.7), (0.2, 0.8))
    page.locator(".js-plotly-plot .legendtoggle").last.click()
    wait_until(page, f"() => ({VIEW})().hidden.includes(true)", timeout=SLOW)
    chosen = page.evaluate(VIEW)
    assert chosen["x"] != before["x"]
    assert chosen["y"] != before["y"]
    for step in (100, 110):
        write(step)
        wait_until(page, ready, arg=step // 10 + 1, timeout=SLOW)
        assert page.evaluate(VIEW) == chosen
    page.locator(".js-plotly-plot .nsewdrag").first.dblclick()  # plotly's way to see all again
    wait_until(page, f"() => ({VIEW})().x[1] > 110", timeout=SLOW)
    write(120)
    wait_until(page, f"() => ({VIEW})().x[1] > 120", timeout=SLOW)  # who has not zoomed follows
    page.get_by_text("Logarithmic scale").click()
    wait_until(page, "() => document.querySelector('.js-plotly-plot').layout.yaxis.type === 'log'", timeout=SLOW)
    assert page.evaluate(VIEW)["y"][1] < 1  # log10 of the losses, not the losses


def guesses(page: Page) -> list[dict[str, str]]:
    """Each position's data, and under "texts" what can be read there."""
    script = """rows => rows.map((row) => {
        return { ...row.dataset, texts: Array.from(row.children, (cell) => cell.textContent).join('|') };
    })"""
    return page.locator("[data-role=guess]").evaluate_all(script)


CUT = """rows => rows.flatMap((row) => Array.from(row.children)).filter((cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getBoundingClientRect().width > cell.clientWidth - 4;
}).map((cell) => cell.textContent)"""
"""Cells that are too narrow for what they hold, or leave no gap to their neighbours."""


def test_the_losses_of_a_prompt_are_those_of_gptcore(page: Page, shakespeare: Checkpoint) -> None:
    section(page, "This prompt, as training sees it")
    page.locator('[data-panel="losses"]').wait_for(timeout=SLOW)
    ids = shakespeare.tokenizer.encode(PROMPT)
    trace = capture(shakespeare.model, ids)
    shown = guesses(page)
    assert len(shown) == len(ids)
    for i, row in enumerate(shown[:-1]):
        p = trace["probs"][0, i]
        assert float(row["loss"]) == pytest.approx(trace["loss"][0, i].item(), abs=1e-5)
        assert float(row["probability"]) == pytest.approx(p[ids[i + 1]].item(), abs=1e-5)
        assert int(row["rank"]) == 1 + int((p > p[ids[i + 1]]).sum())
    assert [row["texts"].split("|")[0] for row in shown] == [c.replace(" ", "␣") for c in PROMPT]
    assert [row["texts"].split("|")[1] for row in shown] == [*(c.replace(" ", "␣") for c in PROMPT[1:]), "–"]
    assert (shown[-1]["loss"], shown[-1]["rank"]) == ("", "")
    mean = page.locator('[data-panel="losses"]').get_attribute("data-mean")
    assert float(mean or "nan") == pytest.approx(trace["loss"][0, :-1].mean().item(), abs=1e-5)


def test_a_long_prompt_wraps_and_hostile_text_stays_text(page: Page) -> None:
    section(page, "This prompt, as training sees it")
    field = page.get_by_role("textbox", name="Prompt").last
    text = "To be, or not to be: that is the question. " * 4 + "zQx$J3"  # what nobody expects has the longest numbers
    field.fill(text)
    field.press("Enter")
    expect(page.locator("[data-role=guess]")).to_have_count(len(text), timeout=SLOW)
    assert page.locator('[data-panel="losses"] .line').count() > 3
    shown = [row["texts"] for row in guesses(page)]
    assert any("< 0.01 %" in texts for texts in shown)
    assert page.locator("[data-role=guess]").evaluate_all(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    field.fill("<img src=x onerror='window.hacked=1'>")
    field.press("Enter")
    page.get_by_text(re.compile("which this vocabulary of 65 characters does not have")).first.wait_for(timeout=SLOW)
    assert page.evaluate("window.hacked") is None
    assert page.locator("[data-role=guess]").count() == len(text)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (900, 1000)])
def test_screenshots(launched: BrowserContext, address: str, scheme: str, width: int, height: int) -> None:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page = open_page(launched, address, width, height, scheme)
    for name, ready in (
        ("Curves of a training", ".js-plotly-plot .scatterlayer"),
        ("Train a small model", "text=85,728 parameters"),
        ("This prompt, as training sees it", '[data-panel="losses"]'),
    ):
        section(page, name)
        page.locator(ready).first.wait_for(timeout=SLOW)
        expect(page.locator('[data-stale="true"]')).to_have_count(0, timeout=SLOW)
        page.screenshot(path=ARTEFACTS / f"{name.split()[0].lower()}-{scheme}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    put_away(page)
