"""Texts that a model goes on with: against transformers' greedy ones, and against runs of each text anew."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import gptcore
from gptcore import GPT, Checkpoint, Edit, Step, Trace, capture, generate
from gptcore.generation.generate import next_token
from gptcore.generation.sampling import Sampling
from tests.conftest import random_model
from tests.reference import logits_of, random_gpt2

IDS = [3, 1, 4, 1, 5]
MODEL = random_model(dtype=torch.float64, block_size=16)


def ids_of(steps: list[Step]) -> list[int]:
    return [step.id for step in steps]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Checkpoint]:
    """Transformers' GPT-2, and the same weights as we load them."""
    theirs: Any = random_gpt2()
    folder: Path = tmp_path_factory.mktemp("gpt2")
    theirs.save_pretrained(folder)
    return theirs, gptcore.load(folder)


def test_greedy_is_transformers_greedy(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    seen: set[int] = set()
    for first in range(0, 60, 6):
        ids = [first, (first * 7 + 1) % 61, 5]
        given_ = torch.tensor([ids])
        expected = theirs.generate(
            given_, attention_mask=torch.ones_like(given_), max_new_tokens=13, do_sample=False, pad_token_id=0
        )
        assert ids + ids_of(list(generate(ckpt, ids, 13, temperature=0))) == expected[0].tolist()
        seen |= {*expected[0].tolist()}
    assert len(seen) > 20  # texts that could differ


def test_greedy_goes_on_beyond_the_context_with_the_last_tokens(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    text = [7, 11, 2]
    for step in generate(ckpt, text, 40, temperature=0):
        logits = logits_of(theirs, torch.tensor([text[-16:]]))[0, -1]
        assert step.id == int(logits.argmax())
        torch.testing.assert_close(step.stages["logits"].double(), logits.double(), rtol=0, atol=1e-5)
        text = [*text, step.id]
    assert len(text) == 43


def test_a_step_tells_what_it_was_drawn_from() -> None:
    text = list(IDS)
    for number, step in enumerate(generate(MODEL, IDS, 6, temperature=0.7, top_k=5, top_p=0.9, seed=3)):
        assert step.trace.ids[0].tolist() == text
        assert step.trace.reused == (len(IDS) + number - 1 if number else 0)  # one more token, one position
        torch.testing.assert_close(step.trace.logits, capture(MODEL, text).logits, rtol=0, atol=1e-10)
        expected = Sampling(0.7, 5, 0.9).stages(step.trace.logits[0, -1])
        assert list(step.stages) == ["logits", "temperature", "top_k", "top_p"]
        for stage, scores in expected.items():
            torch.testing.assert_close(step.stages[stage], scores, rtol=0, atol=1e-10)
        torch.testing.assert_close(step.probs, expected["top_p"].softmax(-1), rtol=0, atol=1e-10)
        assert step.probs[step.id] > 0
        text.append(step.id)


@settings(max_examples=25)
@given(st.integers(0, 100), st.integers(0, 15), st.integers(0, 15))
def test_how_many_steps_are_asked_for_changes_none_of_them(seed: int, few: int, more: int) -> None:
    start = generate(MODEL, IDS, few, seed=seed)
    first = ids_of(list(start))
    whole = ids_of(list(generate(MODEL, IDS, few + more, seed=seed)))
    assert whole[:few] == first
    assert ids_of(list(generate(MODEL, IDS + first, more, seed=seed))) == whole[few:]


def test_step_by_step_is_all_at_once() -> None:
    text, trace = list(IDS), None
    for step in generate(MODEL, IDS, 25, top_k=None, seed=9):
        trace = capture(MODEL, text[-16:], previous=trace)
        by_hand = next_token(trace, Sampling(top_k=None), seed=9, position=len(text))
        assert by_hand.id == step.id
        assert by_hand.trace is trace
        text.append(by_hand.id)


def test_a_seed_gives_one_text_and_another_seed_another() -> None:
    texts = [ids_of(list(generate(MODEL, IDS, 12, top_k=None, seed=seed))) for seed in (0, 0, 1, 2**80, -1)]
    assert texts[0] == texts[1]
    assert len({tuple(text) for text in texts}) == 4


def test_the_global_random_numbers_stay_as_they_were_and_do_not_count() -> None:
    torch.manual_seed(0)
    before, first = torch.get_rng_state(), ids_of(list(generate(MODEL, IDS, 5)))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert ids_of(list(generate(MODEL, IDS, 5))) == first


def test_threads_share_a_model() -> None:
    expected = {seed: ids_of(list(generate(MODEL, IDS, 10, seed=seed))) for seed in range(6)}
    found: dict[int, list[int]] = {}

    def work(seed: int) -> None:
        found[seed] = ids_of(list(generate(MODEL, IDS, 10, seed=seed)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


@pytest.mark.parametrize(
    "edit",
    [
        Edit("transformer.h.1.attn.z", "zero", head=1),
        Edit("transformer.h.1.mlp", "scale", 3.0, position=2),
        Edit("transformer.h.0.resid_post", "add", 4.0, position=-1, channel=3),
        Edit("lm_head", "set", float("-inf"), channel=[0, 1, 2, 3, 4]),
    ],
)
def test_edits_hold_in_each_run(edit: Edit) -> None:
    text = list(IDS)
    for step in generate(MODEL, IDS, 15, temperature=3.0, edits=[edit]):
        expected = capture(MODEL, text[-16:], edits=[edit])
        assert step.trace.edits == (edit,)
        torch.testing.assert_close(step.stages["logits"], expected.logits[0, -1], rtol=0, atol=1e-10)
        assert not step.stages["logits"].allclose(capture(MODEL, text[-16:]).logits[0, -1], atol=1e-3)
        text.append(step.id)
    if edit.name == "lm_head":
        assert not {*text[len(IDS) :]} & {0, 1, 2, 3, 4}


def test_weights_that_change_between_two_steps_count_from_then_on() -> None:
    model = random_model(dtype=torch.float64)
    steps = generate(model, IDS, 2, temperature=0)
    first = next(steps)
    with torch.no_grad():
        model.transformer.h[0].mlp.c_proj.bias += torch.linspace(-2, 2, 16)
    expected = capture(model, [*IDS, first.id])
    torch.testing.assert_close(next(steps).stages["logits"], expected.logits[0, -1], rtol=0, atol=1e-10)


def test_every_form_of_ids_and_model_gives_the_same_text(shakespeare: Checkpoint) -> None:
    ids = shakespeare.tokenizer.encode("To be")
    forms: list[Any] = [ids, tuple(ids), torch.tensor(ids), torch.tensor([ids]), [ids]]
    texts = [ids_of(list(generate(shakespeare, form, 4))) for form in forms]
    texts.append(ids_of(list(generate(shakespeare.model, ids, 4))))
    assert all(text == texts[0] for text in texts)


def test_a_prompt_that_is_longer_than_the_context_is_cropped() -> None:
    long = [(i * 7) % 17 for i in range(50)]
    (step,) = generate(MODEL, long, 1, seed=4)
    assert step.trace.ids[0].tolist() == long[-16:]
    assert step.id == next_token(capture(MODEL, long[-16:]), seed=4, position=50).id


def test_steps_are_run_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    def counted(*args: Any, **options: Any) -> Trace:
        runs.append(1)
        return capture(*args, **options)

    monkeypatch.setattr("gptcore.generation.generate.capture", counted)
    steps = generate(MODEL, IDS, 10**9)
    assert not runs
    next(steps)
    next(steps)
    assert len(runs) == 2
    assert list(generate(MODEL, IDS, 0)) == []


def test_memory_stays_bounded() -> None:
    model = random_model(block_size=128)
    steps = list(generate(model, [1], 100))
    fresh = capture(model, steps[-1].trace.ids)
    assert steps[-1].trace.nbytes() <= 1.3 * fresh.nbytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ids": []}, "no token ids: a run needs at least one"),
        ({"ids": "To be"}, "token ids are numbers, got a text; pass tokenizer.encode"),
        ({"ids": [99]}, "token id 99 is outside this model's vocabulary, 0 to 16"),
        ({"ids": [1.5]}, "token ids must be integers, got torch.float32"),
        ({"ids": [[1, 2], [3, 4]]}, "one text is wanted, got 2 of them; call generate for each"),
        ({"max_new_tokens": -1}, "max_new_tokens must be a whole number of at least 0, got -1"),
        ({"max_new_tokens": 2.0}, "max_new_tokens must be a whole number of at least 0, got 2.0"),
        ({"temperature": -1}, "temperature must be a number of at least 0, got -1"),
        ({"top_k": 0}, "top_k must be a whole number of at least 1, got 0"),
        ({"top_p": 2}, "top_p must be a number from 0 to 1, got 2"),
        ({"seed": "lucky"}, "seed must be a whole number, got 'lucky'; take 0"),
        ({"seed": None}, "seed must be a whole number, got None; take 0"),
    ],
)
def test_a_wrong_argument_is_refused_before_the_first_step(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(MODEL, **({"ids": IDS} | arguments))


def test_other_refusals() -> None:
    with pytest.raises(ValueError, match=r"the model must be a gptcore.GPT or a Checkpoint, got dict"):
        generate({}, IDS)
    training = GPT(gptcore.GPTConfig(8, 5, 1, 1, 4, dropout=0.5)).train()
    with pytest.raises(ValueError, match=r"call model.eval\(\) first"):
        generate(training, [1])
    with pytest.raises(ValueError, match="this run has 2 texts; capture one of them"):
        next_token(capture(MODEL, [IDS, IDS]))
    broken = random_model()
    with torch.no_grad():
        broken.transformer.ln_f.bias[0] = torch.nan
    with pytest.raises(ValueError, match=r"are no numbers \(NaN\)"):
        next(generate(broken, IDS))
