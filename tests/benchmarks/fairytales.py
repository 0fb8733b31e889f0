"""Held-out bits per byte on the stories: `python -m tests.benchmarks.fairytales [--model a checkpoint]`.

A GPT against 5-gram counts over the same tokens: both are trained on the 232 stories of the train split, and predict
each token but the first of the published validation and test stories; an end of text is a token as any other, which
both look back across. Bits per byte are the nats of these tokens / ln 2 / their bytes of text.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

import gptcore
from gptcore.data.task import NOT_ASKED
from gptcore.data.text import find_split
from gptcore.data.tokens import tokenized
from gptcore.data.windows import Tokens, all_windows
from gptcore.model import GPT
from gptcore.tokenizer import BPETokenizer, Tokenizer

Ints = NDArray[np.int64]
ORDER = 5


class KneserNey:
    """Interpolated modified Kneser-Ney of any order, over rows of ids from 0 to V-1.

    The highest order has its n-grams' counts; each lower one counts after how many different tokens an n-gram came.
    Each is interpolated with the next lower one, the lowest with the uniform distribution, so no token is impossible.

    Source: Chen and Goodman 1999, "An empirical study of smoothing techniques for language modeling", section 3.
    """

    def __init__(self, tokens: Tokens, V: int, order: int = ORDER) -> None:
        if V**order >= 2**63:
            raise ValueError(f"{order} ids of {V} do not fit in 63 bits; take a lower order")
        self.V, self.order = V, order
        self.grams: list[tuple[Ints, NDArray[np.float64]]] = []  # of order 1, 2, ...: n-grams, their discounted counts
        self.contexts: list[tuple[Ints, NDArray[np.float64], NDArray[np.float64]]] = []  # contexts, totals, rests
        grams, counts = np.unique(_joined(_behind(tokens, order), V), return_counts=True)
        for n in range(order, 0, -1):
            self._add(grams, counts)
            grams, counts = np.unique(grams % V ** (n - 1), return_counts=True)

    def _add(self, grams: Ints, counts: Ints) -> None:
        discount = discounts(counts)[np.minimum(counts, 3)]
        contexts, which = np.unique(grams // self.V, return_inverse=True)
        totals, rests = (np.bincount(which, weights=weights).astype(np.float64) for weights in (counts, discount))
        self.grams.insert(0, (grams, counts - discount))
        self.contexts.insert(0, (contexts, totals, rests))

    def probabilities(self, before: Ints, tokens: Ints) -> NDArray[np.float64]:
        """(N,): of each token (N,), after the order - 1 tokens before it, (N, order - 1); -1 where there is none."""
        p = np.full(len(tokens), 1 / self.V)
        for n, ((grams, discounted), (contexts, totals, rests)) in enumerate(
            zip(self.grams, self.contexts, strict=True)
        ):
            last = before[:, before.shape[1] - n :]
            context = np.where((last >= 0).all(1), _joined(last, self.V), -1)
            at, known = _find(contexts, context)
            gram, there = _find(grams, context * self.V + tokens)
            own = np.where(there & known, discounted[gram], 0.0)
            p = np.where(known, (own + rests[at] * p) / totals[at], p)
        return p

    def nats(self, tokens: Tokens) -> float:
        """The losses of all tokens of a row but the first."""
        row = np.concatenate([np.full(self.order - 1, -1), tokens.astype(np.int64)])
        behind = _behind(row, self.order)[1:]
        return float(-np.log(self.probabilities(behind[:, :-1], behind[:, -1])).sum())


def discounts(counts: Ints) -> NDArray[np.float64]:
    """(4,): what is taken from a count of 0, 1, 2, and 3 or more: by the leaving-one-out estimate of the paper.

    Where the text is too small for it, 1/2, 1 and 3/2, as the program KenLM does.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=5)[1:5].astype(float)
    if (n > 0).all():
        y = n[0] / (n[0] + 2 * n[1])
        found = np.array([0, *(i - (i + 1) * y * n[i] / n[i - 1] for i in (1, 2, 3))])
        if (found >= 0).all():
            return found
    return np.array([0, 0.5, 1, 1.5])


def _behind(row: Tokens, n: int) -> Ints:
    """(N - n + 1, n): each n neighbours."""
    return np.lib.stride_tricks.sliding_window_view(row.astype(np.int64), n)


def _joined(rows: Ints, V: int) -> Ints:
    """(N,): n ids as one number."""
    found = np.zeros(len(rows), np.int64)
    for column in rows.T:
        found = found * V + column
    return found


def _find(known: Ints, wanted: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """The place of each in a sorted row, and True where it is there."""
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return at, known[at] == wanted


def sliding(tokens: Tokens, block_size: int, batch_size: int = 16) -> Iterator[tuple[Tensor, Tensor]]:
    """Windows half a context apart, inputs and targets (B, T); each target is asked for once."""
    last = len(tokens) - 1 - block_size
    starts = [*range(0, last, block_size // 2), last]
    windows = [torch.from_numpy(tokens[start : start + block_size + 1].astype(np.int64)) for start in starts]
    for before, start, window in zip(starts, starts[1:], windows[1:], strict=False):
        window[: before + block_size + 1 - start] = NOT_ASKED
    inputs = [torch.from_numpy(tokens[start : start + block_size].astype(np.int64)) for start in starts]
    for first in range(0, len(starts), batch_size):
        some = slice(first, first + batch_size)
        yield torch.stack(inputs[some]), torch.stack([window[1:] for window in windows[some]])


@torch.no_grad()
def nats(model: GPT, windows: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The losses of all targets, in float32."""
    total = 0.0
    for x, y in windows:
        logits, _ = model(x, y)
        total += cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=NOT_ASKED, reduction="sum").item()
    return total


def text_bytes(tokenizer: Tokenizer, tokens: Tokens) -> int:
    """The number of bytes of text that the targets stand for, all tokens but the first; an end of text for none."""
    special = tokenizer.special.values() if isinstance(tokenizer, BPETokenizer) else ()
    lengths = [0 if i in special else len(tokenizer.token_bytes(i)) for i in range(tokenizer.vocab_size)]
    return sum(lengths[i] for i in tokens[1:])


def main() -> int:
    """Prints the table; the exit status is 1 if the model is not better than the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="assets/checkpoints/fairytales", help="anything that gptcore.load takes")
    checkpoint = gptcore.load(parser.parse_args().model)
    tokenizer, model, T = checkpoint.tokenizer, checkpoint.model, checkpoint.config.block_size
    spans = find_split("fairytales")
    counts = KneserNey(tokenized(spans.train, tokenizer), tokenizer.vocab_size)
    print(f"V = {tokenizer.vocab_size}, T = {T}, {sum(p.numel() for p in model.parameters()):,} parameters\n")
    print("| held-out stories | model, windows side by side | half a context apart | 5-gram Kneser-Ney |")
    print("|---|---|---|---|")
    better = True
    for name, part in (("validation", spans.val), ("test", spans.test)):
        tokens = tokenized(part, tokenizer)
        found = [nats(model, all_windows(tokens, T, 16)), nats(model, sliding(tokens, T)), counts.nats(tokens)]
        side_by_side, apart, counted = (each / math.log(2) / text_bytes(tokenizer, tokens) for each in found)
        better &= max(side_by_side, apart) < counted
        print(f"| {name} | {side_by_side:.4f} | {apart:.4f} | {counted:.4f} |", flush=True)
    return 0 if better else 1


if __name__ == "__main__":
    sys.exit(main())
