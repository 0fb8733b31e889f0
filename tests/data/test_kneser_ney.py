"""The n-gram model to which the model of stories is compared: by hand, against plain Python, and as probabilities."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from gptcore.data.source import TextSource
from gptcore.data.text import SplitText
from gptcore.data.windows import all_windows
from gptcore.tokenizer import CharTokenizer
from gptcore.tokenizer.train_bpe import train_bpe
from gptcore.train import evaluate
from tests.benchmarks.fairytales import KneserNey, discounts, nats, sliding, text_bytes
from tests.conftest import random_model


def test_a_tiny_text_by_hand() -> None:
    """The text is too small to estimate discounts, so counts of 1 and 2 are discounted by 1/2 and 1.

    After 0, 1 occurs twice and 2 once: (2 - 1) / 3, (1 - 1/2) / 3, and (1/2 + 1) / 3 goes to the lower order. There
    0, 1 and 2 each follow one other token: (1 - 1/2) / 3, and 1/2 is divided among the 4 ids of the vocabulary.
    """
    found = KneserNey(np.array([0, 1, 0, 1, 0, 2]), V=4, order=2)
    lower = np.array([1 / 6, 1 / 6, 1 / 6, 0]) + 1 / 2 / 4
    by_hand = np.array([0, 1 / 3, 1 / 6, 0]) + 1 / 2 * lower
    assert found.probabilities(np.full((4, 1), 0), np.arange(4)) == pytest.approx(by_hand, abs=1e-12)
    assert found.probabilities(np.full((4, 1), 3), np.arange(4)) == pytest.approx(lower, abs=1e-12)  # 3 never occurred
    assert found.probabilities(np.full((4, 1), -1), np.arange(4)) == pytest.approx(lower, abs=1e-12)
    # After 1, 0 occurs twice: 1 / 2 goes to the lower order.
    assert found.nats(np.array([0, 1, 3])) == pytest.approx(-np.log(by_hand[1]) - np.log(1 / 2 * lower[3]), abs=1e-12)


def test_discounts_are_those_of_the_paper() -> None:
    """Counts: four n-grams occur once, three twice, two three times, one four times: Y = 4 / (4 + 2 * 3) = 0.4."""
    counts = np.array([1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 9, 9])
    assert discounts(counts) == pytest.approx([0, 1 - 2 * 0.4 * 3 / 4, 2 - 3 * 0.4 * 2 / 3, 3 - 4 * 0.4 * 1 / 2])


def text(seed: int, V: int, length: int) -> np.ndarray:
    """Make ids with habits: the next one is often a function of the last two."""
    generator = np.random.default_rng(seed)
    row = [0, 1]
    for _ in range(length - 2):
        habit = (3 * row[-1] + row[-2]) % V
        row.append(habit if generator.random() < 0.6 else int(generator.zipf(1.5)) % V)
    return np.array(row)


@pytest.mark.parametrize(("order", "V"), [(1, 5), (3, 7), (5, 12), (5, 2048)])
def test_probabilities_sum_to_one_after_any_context(order: int, V: int) -> None:
    row = text(0, V, 3000)
    model = KneserNey(row, V, order)
    generator = np.random.default_rng(1)
    contexts = [generator.integers(0, V, order - 1) for _ in range(20)]
    contexts += [row[start : start + order - 1] for start in generator.integers(0, 2000, 20)]
    contexts += [np.where(np.arange(order - 1) < order - 1 - known, -1, 1) for known in range(order)]
    for context in contexts:
        found = model.probabilities(np.tile(context, (V, 1)), np.arange(V))
        assert found.min() > 0
        assert found.sum() == pytest.approx(1, abs=1e-9)


def plain(row: list[int], V: int, order: int, before: tuple[int, ...], token: int) -> float:
    """Compute the paper's recursion with dictionaries, without care for speed."""
    counts = Counter(tuple(row[i : i + order]) for i in range(len(row) - order + 1))
    levels = [counts]
    while len(levels) < order:
        after = defaultdict(set)
        for gram in levels[-1]:
            after[gram[1:]].add(gram[0])
        levels.append(Counter({gram: len(firsts) for gram, firsts in after.items()}))

    def p(before: tuple[int, ...], level: int) -> float:
        if level == order:
            return 1 / V
        grams = levels[level]
        n = [sum(count == i for count in grams.values()) for i in range(5)]
        d = {1: 0.5, 2: 1.0, 3: 1.5}
        if all(n[1:]):
            y = n[1] / (n[1] + 2 * n[2])
            d = {i: i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3)}
        followers = {gram[-1]: count for gram, count in grams.items() if gram[:-1] == before}
        lower = p(before[1:], level + 1)
        if not followers:
            return lower
        total = sum(followers.values())
        count = followers.get(token, 0)
        own = count - d[min(count, 3)] if count else 0
        return own / total + sum(d[min(count, 3)] for count in followers.values()) / total * lower

    return p(before, 0)


