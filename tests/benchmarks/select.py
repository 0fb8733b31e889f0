"""What a look elsewhere costs in Chromium: `python -m tests.benchmarks.select`. From the click on a head, a block or a
node of the map to the frame after map, name, tensor, source and heads all show it; in turn with keys, so that a busy
machine can be told from a slow look."""

from __future__ import annotations

import argparse
import statistics
import tempfile

import torch
from playwright.sync_api import Page

from gptcore import GPT, Checkpoint, GPTConfig, save
from gptcore.tokenizer import IdTokenizer
from tests.benchmarks.keystroke import SONNET, WATCH, quantile
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import PANELS, browser, open_page, server, wait_for_text

ROUNDS = 12
LENGTH = 64
WATCH_LOOKS = """
() => {
  const one = (panel) => deepQuery(`[data-panel="${panel}"]`)[0];
  // The panels live as long as the page: found once, so that watching them costs nothing.
  const [map, node, matrix, heads, code] = ["map", "node", "inspector", "attention", "code"].map(one);
  const picture = matrix.querySelector("canvas.over");
  window.shows = ({ id, layer, head }) => {
    const title = picture.getAttribute("aria-label").split(":")[0];
    const pressed = heads.querySelector('[aria-pressed="true"]')?.dataset ?? {};
    return node.dataset.name === id
      && (head === null ? title.split(",")[0] === id : title === `${id}, head ${head}`)
      && map.querySelector(`[data-node="${id}"]`)?.getAttribute("aria-pressed") === "true"
      && map.querySelector("select").value === String(layer)
      && (head === null || (pressed.layer === String(layer) && pressed.head === String(head)))
      && code.isConnected;
  };
  window.look = (wanted, act) => new Promise((resolve, reject) => {
    const start = performance.now();
    act();
    const look = () => {
      const spent = performance.now() - start;
      if (shows(wanted)) resolve(spent);
      else if (spent > 10_000) reject(new Error(`${JSON.stringify(wanted)} is not shown`));
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  window.pick = (layer, head) => {
    const button = heads.querySelector(`[data-layer="${layer}"][data-head="${head}"]`);
    return look({ id: `transformer.h.${layer}.attn.pattern`, layer, head }, () => button.click());
  };
  window.go = (layer, rest, head) => {
    const select = map.querySelector("select");
    const change = new Event("change", { bubbles: true });
    return look({ id: `transformer.h.${layer}${rest}`, layer, head }, () => {
      select.value = layer;
      select.dispatchEvent(change);
    });
  };
  window.inspect = (id, layer) => {
    const group = map.querySelector(`[data-node="${id}"]`);
    const click = new MouseEvent("click", { bubbles: true, composed: true });
    return look({ id, layer, head: null }, () => group.dispatchEvent(click));
  };
}
"""


def measure(page: Page, n_layer: int, n_head: int, typed: str) -> dict[str, list[float]]:
    """Milliseconds of each kind of look and of a key, in turn: a noisy machine is equally noisy for all."""
    measured = page.locator('[data-panel="badge"][data-kind="good"]')
    measured.wait_for()
    page.evaluate(WATCH_LOOKS)
    page.evaluate(WATCH, list(PANELS))
    times: dict[str, list[float]] = {"key": [], "head": [], "block": [], "node": []}

    def look(kind: str, script: str) -> None:
        times[kind].append(float(page.evaluate(script)))
        page.wait_for_timeout(150)  # a person looks at it

    def key(typed: str) -> None:
        page.locator("[data-role=prompt]").focus()
        page.keyboard.press("Control+End")
        count = page.evaluate("window.paints.length")
        page.keyboard.insert_text(typed) if typed else page.keyboard.press("Backspace")
        page.wait_for_function("(count) => window.paints.length > count", arg=count)
        times["key"].append(float(page.evaluate("window.paints.at(-1)")))
        page.wait_for_timeout(150)
        measured.wait_for()  # else the look would wait for it

    for i in range(ROUNDS):
        layer, head = (3 * i + 1) % n_layer, (5 * i + 1) % n_head
        look("head", f"pick({layer}, {head})")
        other = (layer + 1) % n_layer
        look("block", f"go({other}, '.attn.pattern', {head})")
        look("node", f"inspect('transformer.h.{other}.attn.scores', {other})")
        look("node", f"inspect('transformer.h.{other}.attn.masked', {other})")
        key(typed)
        look("head", f"pick({other}, {(head + 1) % n_head})")
        key("")
    return times


def tell(times: dict[str, list[float]], of: str, bound: float) -> bool:
    """Prints a line for each kind of look; whether all bounds hold."""
    good = True
    key = statistics.median(times.pop("key"))
    for kind, each in times.items():
        median = statistics.median(each)
        detail = f"p95 {quantile(each, 0.95):.0f} ms; / a key in turn, of {key:.0f} ms: {median / key:.2f}"
        good &= report(f"another {kind} → painted, {of}, median ms", median, bound, detail)
    return good


def shipped(name: str) -> bool:
    """Looks around in a shipped model."""
    with server(name) as (url, _), browser() as launched:
        page = open_page(launched, url)
        if name == "shakespeare-char":  # fairytales has a prompt of 16 tokens
            page.locator("[data-role=prompt]").fill(SONNET[:LENGTH])
            wait_for_text(page, SONNET[:LENGTH])
        n_layer = int(page.evaluate("deepQuery('[data-panel=map] select')[0].options.length"))
        n_head = int(page.evaluate("deepQuery('[data-layer=\"0\"][data-head]').length"))
        return tell(measure(page, n_layer, n_head, "e"), name, 120)


def large() -> bool:
    """Looks around in a model of GPT-2 small's size with random weights, at 64 tokens."""
    torch.manual_seed(0)
    model = GPT(GPTConfig.preset("gpt2")).eval()
    config = model.config
    with tempfile.TemporaryDirectory() as folder:
        save(Checkpoint(model, IdTokenizer(config.vocab_size), config, {}), folder)
        del model
        with server(folder) as (url, _), browser() as launched:
            page = open_page(launched, url)
            prompt = " ".join(str(i * 7919 % config.vocab_size) for i in range(LENGTH))
            page.locator("[data-role=prompt]").fill(prompt)
            wait_for_text(page, prompt)
            times = measure(page, config.n_layer, config.n_head, " 7")
            return tell(times, f"GPT-2 small's size, {LENGTH} tokens", 200)


def main() -> int:
    """Prints the table; the exit status is 1 if a bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="GPT-2 small's size instead of the shipped ones")
    options = parser.parse_args()
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with absolute():
        good = [large()] if options.large else [shipped(name) for name in ("fairytales", "shakespeare-char")]
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
