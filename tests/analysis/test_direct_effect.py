"""The direct effect of edits, against its definition on transformers' GPT-2, and where nothing behind them answers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gptcore import Checkpoint, Edit, capture
from gptcore.analysis import direct_effect, logit_attribution
from tests.analysis.plain import heads, run
from tests.analysis.test_attribution import IDS

ROW, AT, TOKEN, VERSUS = 1, 5, 60, 3
Z, MLP, GELU, MID = (f"transformer.h.1.{name}" for name in ("attn.z", "mlp", "mlp.gelu", "resid_mid"))


@torch.no_grad()
def read(theirs: Any, difference: torch.Tensor) -> float:
    """A difference of the stream as logits: centred, over the state's own scale, times the norm's weight, times W_U."""
    made, trunk = run(theirs, IDS), theirs.transformer
    state = made["post", theirs.config.n_layer - 1][ROW, AT]
    scale = ((state - state.mean()).square().mean() + trunk.ln_f.eps).sqrt()
    w_u = theirs.lm_head.weight[TOKEN] - theirs.lm_head.weight[VERSUS]
    return float(((difference - difference.mean()) / scale * trunk.ln_f.weight) @ w_u)


@torch.no_grad()
def test_each_edit_is_read_as_the_definition_says(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    made, out = run(theirs, IDS), heads(theirs, 1)[3]
    trace = capture(ckpt, IDS)
    z, mlp = made["z", 1][ROW, :, AT], made["mlp", 1][ROW, AT]
    hidden = trace.rows(GELU, AT, AT + 1)[ROW, 0]
    down = theirs.transformer.h[1].mlp.c_proj.weight  # (4C, C)
    new = torch.full_like(z[0], 0.25)
    middle = trace.rows(MID, AT, AT + 1)[ROW, 0]
    cases = [
        (Edit(Z, "zero", head=1), -z[1] @ out[1]),
        (Edit(Z, "scale", 0.5, head=0), -0.5 * z[0] @ out[0]),
        (Edit(Z, "set", new, head=1), (new - z[1]) @ out[1]),
        (Edit(MLP, "zero"), -mlp),
        (Edit(GELU, "set", 2.0, channel=7), (2.0 - hidden[7]) * down[7]),
        (Edit(MID, "scale", 0.0, position=AT), -middle),
        (Edit(MID, "zero", position=AT - 1), torch.zeros_like(mlp)),
    ]
    for edit, difference in cases:
        found = direct_effect(trace, [edit], TOKEN, VERSUS, AT, ROW)
        assert found == pytest.approx(read(theirs, difference), abs=1e-6), edit
    both = direct_effect(trace, [cases[0][0], cases[3][0]], TOKEN, VERSUS, AT, ROW)
    assert both == pytest.approx(read(theirs, cases[0][1] + cases[3][1]), abs=1e-6)


def test_what_is_off_loses_its_part_of_the_attribution(pair: tuple[Any, Checkpoint]) -> None:
    trace = capture(pair[1], IDS)
    parts = {(part.name, part.head): part.value for part in logit_attribution(trace, TOKEN, VERSUS, AT, ROW).parts}
    effect = direct_effect(trace, [Edit(Z, "zero", head=0)], TOKEN, VERSUS, AT, ROW)
    assert effect == pytest.approx(-parts[Z, 0], abs=1e-7)


@pytest.mark.parametrize("name", ["transformer.h.0.attn.q", "transformer.h.0.attn.pattern", "transformer.h.0.ln_1"])
def test_what_adds_nothing_by_itself_has_no_direct_effect(pair: tuple[Any, Checkpoint], name: str) -> None:
    with pytest.raises(ValueError, match="adds nothing to the residual stream"):
        direct_effect(capture(pair[1], IDS), [Edit(name, "zero")], TOKEN)
