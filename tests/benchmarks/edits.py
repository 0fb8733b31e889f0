"""What edits and explanations cost, on GPT-2 small's shape: `python -m tests.benchmarks.edits`."""

from __future__ import annotations

import gc
import itertools
import statistics
from collections.abc import Callable, Iterator
from functools import partial

import torch

import gptcore
from tests.benchmarks.capture import ids
from tests.benchmarks.timing import absolute, keep_freed_memory, ratio, report, seconds

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


def main() -> int:
    """Print the table; the exit status is 1 if a bound was missed."""
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads; {keep_freed_memory()}\n")
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    model = gptcore.GPT(gptcore.GPTConfig.preset("gpt2")).eval()
    gc.collect()
    gc.freeze()  # as the app does once its libraries are loaded
    with absolute():
        good = [slider(model), few_names(model), explained(model)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
