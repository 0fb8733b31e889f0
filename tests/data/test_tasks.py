"""The built-in tasks against their rules in plain Python, and the held-out examples against the training examples."""

from __future__ import annotations

import itertools
import re

import pytest
import torch

from gptcore import data
from gptcore.data import DEFAULTS, TASKS, Addition, DataError, Induction, Sort, Task
from gptcore.data.task import NOT_ASKED


def lines(task: Task, x: torch.Tensor, y: torch.Tensor) -> list[str]:
    """Return each example as text, after a check that inputs and targets are shifted by one."""
    asked = y[:, :-1] != NOT_ASKED
    assert torch.equal(x[:, 1:][asked], y[:, :-1][asked])
    return [task.tokenizer.decode(torch.cat([row, last[-1:]])) for row, last in zip(x, y, strict=True)]


def drawn(task: Task, batches: int = 20, rows: int = 64) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(5)
    return [task.batch(rows, generator) for _ in range(batches)]


# ---- all -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_batches_are_decided_by_their_generator(name: str) -> None:
    source = data.task_source(name)
    again = data.task_source(name)
    before = torch.get_rng_state()
    for _ in range(3):
        one, two = (s.batch(8, torch.Generator().manual_seed(7)) for s in (source, again))
        assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1])
    first, second = source.task.batch(8, g := torch.Generator().manual_seed(7)), source.task.batch(8, g)
    assert first[0].shape != second[0].shape or not torch.equal(first[0], second[0])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", TASKS)
def test_what_is_measured_is_always_the_same(name: str) -> None:
    source = data.task_source(name)
    for split in ("train", "val"):
        one, two = (list(source.whole(split)) for _ in range(2))  # type: ignore[arg-type]
        assert len(one) == len(two) > 0
        assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(one, two, strict=True))
    seen, held = (torch.cat([x[0] for x, _ in source.whole(split)]) for split in ("train", "val"))  # type: ignore[arg-type]
    assert seen.tolist() != held.tolist()


@pytest.mark.parametrize("name", TASKS)
def test_shapes_and_ids_fit_the_model(name: str) -> None:
    source = data.task_source(name)
    assert (source.block_size, source.tokenizer.vocab_size) == DEFAULTS[name]
    for x, y in [*drawn(source.task), *source.whole("val"), *source.whole("train")]:
        assert x.shape == y.shape and x.dtype == y.dtype == torch.int64
        assert x.size(1) <= source.block_size
        assert x.min() >= 0 and x.max() < source.tokenizer.vocab_size
        assert y.max() < source.tokenizer.vocab_size and y.min() >= NOT_ASKED
        answers = source.answers(y)
        assert answers is not None and answers.any() and not (answers & (y == NOT_ASKED)).any()


# ---- sort ----------------------------------------------------------------------------------------------------------


def test_sort_is_sorted() -> None:
    task = Sort(block_size=11, vocab_size=3)
    for x, y in drawn(task):
        for line, target in zip(lines(task, x, y), y.tolist(), strict=True):
            assert line[6:] == "".join(sorted(line[:6]))
            assert target[:5] == [NOT_ASKED] * 5 and NOT_ASKED not in target[5:]


def test_sort_holds_out_a_quarter_of_all_inputs_and_never_trains_on_it() -> None:
    task = Sort(block_size=11, vocab_size=3)
    held = {line[:6] for x, y in task.held_out(64) for line in lines(task, x, y)}
    seen = {line[:6] for x, y in task.seen(64) for line in lines(task, x, y)}
    assert held | seen == {"".join(letters) for letters in itertools.product("ABC", repeat=6)}
    assert (len(held), len(seen), len(task.inputs)) == (183, 546, 729)
    trained = {line[:6] for x, y in drawn(task, batches=200) for line in lines(task, x, y)}
    assert trained == seen


@pytest.mark.parametrize(("block_size", "vocab_size"), [(10, 3), (11, 1), (11, 27), (0, 3)])
def test_sizes_that_sort_cannot_have(block_size: int, vocab_size: int) -> None:
    with pytest.raises(
        DataError, match=r"sort: n letters .* an odd block_size, 2n - 1, and 2 to 26 letters; got block"
    ):
        Sort(block_size, vocab_size)


def test_more_inputs_than_can_be_listed() -> None:
    with pytest.raises(DataError, match=r"sort: 26 letters in 6 places are too many inputs; ask for fewer"):
        Sort(11, 26)


# ---- induction -----------------------------------------------------------------------------------------------------


