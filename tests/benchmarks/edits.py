"""The cost of edits and explanations, on GPT-2 small's shape: `python -m tests.benchmarks.edits`. With `--browser`, in
Chromium: a head switched off and on until all panels show it, and a key with one edit on against one without; with
`--large` the same at GPT-2 small's size."""

from __future__ import annotations

import argparse
import gc
import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial

import torch
from playwright.sync_api import Page

import gptcore
from gptcore.capture.capture import capture_both
from gptcore.tokenizer import IdTokenizer
from tests.benchmarks.capture import ids
from tests.benchmarks.keystroke import SONNET, WATCH, quantile
from tests.benchmarks.timing import absolute, keep_freed_memory, ratio, report, seconds
from tests.browser.driver import PANELS, browser, open_page, server, wait_for_text

LAST = "transformer.h.11"
SLIDERS: dict[str, Callable[[float], gptcore.Edit]] = {
    "attn.z of one head": lambda value: gptcore.Edit(f"{LAST}.attn.z", "scale", value, head=3),
    "attn.pattern": lambda value: gptcore.Edit(f"{LAST}.attn.pattern", "scale", value, head=3, position=200),
    "mlp.gelu": lambda value: gptcore.Edit(f"{LAST}.mlp.gelu", "set", value, channel=17),
    "resid_post": lambda value: gptcore.Edit(f"{LAST}.resid_post", "add", value, position=255),
}
"""Sliders over the value of an edit in the last of 12 layers: after the projection, between the stages, in the MLP."""
FEW = ["transformer.h.5.attn.pattern", "lm_head"]


def slider(model: gptcore.GPT) -> bool:
    """One move of a slider over an edit in layer 11 of 12 against a full capture, T = 256."""
    good = True
    for what, edit in SLIDERS.items():
        trace, values = gptcore.capture(model, ids(256)), _values()

        def move(edit: Callable[[float], gptcore.Edit] = edit, values: Iterator[float] = values) -> None:
            nonlocal trace
            trace = gptcore.capture(model, ids(256), edits=[edit(next(values))], previous=trace)

        moved, full = ratio(move, partial(gptcore.capture, model, ids(256)), repeats=15)
        detail = f"{moved:.1f} / {full:.1f} ms"
        good &= report(f"an edit of {what} in layer 11 of 12, T = 256 / full capture", moved / full, 0.25, detail)
    return good


def _values() -> Iterator[float]:
    """Return values that never come twice in a row, as a slider gives them."""
    return (value / 64 for value in itertools.count(1))


def few_names(model: gptcore.GPT) -> bool:
    """Typing token by token with a few names against typing with everything, T = 64 to 112."""
    traces = {"few": gptcore.capture(model, ids(64), names=FEW), "all": gptcore.capture(model, ids(64))}
    lengths = {"few": 64, "all": 64}

    def token(which: str, names: list[str] | None) -> None:
        lengths[which] += 1
        traces[which] = gptcore.capture(model, ids(lengths[which]), names=names, previous=traces[which])

    few, everything = ratio(lambda: token("few", FEW), lambda: token("all", None), repeats=45)
    reused = traces["few"].reused == lengths["few"] - 1
    detail = f"{few:.1f} / {everything:.1f} ms; {'each reuses the last' if reused else 'nothing is reused'}"
    return report("one more token with two names / with everything", few / everything, 1.1, detail) and reused


def beside(model: gptcore.GPT) -> bool:
    """One more token without and with a head of the first block off, together, against one without alone."""
    good, edits = True, [gptcore.Edit("transformer.h.0.attn.z", "zero", head=3)]
    for T, bound in ((64, 1.5), (900, 1.7)):
        plain = gptcore.capture(model, ids(T))
        previous = plain, gptcore.capture(model, ids(T), edits=edits, previous=plain)
        longer = ids(T + 1)
        together, alone = ratio(
            partial(capture_both, model, longer, edits, previous=previous),
            partial(gptcore.capture, model, longer, previous=plain),
            repeats=31,
        )
        what = f"one more token without and with a head off / without, T = {T}"
        good &= report(what, together / alone, bound, f"{together:.1f} / {alone:.1f} ms")
    return good


def explained(model: gptcore.GPT) -> bool:
    """One cell of every kind of node, at the last position of T = 256: the slowest kind's median."""
    trace = gptcore.capture(model, ids(256))
    medians: dict[str, float] = {}
    for name, (_, shape) in trace.shapes().items():
        if name.startswith("transformer.h.") and not name.startswith("transformer.h.6"):
            continue  # of the blocks, one from the middle
        cells = [tuple(max(0, length - 1 - i) for length in shape) for i in range(5)]
        times = [seconds(partial(gptcore.explain, trace, name, cell)) for cell in cells]
        medians[name] = statistics.median(times) * 1e3
    slowest = max(medians, key=medians.__getitem__)
    detail = f"{slowest}; median of the {len(medians)} kinds {statistics.median(medians.values()):.2f} ms"
    return report("explain a cell, slowest kind, ms", medians[slowest], 30, detail)


