"""A run as it is and one under edits that go on together: each as a run of its own would be, and weights read once."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from gptcore import GPT, Edit, Trace, capture
from gptcore.capture.capture import capture_both
from tests.capture.edit_cases import edit_of, edited
from tests.capture.reference_edits import Change, reference, twin
from tests.capture.test_edits_reuse import GROWN, PROMPT, assert_as_by_hand

pytestmark = pytest.mark.usefixtures("shapes_by_hand")
HEAD = Change("transformer.h.1.attn.z", "zero", head=1)


def both(
    model: GPT, ids: list[int], made: list[Change], previous: tuple[Trace, Trace], names: list[str] | None = None
) -> tuple[Trace, Trace]:
    edits = [edit_of(model, change) for change in made]
    return capture_both(model, torch.tensor([ids]), edits, names=names, previous=previous)


def started(model: GPT, ids: list[int], made: list[Change]) -> tuple[Trace, Trace]:
    tokens = torch.tensor([ids])
    plain = capture(model, tokens)
    return plain, edited(model, tokens, made, previous=plain)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """Count how often each weight of a linear layer is read."""
    found: Counter[int] = Counter()
    linear = torch.nn.functional.linear

    def counting(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        found[weight.data_ptr()] += 1
        return linear(x, weight, bias)

    monkeypatch.setattr(torch.nn.functional, "linear", counting)
    return found


@pytest.mark.parametrize("made", GROWN, ids=lambda made: " ".join(f"{c.name}-{c.how}" for c in made))
def test_both_are_as_by_hand_however_the_text_goes_on(made: list[Change]) -> None:
    model = twin(reference())
    previous = started(model, PROMPT[:7], made)
    for ids in (PROMPT[:8], PROMPT[:10], PROMPT[:9], [*PROMPT[:5], 60, 59, 58], [*PROMPT[:5], 60, 59, 58, 1], PROMPT):
        earlier = previous[1].logits
        plain, changed = both(model, ids, made, previous)
        assert_as_by_hand(plain, [])
        assert_as_by_hand(changed, made)
        for trace in (plain, changed):  # the last logits are those of the run, and not made again
            torch.testing.assert_close(trace.rows("lm_head", trace.T - 1, trace.T), trace.logits[:, -1:])
        assert torch.equal(previous[1].logits, earlier)
        previous = plain, changed


def test_a_new_token_reads_each_weight_once_where_nothing_is_edited(read: Counter[int]) -> None:
    model = twin(reference())
    previous = started(model, PROMPT[:6], [HEAD])
    read.clear()
    plain, changed = both(model, PROMPT[:7], [HEAD], previous)
    assert (plain.reused, changed.reused) == (6, 6)
    weights = {name: model.get_parameter(f"{name}.weight").data_ptr() for name in named_linears(model)}
    twice = {name for name, where in weights.items() if read[where] == 2}
    assert twice == {f"transformer.h.1.{name}" for name in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")}
    assert all(read[where] == 1 for name, where in weights.items() if name not in twice)


def named_linears(model: GPT) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]


def test_below_the_first_edit_the_two_are_one() -> None:
    model = twin(reference())
    plain, changed = both(model, PROMPT[:9], [HEAD], started(model, PROMPT[:6], [HEAD]))
    below, behind = "transformer.h.0.resid_post", "transformer.h.1.resid_post"
    assert torch.equal(plain[below], changed[below])
    assert not torch.allclose(plain[behind], changed[behind])


OTHERS = ["another edit", "no edit", "another model", "a weight that has changed", "few names"]


@pytest.mark.parametrize("other", OTHERS)
def test_what_cannot_go_on_together_is_run_apart(other: str) -> None:
    model = twin(reference())
    before = Change("transformer.h.0.mlp", "zero") if other == "another edit" else HEAD
    previous = started(model, PROMPT[:6], [before])
    if other == "no edit":
        previous = previous[0], previous[0]
    if other == "another model":
        previous = started(twin(reference()), PROMPT[:6], [HEAD])
    if other == "a weight that has changed":
        with torch.no_grad():
            model.transformer.h[0].mlp.c_fc.weight[0] += 0.0  # as large as it was, but written to
    names = ["transformer.h.1.resid_post", "lm_head"] if other == "few names" else None
    plain, changed = both(model, PROMPT[:8], [HEAD], previous, names)
    assert_as_by_hand(plain, [])
    assert_as_by_hand(changed, [HEAD])


def test_few_names_go_on_with_few() -> None:
    model = twin(reference())
    names = ["transformer.h.2.attn.pattern", "lm_head"]
    tokens = torch.tensor([PROMPT[:6]])
    plain = capture(model, tokens, names=names)
    previous = plain, edited(model, tokens, [HEAD], previous=plain, names=names)
    made = both(model, PROMPT[:8], [HEAD], previous, names)
    assert [trace.reused for trace in made] == [6, 6]
    for trace, changes in zip(made, ([], [HEAD]), strict=True):
        assert_as_by_hand(trace, changes)
        assert trace.nbytes() < capture(model, torch.tensor([PROMPT[:8]])).nbytes()


def test_a_batch_of_two_texts() -> None:
    model = twin(reference())
    ids = torch.tensor([PROMPT[:9], PROMPT[2:11]])
    edits = [edit_of(model, HEAD)]
    plain = capture(model, ids[:, :6])
    previous = plain, capture(model, ids[:, :6], edits=edits, previous=plain)
    plain, changed = capture_both(model, ids, edits, previous=previous)
    assert (plain.reused, changed.reused) == (6, 6)
    assert_as_by_hand(plain, [])
    assert_as_by_hand(changed, [HEAD])


def test_logits_that_are_edited_themselves() -> None:
    model = twin(reference())
    made = [Change("lm_head", "scale", 2.0)]
    plain, changed = both(model, PROMPT[:8], made, started(model, PROMPT[:7], made))
    torch.testing.assert_close(changed.logits, 2 * plain.logits)


def test_no_edits_are_two_equal_runs_and_one_edit_needs_no_list() -> None:
    model = twin(reference())
    plain, changed = both(model, PROMPT[:8], [], started(model, PROMPT[:7], []))
    assert plain.reused == changed.reused == 7
    assert_as_by_hand(plain, [])
    assert_as_by_hand(changed, [])
    edit = edit_of(model, HEAD)
    _, one = capture_both(model, torch.tensor([PROMPT[:8]]), edit, previous=(plain, changed))  # type: ignore[arg-type]
    assert_as_by_hand(one, [HEAD])
    with pytest.raises(ValueError, match="list of names"):
        capture_both(model, [1], [], names="lm_head", previous=(plain, changed))


def test_an_edit_that_cannot_be_applied_is_refused() -> None:
    model = twin(reference())
    with pytest.raises(ValueError, match="head"):
        capture_both(model, [1, 2], [Edit("transformer.h.0.attn.z", "zero", head=9)], previous=started(model, [1], []))