def test_induction_repeats_and_is_decided_by_the_letter_before() -> None:
    task = Induction(block_size=16, vocab_size=20)
    for x, y in [*task.held_out(64), *task.seen(64)]:
        answers = task.answers(y)
        for line, known in zip(lines(task, x, y), answers.tolist(), strict=True):
            half = len(line) // 2
            assert line[:half] == line[half:] and len(set(line)) == half
            for t, decided in enumerate(known):  # target t is the letter at t + 1
                before = [i for i in range(t) if line[i] == line[t]]
                assert decided == bool(before)
                assert not decided or line[before[-1] + 1] == line[t + 1]


def test_halves_have_many_lengths_the_longest_fills_the_context() -> None:
    task = Induction(*DEFAULTS["induction"])
    assert {(x.size(1) + 1) // 2 for x, _ in task.held_out(64)} == set(task.halves) == set(range(4, 17))


def longest_repeat(line: str) -> tuple[int, int]:
    """Return the start and the length of the longest sequence of different letters that is repeated at once."""
    found = [
        (half, at)
        for at in range(len(line))
        for half in range(2, (len(line) - at) // 2 + 1)
        if line[at : at + half] == line[at + half : at + 2 * half] and len(set(line[at : at + half])) == half
    ]
    half, at = max(found)
    return at, half


def test_training_repeats_sequences_of_any_length_at_any_place() -> None:
    task = Induction(block_size=16, vocab_size=20)
    rows = [line for x, y in drawn(task, batches=10) for line in lines(task, x, y)]
    assert {len(line) for line in rows} == {17}
    places = [longest_repeat(line) for line in rows]
    assert {half for _, half in places} == set(range(2, 9))
    for half in range(3, 9):  # each length that fits, at every place
        assert {at for at, length in places if length == half} >= set(range(17 - 2 * half))
    pairs = sum(half == 2 for _, half in places) / len(places)
    assert 0.3 < pairs < 0.5  # rows with only pairs, and a seventh of the others


def test_any_letter_stands_anywhere() -> None:
    task = Induction(block_size=16, vocab_size=20)
    x = task.examples(4000, 8, torch.Generator().manual_seed(0))[0]
    counts = torch.stack([torch.bincount(x[:, t], minlength=20) for t in range(8)])
    assert counts.min() > 120 and counts.max() < 280  # 200 expected; within six standard deviations


def test_fresh_sequences_are_not_those_trained_on() -> None:
    task = Induction(block_size=64, vocab_size=52)
    held = {line for x, y in task.held_out(64) for line in lines(task, x, y)}
    seen = {line for x, y in task.seen(64) for line in lines(task, x, y)}
    assert len(held) == 32 * len(task.halves) and not held & seen
    for x, y in drawn(task, batches=50):
        for row in lines(task, x, y):
            assert not any(row.startswith(line) for line in held)


@pytest.mark.parametrize(("block_size", "vocab_size"), [(64, 31), (3, 20), (64, 63)])
def test_sizes_that_induction_cannot_have(block_size: int, vocab_size: int) -> None:
    with pytest.raises(
        DataError, match=r"induction: vocab_size must be at least half of block_size .* at most 62, .* got block_si"
    ):
        Induction(block_size, vocab_size)


# ---- addition ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [1, 2, 4])
def test_addition_adds(digits: int) -> None:
    task = Addition(block_size=3 * digits + 2, vocab_size=12)
    for x, y in drawn(task, batches=10):
        for line, target in zip(lines(task, x, y), y.tolist(), strict=True):
            found = re.fullmatch(rf"(\d{{{digits}}})\+(\d{{{digits}}})=(\d{{{digits + 1}}})", line)
            assert found and int(found[1]) + int(found[2]) == int(found[3][::-1])
            assert target[: 2 * digits + 1] == [NOT_ASKED] * (2 * digits + 1)
            assert NOT_ASKED not in target[2 * digits + 1 :]


def test_held_out_sums_are_never_trained_on() -> None:
    task = Addition(block_size=8, vocab_size=12)
    held = {line for x, y in task.held_out(64) for line in lines(task, x, y)}
    trained = {line for x, y in [*drawn(task, batches=300), *task.seen(64)] for line in lines(task, x, y)}
    assert len(held) > 300 and len(trained) > 7000 and not held & trained
    for place in (0, 1, 3, 4):
        assert {line[place] for line in held} == {line[place] for line in trained} == set("0123456789")


@pytest.mark.parametrize(("block_size", "vocab_size"), [(7, 12), (17, 12), (2, 12), (8, 10)])
def test_sizes_that_addition_cannot_have(block_size: int, vocab_size: int) -> None:
    with pytest.raises(
        DataError, match=r"addition: numbers of n digits need block_size 3n \+ 2, from 5 to 14, and vocab_"
    ):
        Addition(block_size, vocab_size)
