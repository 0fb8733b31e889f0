"""The scores of attention heads, against their definition one query at a time, on transformers' GPT-2."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch

import gptcore
from gptcore import Checkpoint, Edit, capture
from gptcore.analysis import chance
from gptcore.analysis.head_scores import KINDS, SCORES, head_scores, prefix_matching, prompt_scores, repeated
from tests.analysis.plain import run
from tests.conftest import random_model


def by_definition(patterns: list[torch.Tensor], ids: torch.Tensor, half: int) -> dict[str, torch.Tensor]:
    """Means over the queries that have such a key, one query at a time."""
    L, H = len(patterns), patterns[0].size(1)
    found = {kind: torch.zeros(L, H) for kind in SCORES}
    for layer, pattern in enumerate(patterns):
        for head in range(H):
            given: dict[str, list[float]] = {kind: [] for kind in SCORES}
            for row, tokens in enumerate(ids.tolist()):
                for query in range(2 * half):
                    keys = {"first": 0, "current": query}
                    if query < 64:
                        keys["sink"] = 0
                    if query > 0:
                        keys["previous"] = query - 1
                    if query >= half:
                        keys["duplicate"] = tokens.index(tokens[query])
                        keys["induction"] = keys["duplicate"] + 1
                    for kind, key in keys.items():
                        given[kind].append(pattern[row, head, query, key].item())
            for kind, values in given.items():
                found[kind][layer, head] = sum(values) / len(values)
            assert len(given["induction"]) == len(given["duplicate"]) == len(ids) * half
    return found


def test_scores_are_means_of_what_each_query_gives(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    half = 7
    ids = repeated(61, half, rows=5, seed=4)
    made = run(theirs, ids)
    expected = by_definition([made["pattern", layer] for layer in range(3)], ids, half)
    found = head_scores(ckpt.model, ids)
    assert found.keys() == expected.keys() == SCORES.keys()
    for kind, scores in expected.items():
        torch.testing.assert_close(found[kind], scores, rtol=0, atol=1e-6, msg=kind)
        assert found[kind].std() > 1e-3  # a wrong head shows
    of_probe = head_scores(ckpt.model, rows=5, half=half, seed=4)  # these very ids, but for the sink
    for kind in SCORES.keys() - {"sink"}:
        assert torch.equal(of_probe[kind], found[kind])


def test_a_sink_is_measured_over_64_positions_and_a_hundred_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(vocab_size=20, n_layer=2, n_head=2, block_size=80)
    ids = repeated(20, 40, rows=3)
    patterns = [capture(model, ids)[f"transformer.h.{layer}.attn.pattern"] for layer in range(2)]
    found = head_scores(model, ids)
    for layer in range(2):
        sink, first = patterns[layer][:, :, :64, 0].mean((0, 2)), patterns[layer][..., 0].mean((0, 2))
        torch.testing.assert_close(found["sink"][layer], sink, rtol=0, atol=1e-6)
        torch.testing.assert_close(found["first"][layer], first, rtol=0, atol=1e-6)
        assert (sink - first).abs().max() > 1e-4
    seen: list[tuple[int, ...]] = []
    plain = gptcore.capture

    def told(model: gptcore.GPT, ids: torch.Tensor, **options: Any) -> gptcore.Trace:
        seen.append(tuple(ids.shape))
        return plain(model, ids, **options)

    monkeypatch.setattr(sys.modules["gptcore.analysis.head_scores"], "capture", told)  # not the function of this name
    head_scores(model, kinds=["sink"])
    assert sum(rows for rows, _ in seen) == 100 and {T for _, T in seen} == {64}


def test_the_levels_by_chance_are_those_of_heads_that_look_everywhere_alike() -> None:
    model = random_model(vocab_size=70, block_size=104)
    with torch.no_grad():
        for block in model.transformer.h:
            block.attn.c_attn.weight[:32] = 0  # queries and keys
            block.attn.c_attn.bias[:32] = 0
    found = head_scores(model, half=50, rows=3)
    for kind, level in chance.of_scores(model.config, 50).items():
        torch.testing.assert_close(found[kind], torch.full((3, 2), level), rtol=0, atol=1e-6, msg=kind)
    assert prefix_matching(model).sub(chance.prefix_matching()).abs().max() < 1e-6
    assert chance.previous(100) == pytest.approx(0.0423, abs=5e-5)
    assert chance.induction(50) == pytest.approx(0.01376, abs=5e-6) == chance.duplicate(50)
    assert chance.sink() == pytest.approx(0.0741, abs=5e-5)


def test_prefix_matching_is_the_mean_of_all_pairs(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    ids = repeated(61, 4, rows=10, seed=2, copies=4)  # a context of 16
    made = run(theirs, ids)
    for layer in range(3):
        for head in range(2):
            given = []
            for row, tokens in enumerate(ids.tolist()):
                for query, token in enumerate(tokens):
                    given += [
                        made["pattern", layer][row, head, query, earlier + 1].item()
                        for earlier in range(query)
                        if tokens[earlier] == token
                    ]
            assert len(given) == 10 * 4 * (1 + 2 + 3)
            expected = sum(given) / len(given)
            assert prefix_matching(ckpt, seed=2)[layer, head] == pytest.approx(expected, abs=1e-6)


def test_the_scores_of_a_prompt_are_those_of_its_own_tokens(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    ids = torch.tensor([[9, 9, 9, 9, 9, 9, 9], [5, 3, 1, 5, 3, 3, 7]])
    made, found = run(theirs, ids), prompt_scores(capture(ckpt, ids), row=1)
    duplicate = [(3, 0), (4, 1), (5, 4)]
    for layer in range(3):
        pattern = made["pattern", layer][1].float()
        for kind, pairs in {
            "duplicate": duplicate,
            "induction": [(q, k + 1) for q, k in duplicate],
            "previous": [(q, q - 1) for q in range(1, 7)],
            "current": [(q, q) for q in range(7)],
            "first": [(q, 0) for q in range(7)],
        }.items():
            expected = torch.stack([pattern[:, q, k] for q, k in pairs]).mean(0)
            torch.testing.assert_close(found[kind][layer], expected, rtol=0, atol=1e-6, msg=kind)


def test_a_score_without_such_a_key_is_nan() -> None:
    model = random_model()
    alone = prompt_scores(capture(model, [3]))
    assert {kind for kind, scores in alone.items() if scores.isnan().all()} == {"previous", "induction", "duplicate"}
    assert alone["first"].eq(1).all() and alone["current"].eq(1).all()
    tiny = random_model(block_size=2)
    assert not any(scores.isnan().any() for scores in head_scores(tiny).values())  # half = 1


def test_the_scores_of_a_prompt_are_those_of_the_edited_run() -> None:
    edit = Edit("transformer.h.1.attn.pattern", "zero", head=1)
    found = prompt_scores(capture(random_model(), [3, 1, 4], edits=[edit]))
    assert found["previous"][1, 1] == 0 < found["previous"][1, 0]


def test_each_half_is_the_same_and_without_repetition_where_it_can_be() -> None:
    for vocab_size, half in ((20, 20), (20, 5), (3, 8)):
        ids = repeated(vocab_size, half, rows=6)
        assert torch.equal(ids[:, :half], ids[:, half:])
        assert ids.min() >= 0 and ids.max() < vocab_size
        if vocab_size >= half:
            assert all(len(set(row)) == half for row in ids[:, :half].tolist())
        assert len({tuple(row) for row in ids.tolist()}) == 6
    assert torch.equal(repeated(20, 5, 6, seed=1), repeated(20, 5, 6, seed=1))
    assert not torch.equal(repeated(20, 5, 6, seed=1), repeated(20, 5, 6, seed=2))


def test_what_does_not_fit_is_refused() -> None:
    model = random_model(block_size=16)
    with pytest.raises(ValueError, match="half: 9 tokens twice do not fit into a context of 16; take fewer"):
        head_scores(model, half=9)
    with pytest.raises(ValueError, match="half: 0 tokens"):
        head_scores(model, half=0)
    with pytest.raises(ValueError, match=r"got rows of 3 that are not; for a prompt take prompt_scores"):
        head_scores(model, [[1, 2, 1]])
    with pytest.raises(ValueError, match="the same once more, got rows of 4"):
        head_scores(model, [[1, 2, 1, 3]])
    with pytest.raises(ValueError, match="there is no score 'last'; choose of previous, "):
        head_scores(model, kinds=["last"])
    with pytest.raises(ValueError, match="row must be from 0 to 0, got 1"):
        prompt_scores(capture(model, [1, 2]), row=1)
    with pytest.raises(ValueError, match="a context of 3 has no room for 4 copies"):
        prefix_matching(random_model(block_size=3))


def test_only_the_wanted_scores_are_measured() -> None:
    model = random_model(block_size=16)
    found = head_scores(model, kinds=KINDS)
    assert list(found) == list(KINDS)
    assert all(torch.equal(scores, head_scores(model)[kind]) for kind, scores in found.items())
    assert math.isclose(found["first"][0, 0].item(), head_scores(model)["first"][0, 0].item())
