"""Cost of the attention lab: `python -m tests.benchmarks.lab`; all cards of GPT-2 small's size too: `--all`."""

from __future__ import annotations

import sys
from functools import partial

import torch
from torch import Tensor

import gptcore
from app.panels.logit_difference import LogitDifference
from app.panels.margins import margins
from app.panels.sweeps import Question, largest_run, sweep
from app.state import server
from app.stores.computations import Computations
from gptcore import analysis
from gptcore.checkpoint.shipped import shipped_models
from tests.benchmarks.capture import ids
from tests.benchmarks.timing import absolute, keep_freed_memory, report, seconds

T = 16


def sweeps(model: gptcore.GPT) -> bool:
    """Every layer and position of GPT-2 small's shape, 16 tokens; beside it one gradient, and every head."""
    clean, corrupt = ids(T), ids(T)
    corrupt[3] += 1

    def metric(logits: Tensor) -> Tensor:
        return logits[0, -1, 11] - logits[0, -1, 12]

    good = True
    for what in ("resid_pre", "attn", "mlp", "head"):
        exact = seconds(partial(analysis.patch_sweep, model, clean, corrupt, metric, what))
        gradient = seconds(partial(analysis.attribution_patching, model, clean, corrupt, metric, what))
        detail = f"by gradients {gradient:.2f} s"
        good &= report(f"a sweep of {what} at GPT-2 small's size, {T} tokens, s", exact, 25, detail)
    return good


def sweep_of_page(model: gptcore.GPT) -> bool:
    """The sweep of layer and position as the page runs it: on a thread, in turns, with the estimate by gradients."""
    clean, corrupt = ids(T), ids(T)
    corrupt[3] += 1
    metric, question = LogitDifference(11, 12), Question("resid_pre")

    def run() -> None:
        work = partial(sweep, model, clean, corrupt, metric, question)
        found = Computations(server.turn).start("key", work, largest_run(124_000_000, T))
        while not found.finished:
            found.watch()
            found.wait(1)

    return report(f"a sweep of resid_pre on the page, {T} tokens, s", seconds(run), 25, "and its estimate by gradients")


def cards() -> bool:
    """All cards of a model of 6 x 6 heads, with 512 held-out tokens."""
    model = gptcore.GPT(gptcore.GPTConfig.preset("baby-gpt")).eval()
    trace = gptcore.capture(model, [each % 65 for each in ids(64)])
    held_out = torch.tensor(ids(512)).view(2, 256) % 65
    taken = seconds(partial(analysis.head_cards, model, trace, held_out))
    return report("all cards of 6 x 6 heads, C = 384, s", taken, 10)


def big_cards(model: gptcore.GPT) -> bool:
    """All cards of GPT-2 small's shape, with 128 held-out tokens."""
    trace, held_out = gptcore.capture(model, ids(64)), ids(128)
    taken = seconds(partial(analysis.head_cards, model, trace, held_out))
    return report("all cards of 12 x 12 heads, C = 768, s", taken, 120)


def attribution(model: gptcore.GPT) -> bool:
    """One attribution of GPT-2 small's shape."""
    trace = gptcore.capture(model, ids(64))
    run = partial(analysis.logit_attribution, trace, 11, 12)
    run()
    return report("an attribution by head, ms", min(seconds(run) for _ in range(5)) * 1e3, 100)


def margins_of_map() -> bool:
    """The margins of the map, for the slowest of the shipped models, 64 tokens."""
    slowest = 0.0
    for name in shipped_models():
        ckpt = gptcore.load(name)
        count = min(64, ckpt.config.block_size)
        trace = gptcore.capture(ckpt.model, [each % ckpt.config.vocab_size for each in ids(count)])

        def run(trace: gptcore.Trace = trace, last: int = count - 1) -> None:
            found = gptcore.logit_attribution(trace, 1, 2, last)
            margins(found, gptcore.architecture(trace.config), 0, 0)

        run()
        slowest = max(slowest, min(seconds(run) for _ in range(10)))
    return report("the margins of the map, shipped models, 64 tokens, ms", slowest * 1e3, 10)


def main() -> int:
    """Print the table; the exit status is 1 if a bound was missed."""
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads; {keep_freed_memory()}\n")
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with absolute():
        good = [margins_of_map(), cards()]
        model = gptcore.GPT(gptcore.GPTConfig.preset("gpt2")).eval()
        good += [attribution(model), sweeps(model), sweep_of_page(model)]
        if "--all" in sys.argv:
            good.append(big_cards(model))
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