def test_it_is_the_recursion_of_the_paper() -> None:
    V, order = 40, 3
    row = text(3, V, 1500)
    model = KneserNey(row, V, order)
    estimated = discounts(np.unique(np.lib.stride_tricks.sliding_window_view(row, 3), axis=0, return_counts=True)[1])
    assert estimated.tolist() != [0, 0.5, 1, 1.5]
    test = text(4, V, 60)
    before = np.lib.stride_tricks.sliding_window_view(test, 3)
    expected = [plain(row.tolist(), V, order, (a, b), c) for a, b, c in before.tolist()]
    assert model.probabilities(before[:, :2], before[:, 2]) == pytest.approx(expected, rel=1e-9)


def test_a_row_begins_with_what_little_is_before_it() -> None:
    V = 7
    model = KneserNey(text(0, V, 2000), V, 3)
    row = text(5, V, 30)
    first = model.probabilities(np.array([[-1, row[0]]]), row[1:2])
    windows = np.lib.stride_tricks.sliding_window_view(row, 3)
    rest = model.probabilities(windows[:, :2], windows[:, 2])
    assert model.nats(row) == pytest.approx(-np.log(first).sum() - np.log(rest).sum())


def test_other_orders_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"6 ids of 2048 do not fit in 63 bits; take a lower order"):
        KneserNey(np.arange(10), 2048, 6)


@pytest.mark.parametrize("length", [9, 10, 13, 16, 17, 40])
def test_sliding_windows_ask_for_every_target_once_with_half_a_context_before(length: int) -> None:
    row = np.arange(length)
    asked = []
    for x, y in sliding(row, 8, batch_size=2):
        assert x.shape == y.shape and x.size(1) == 8
        for inputs, targets in zip(x.tolist(), y.tolist(), strict=True):
            known = [t for t in targets if t != -1]
            assert known == [i + 1 for i in inputs][len(targets) - len(known) :]
            assert inputs[0] == 0 or not known or known[0] - inputs[0] > 4
            asked += known
    assert asked == list(range(1, length))


def test_a_model_is_measured_as_at_the_end_of_its_training() -> None:
    """The numbers agree with `gptcore.train.evaluate`; an untrained model's loss is log V nats a token."""
    tokenizer = CharTokenizer("abcdefgh")
    row = text(6, 8, 200)
    model = random_model(block_size=16, vocab_size=8)
    source = TextSource(tokenizer, 16, {"val": row}, SplitText((), ()))
    assert nats(model, all_windows(row, 16, 4)) == pytest.approx(
        evaluate.whole_split(model, source, "val")["loss"] * 199
    )
    with torch.no_grad():
        model.lm_head.weight.zero_()
    assert nats(model, sliding(row, 16)) == pytest.approx(np.log(8) * 199, rel=1e-5)


def test_bytes_of_text_are_those_of_the_targets() -> None:
    tokenizer = train_bpe(["the cat, the café"], 262)
    ids = [*tokenizer.encode("the café"), tokenizer.special["<|endoftext|>"], *tokenizer.encode("the")]
    first = len(tokenizer.token_bytes(ids[0]))
    assert text_bytes(tokenizer, np.array(ids)) == len("the caféthe".encode()) - first
