"""The scores of attention heads, against their definition one query at a time."""

from __future__ import annotations

import pytest
import torch

from gptcore import capture
from gptcore.analysis.head_scores import KINDS, head_scores, repeated
from tests.conftest import random_model


def test_scores_are_means_of_what_each_query_gives() -> None:
    """Of all queries but the first, or of the second half: there each id has stood once before."""
    model = random_model(vocab_size=20, n_layer=2, n_head=2)
    rows, half = 5, 7
    ids = repeated(20, half, rows, seed=4)
    found = head_scores(model, rows=rows, half=half, seed=4)
    trace = capture(model, ids)
    assert found.keys() == KINDS.keys()
    for layer in range(2):
        pattern = trace[f"transformer.h.{layer}.attn.pattern"]
        for head in range(2):
            given: dict[str, list[float]] = {kind: [] for kind in KINDS}
            for row, tokens in enumerate(ids.tolist()):
                for query in range(1, 2 * half):
                    keys = {"previous": query - 1, "first": 0}
                    if tokens[query] in tokens[:query]:
                        keys["duplicate"] = tokens.index(tokens[query])
                        keys["induction"] = keys["duplicate"] + 1
                    for kind, key in keys.items():
                        given[kind].append(pattern[row, head, query, key].item())
            for kind, values in given.items():
                assert found[kind][layer, head] == pytest.approx(sum(values) / len(values), abs=1e-6)
            assert len(given["induction"]) == len(given["duplicate"]) == rows * half


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
