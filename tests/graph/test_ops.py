"""Every op of the table against what the model's own modules return, for any range of rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gptcore import Edit, GPTConfig, architecture, capture, explain
from gptcore.graph.ops import Given, Rows
from gptcore.graph.ops.op import number, products
from tests.conftest import random_model

OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"bias": False, "activation": "gelu_tanh", "tie_weights": False, "layer_norm_epsilon": 1e-3},
)
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2], [2, 7, 1, 8, 2, 8, 1]])
NAMES = [node.id for node in architecture(random_model().config).nodes if not isinstance(node.op, Given)]


@pytest.mark.parametrize("options", OPTIONS, ids=("nanoGPT", "minGPT"))
@pytest.mark.parametrize("name", NAMES)
def test_an_op_makes_what_the_module_returned(name: str, options: dict[str, Any]) -> None:
    trace = capture(random_model(dtype=torch.float64, **options), IDS)
    axis = architecture(trace.config).nodes[name].axes.index("T")
    with torch.no_grad():
        for rows in (Rows(0, trace.T), Rows(2, 5), Rows(trace.T - 1, trace.T)):
            made = trace._values.unedited(name, rows)
            expected = trace[name].narrow(axis, rows.start, rows.stop - rows.start)
            torch.testing.assert_close(made, expected, rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("options", OPTIONS, ids=("nanoGPT", "minGPT"))
def test_a_cell_is_made_from_the_slices_that_its_op_names_and_no_others(options: dict[str, Any]) -> None:
    """Each named slice matters, and nothing else does: the cell computed from them alone is the cell."""
    trace = capture(random_model(dtype=torch.float64, **options), IDS)
    chooser = torch.Generator().manual_seed(0)
    for name, (_, shape) in trace.shapes().items():
        node = architecture(trace.config).nodes[name]
        if isinstance(node.op, Given):
            continue
        for _ in range(3):
            cell = tuple(int(torch.randint(size, (), generator=chooser)) for size in shape)
            found = explain(trace, name, cell)
            assert {operand.name for operand in found.operands} <= {*node.operands, *node.weights}
            assert found.operands
            assert found.recomputed == pytest.approx(found.value, abs=1e-12, nan_ok=True), (name, cell)


def test_downstream_is_what_a_change_reaches() -> None:
    """A scaled tensor changes what the map says is computed from it, and nothing else."""
    model = random_model(dtype=torch.float64, n_layer=2)
    plain = capture(model, IDS)
    arch = architecture(model.config)
    for name in ("transformer.wpe", "transformer.h.0.attn.k", "transformer.h.1.attn.sdpa", "transformer.h.1.mlp.gelu"):
        changed = capture(model, IDS, edits=[Edit(name, "scale", 1.5)])
        differs = {each for each in plain if not torch.equal(changed[each].nan_to_num(), plain[each].nan_to_num())}
        close = {each for each in differs if torch.allclose(changed[each], plain[each], rtol=0, atol=1e-12)}
        assert differs - close - {name} <= arch.downstream(name), name
        assert {"lm_head", "transformer.ln_f", "loss"} <= differs - close, name


def test_roles_name_one_tensor_a_block() -> None:
    arch = architecture(GPTConfig.preset("gpt2"))
    assert arch.named("pattern", 3) == "transformer.h.3.attn.pattern"
    assert arch.named("logits") == "lm_head"
    pairs = [(node.role, node.layer) for node in arch.nodes if node.role]
    assert len(pairs) == len(set(pairs))
    with pytest.raises(KeyError, match="no tensor has the role 'pattern' outside the blocks"):
        arch.named("pattern")


def test_numbers_in_formulas_are_written_as_people_read_them() -> None:
    assert [number(x) for x in (0.0, 1.0, -2.5, 1234567.0, 1e-9, float("nan"))] == [
        *("0", "1", "-2.5", r"1.235\cdot 10^{6}", r"1\cdot 10^{-9}", r"\mathrm{NaN}")
    ]
    assert products(torch.tensor([1.0, -2.0]), torch.tensor([3.0, 4.0])) == r"1 \cdot 3 + (-2) \cdot 4"
