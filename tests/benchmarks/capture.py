"""The cost of a trace, in time and memory, on GPT-2 small's shape: `python -m tests.benchmarks.capture`."""

from __future__ import annotations

import copy
import gc
import random
import statistics
from functools import partial

import torch

import gptcore
from gptcore.capture.trace import Trace
from tests.benchmarks.timing import keep_freed_memory, ratio, report, seconds


def ids(count: int) -> list[int]:
    """Token ids in a fixed order; their values do not change the cost."""
    return [(i * 7919) % 50257 for i in range(count)]


def bare_copy(model: gptcore.GPT) -> gptcore.GPT:
    """The same weights in a model that has never been captured: no hooks."""
    twin = copy.deepcopy(model)
    twin.load_state_dict(model.state_dict(), assign=True)
    return twin


@torch.no_grad()
def full_pass(model: gptcore.GPT, bare: gptcore.GPT) -> bool:
    """Capturing everything against the bare forward pass with last-position logits."""
    good = True
    for T, bound, repeats in ((32, 1.05, 101), (256, 1.05, 31), (1024, 1.10, 11)):
        tokens = torch.tensor([ids(T)])
        captured, plain = ratio(partial(gptcore.capture, model, ids(T)), partial(bare, tokens), repeats)
        good &= report(f"capture / bare forward, T = {T}", captured / plain, bound, f"{captured:.1f} / {plain:.1f} ms")
    return good


@torch.no_grad()
def one_more_token(model: gptcore.GPT, bare: gptcore.GPT) -> bool:
    """A grown trace's next token against the one-token pass with a ready cache of keys and values."""
    trace = gptcore.capture(model, ids(256))
    past = [
        [(trace[f"transformer.h.{i}.attn.k"].contiguous(), trace[f"transformer.h.{i}.attn.v"].contiguous())]
        for i in range(model.config.n_layer)
    ]
    last = torch.tensor([[ids(257)[-1]]])
    grown, floor = ratio(
        lambda: gptcore.capture(model, ids(257), previous=trace), lambda: bare(last, past=past), repeats=101
    )
    typed = Typist(model, ids(256))
    in_a_row, floor_again = ratio(typed.token, lambda: bare(last, past=past), repeats=101)
    first = report(
        "one more token at T = 256 / bare one-token pass", grown / floor, 1.15, f"{grown:.1f} / {floor:.1f} ms"
    )
    detail = f"{in_a_row:.1f} / {floor_again:.1f} ms"
    return report("the same, typed one after another", in_a_row / floor_again, 1.15, detail) and first


class Typist:
    """Types one token after another on a growing trace."""

    def __init__(self, model: gptcore.GPT, start: list[int]) -> None:
        self.model, self.ids = model, start
        self.trace: Trace = gptcore.capture(model, start)

    def token(self) -> None:
        """One more token."""
        self.ids = [*self.ids, len(self.ids)]
        self.trace = gptcore.capture(self.model, self.ids, previous=self.trace)

    def key(self) -> None:
        """One more token, then the new row of every pattern, as the app reads it."""
        self.token()
        T = self.trace.T
        for i in range(self.model.config.n_layer):
            self.trace.rows(f"transformer.h.{i}.attn.pattern", T - 1, T)


def flat(model: gptcore.GPT) -> bool:
    """The cost of a key does not grow with the prompt: around T = 1000 against around T = 64."""
    short, long = Typist(model, ids(40)), Typist(model, ids(976))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(48):  # T = 41..88 and 977..1024, in turn
        times[0].append(seconds(long.key))
        times[1].append(seconds(short.key))
    at_1000, at_64 = (statistics.median(values) * 1e3 for values in times)
    worst = max(times[0]) * 1e3
    detail = f"{at_1000:.1f} / {at_64:.1f} ms; worst key at T = 1000: {worst:.0f} ms"
    return report("one more token at T = 1000 / at T = 64", at_1000 / at_64, 1.5, detail)


def memory() -> bool:
    """Bytes held after typing and after typing and deleting, against a fresh trace of the same text."""
    model = gptcore.GPT(gptcore.GPTConfig.preset("baby-gpt")).eval()
    typed = [i % 65 for i in range(256)]
    trace = gptcore.capture(model, typed[:1])
    for T in range(2, 257):
        trace = gptcore.capture(model, typed[:T], previous=trace)
    fresh = gptcore.capture(model, typed).nbytes()
    good = report("memory after typing 256 tokens / fresh trace", trace.nbytes() / fresh, 1.3, f"{fresh / 1e6:.0f} MB")
    chooser, worst, now = random.Random(0), 0.0, typed
    for _ in range(300):
        now = now[: -chooser.randint(1, 4)] if len(now) > 8 and chooser.random() < 0.5 else [*now, 1][-256:]
        trace = gptcore.capture(model, now, previous=trace)
        worst = max(worst, trace.nbytes() / gptcore.capture(model, now).nbytes())
    return report("memory after 300 times typing and deleting / fresh, worst", worst, 1.3) and good


def stated(model: gptcore.GPT) -> bool:
    """Print what a full trace of GPT-2 small holds, and what `capture_cost` said before."""
    held = gptcore.capture(model, ids(1024)).nbytes()
    said = gptcore.capture_cost(model.config, T=1024)
    good = report("GB held by a trace of GPT-2 small at T = 1024", held / 1e9, 0.75)
    return report("|capture_cost / held - 1|", abs(said / held - 1), 0.05) and good


def main() -> int:
    """Prints the table; the exit status is 1 if a bound was missed."""
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads; {keep_freed_memory()}\n")
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    model = gptcore.GPT(gptcore.GPTConfig.preset("gpt2")).eval()
    bare = bare_copy(model)
    gc.collect()
    gc.freeze()  # as the app does once its libraries are loaded
    good = [full_pass(model, bare), one_more_token(model, bare), flat(model), stated(model), memory()]
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
