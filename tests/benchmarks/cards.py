"""Cost of the cards of all heads, as the page Lab makes them: `python -m tests.benchmarks.cards`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch

import gptcore
from gptcore import analysis
from tests.benchmarks.capture import ids
from tests.benchmarks.timing import absolute, report, seconds


def cards(name: str, config: gptcore.GPTConfig, held_out: torch.Tensor, bound: float) -> bool:
    """All cards of a model with random weights, a prompt of 64 tokens; beside it what they are made of."""
    model = gptcore.GPT(config).eval()
    trace = gptcore.capture(model, [each % config.vocab_size for each in ids(64)])
    pauses = Pauses()
    before = time.process_time()
    taken = seconds(partial(analysis.head_cards, model, trace, held_out, progress=pauses))
    of_cores = time.process_time() - before
    parts: dict[str, Callable[[], object]] = {
        "what no prompt changes": partial(analysis.head_facts, model),
        "one more card": one_more(model, trace),
        "OV top-1 of 2,000 tokens": partial(analysis.ov_top1, model),
    }
    told = ", ".join(f"{part} {seconds(run):.2f} s" for part, run in parts.items())
    told = f"{of_cores:.1f} s of all cores; of it: {told}; longest piece {pauses.longest:.2f} s"
    told = f"{held_out.numel()} held-out tokens; {told}"
    return report(f"all cards of {name}, s", taken, bound, told)


def one_more(model: gptcore.GPT, trace: gptcore.Trace) -> Callable[[], object]:
    """A card of a head when all is measured that no prompt changes, as a click makes it."""
    facts = analysis.head_facts(model)
    return partial(analysis.head_card, model, 1, 0, trace, facts=facts)


class Pauses:
    """The longest time between two calls of a progress, in which nobody else gets a turn."""

    def __init__(self) -> None:
        self.longest, self._last = 0.0, 0.0

    def __call__(self, done: int, of: int) -> None:
        now = time.perf_counter()
        if done:
            self.longest = max(self.longest, now - self._last)
        self._last = now


def main() -> int:
    """Print the table; the exit status is 1 if a bound was missed."""
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with absolute():
        baby, small = (gptcore.GPTConfig.preset(name) for name in ("baby-gpt", "gpt2"))
        good = [cards("6 x 6 heads, C = 384", baby, torch.tensor(ids(512)).view(4, 128) % 65, 10)]
        good.append(cards("12 x 12 heads, C = 768", small, torch.tensor(ids(128)).view(1, 128), 120))
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
