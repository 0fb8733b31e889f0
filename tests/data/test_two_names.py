"""The task of two names against its rule in plain Python: sentences are read with a pattern that knows no generator."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
import torch

from gptcore.data import DataError, task_source
from gptcore.data.task import NOT_ASKED
from gptcore.data.two_names import EVERY_FRAME, EVERY_PAIR, LONGEST, NAMES, TwoNames, frames, pairs

TASK = TwoNames(LONGEST, TwoNames.size())
BEHIND = re.compile(
    r"(?P<first>.+?)(?:,(?: and)?|\. Then|\. Later) (?P<givers>\w+(?: and \w+)?) \w+ a \w+ to (?P<gets>\w+)\.\n"
)


def sentences(held_out: bool, batches: int = 12) -> list[str]:
    """Sentences as text, up to the end of their line."""
    generator = torch.Generator().manual_seed(11)
    drawn = TASK.held_out(64) if held_out else (TASK.batch(64, generator) for _ in range(batches))
    return [TASK.tokenizer.decode(row).split("\n")[0] + "\n" for x, _ in drawn for row in x]


def names_in(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text) if word in NAMES]


@pytest.mark.parametrize("held_out", [False, True])
def test_the_last_name_is_the_one_that_came_once(held_out: bool) -> None:
    found = sentences(held_out)
    for sentence in found:
        named = names_in(sentence)
        *before, last = named
        assert [name for name in dict.fromkeys(before) if before.count(name) == 1] == [last], sentence
        assert len(set(named)) in (2, 3)
    assert 0.1 < sum(len(set(names_in(each))) == 3 for each in found) / len(found) < 0.4


def test_no_place_of_a_name_tells_the_answer() -> None:
    two = [names_in(each) for each in sentences(False, 40) if len(set(names_in(each))) == 2]
    first = sum(named[-1] == named[0] for named in two) / len(two)
    assert 0.45 < first < 0.55
    answers = {named[-1] for named in two}
    assert answers == set(NAMES)


def test_no_pair_and_no_frame_of_an_evaluation_is_trained_on() -> None:
    assert not set(pairs(True)) & set(pairs(False)) and not set(frames(True)) & set(frames(False))
    assert len(pairs(True)) + len(pairs(False)) == len(NAMES) * (len(NAMES) - 1) // 2
    assert len(pairs(True)) == pytest.approx(len(pairs(False)) / (EVERY_PAIR - 1), rel=0.1)
    assert len(frames(True)) == pytest.approx(len(frames(False)) / (EVERY_FRAME - 1), rel=0.01)
    held = {frozenset(pair) for pair in pairs(True)}
    for sentence in sentences(False, 30):
        assert not held & {frozenset(pair) for pair in combinations(set(names_in(sentence)), 2)}, sentence
    for sentence in sentences(True):
        assert held & {frozenset(pair) for pair in combinations(set(names_in(sentence)), 2)}, sentence
    trained = {tuple(frame) for frame in frames(False)}
    for sentence in sentences(True):
        opening, deed, place, on = frame_of(sentence)
        assert (opening, deed, place, on) not in trained and (opening, deed, place, on) in frames(True), sentence


def frame_of(sentence: str) -> tuple[str, str, str, str]:
    """The frame of a sentence, read from its words."""
    opening, rest = sentence.split(" ", 1)
    on = re.search(r" the (\w+)(, and|\. Then|\. Later|,) ", rest)
    assert on is not None
    before = [word for word in rest[: on.start()].replace(",", "").split() if word not in NAMES and word != "and"]
    deed = " ".join(before)
    return (
        opening,
        deed.removesuffix(" at") if deed.split()[0] in ("met", "saw", "found", "helped") else deed,
        on[1],
        on[2],
    )


def test_every_word_is_one_token() -> None:
    for sentence in sentences(False, 6):
        parts = re.findall(r" ?\w+|[,.\n]", sentence)
        assert [TASK.tokenizer.label(index) for index in TASK.tokenizer.encode(sentence)] == parts
    assert len(NAMES) >= 60 == len(NAMES[:60])
    assert all(len(TASK.tokenizer.encode(f"then {name}")) - len(TASK.tokenizer.encode("then")) == 1 for name in NAMES)
    assert TASK.tokenizer.decode(TASK.tokenizer.encode("Zürich, not a name!")) == "Zürich, not a name!"


def test_only_the_last_name_is_an_answer_and_what_is_behind_the_line_does_not_count() -> None:
    x, y = TASK.batch(64, torch.Generator().manual_seed(3))
    answers = TASK.answers(y)
    assert (answers.sum(dim=1) == 1).all()
    for row, targets, at in zip(x, y, answers, strict=True):
        text = TASK.tokenizer.decode(row)
        length = len(TASK.tokenizer.encode(text.split("\n")[0] + "\n"))
        assert TASK.tokenizer.label(int(targets[at])).strip() == names_in(text)[-1]
        assert targets[: length - 1].tolist() == row[1:length].tolist()
        assert (targets[length - 1 :] == NOT_ASKED).all()


def test_its_prompt_is_a_sentence_that_waits_for_its_last_name() -> None:
    assert TASK.prompt.endswith(" to")
    assert all(index >= 256 or index == ord(",") for index in TASK.tokenizer.encode(TASK.prompt))


def test_other_sizes_are_refused() -> None:
    with pytest.raises(DataError, match=f"block_size {LONGEST} or more"):
        TwoNames(LONGEST - 1, TwoNames.size())
    with pytest.raises(DataError, match="vocab_size"):
        task_source("two-names", vocab_size=99)
    assert TwoNames(64, TwoNames.size()).batch(2, torch.Generator())[0].shape == (2, 64)