ROUNDS = 20
SHIPPED = ("fairytales", "shakespeare-char", "induction", "two-names")
SWITCH = """
(on) => new Promise((resolve, reject) => {
  const one = (role) => deepQuery(`[data-role="${role}"]`)[0];
  const start = performance.now();
  one("head-off").click();
  // The panels are painted in this order, one after another, in one task.
  const shown = () => one("head-off").getAttribute("aria-pressed") === String(on)
    && Boolean(one("edit")) === on
    && Boolean(one("next-token").dataset.before) === on
    && Boolean(deepQuery(".grid button.off")[0]) === on;
  const look = () => {
    const spent = performance.now() - start;
    if (shown()) resolve(spent);
    else if (spent > 10_000) reject(new Error("it is not shown"));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})
"""


def toggled(page: Page, typed: str, of: str, bound: float) -> bool:
    """A head off and on again, and keys meanwhile, in turn: a noisy machine is equally noisy for all."""
    page.locator('[data-panel="parity_badge"][data-kind="good"]').wait_for(timeout=120_000)
    page.evaluate(WATCH, list(PANELS))
    switches: list[float] = []
    keys: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for on in (True, False):
            switches.append(float(page.evaluate(SWITCH, on)))
            page.wait_for_timeout(900)  # what is asked for at rest is answered
            page.locator("[data-role=prompt]").focus()
            page.keyboard.press("Control+End")
            for text in [typed] * 4 + [""] * 4 * len(typed):
                count = page.evaluate("window.paints.length")
                page.keyboard.insert_text(text) if text else page.keyboard.press("Backspace")
                page.wait_for_function("(count) => window.paints.length > count", arg=count)
                if text:
                    keys[on].append(float(page.evaluate("window.paints.at(-1)")))
                page.wait_for_timeout(200)
    middle = statistics.median(switches)
    good = report(
        f"a head off or on → painted, {of}, median ms", middle, bound, f"p95 {quantile(switches, 0.95):.0f} ms"
    )
    pairs = statistics.median(a / b for a, b in zip(keys[True], keys[False], strict=True))
    detail = f"median of pairs; {statistics.median(keys[True]):.0f} / {statistics.median(keys[False]):.0f} ms"
    return report(f"key with a head off / without, {of}", pairs, 1.3, detail) and good


def shipped(name: str) -> bool:
    """Toggles and keys of a shipped model, at 64 characters or at its own prompt."""
    with server(name) as (url, _), browser() as launched:
        page = open_page(launched, url)
        if name == "shakespeare-char":
            page.locator("[data-role=prompt]").fill(SONNET[:64])
            wait_for_text(page, SONNET[:64])
        return toggled(page, "a", name, 150)


def large() -> bool:
    """Toggles and keys at GPT-2 small's size, T = 64, with random weights; the prompt is ids."""
    torch.manual_seed(0)
    model = gptcore.GPT(gptcore.GPTConfig.preset("gpt2")).eval()
    with tempfile.TemporaryDirectory() as folder:
        gptcore.save(gptcore.Checkpoint(model, IdTokenizer(model.config.vocab_size), model.config, {}), folder)
        del model
        with server(folder) as (url, _), browser() as launched:
            page = open_page(launched, url)
            prompt = " ".join(str(i * 7919 % 50257) for i in range(64))
            page.locator("[data-role=prompt]").fill(prompt)
            wait_for_text(page, prompt)
            return toggled(page, " 7", "GPT-2 small's size, 64 tokens", 300)


def library() -> bool:
    """Edits and explanations without the app."""
    model = gptcore.GPT(gptcore.GPTConfig.preset("gpt2")).eval()
    gc.collect()
    gc.freeze()  # as the app does once its libraries are loaded
    return all([slider(model), few_names(model), beside(model), explained(model)])


def main() -> int:
    """Print the table; the exit status is 1 if a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", action="store_true", help="toggles and keys of the shipped models in Chromium")
    parser.add_argument("--model", choices=SHIPPED, help="with --browser: this shipped model alone")
    parser.add_argument("--large", action="store_true", help="the same at GPT-2 small's size")
    chosen = parser.parse_args()
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads; {keep_freed_memory()}\n")
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with absolute():
        if chosen.large:
            good = large()
        elif chosen.browser:
            good = min(
                [shipped(name) for name in ([chosen.model] if chosen.model else SHIPPED)]
            )  # each is measured, whatever came of the one before
        else:
            good = library()
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
