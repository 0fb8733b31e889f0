"""The example scripts: each runs in a process of its own, and prints the figures that the library gives here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import gptcore
from gptcore import Edit, capture

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "assets" / "examples"
MOST_LINES = 40


def printed(name: str) -> list[str]:
    """Return the lines that a script prints."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def numbers(line: str) -> list[float]:
    """Return the numbers with decimals in a line; percentages as shares.

    >>> numbers("' Tom' at 3: 91.5%, -0.25")
    [0.915, -0.25]
    """
    found = re.findall(r"([+-]?\d+\.\d+)(%?)(?![.\d])", re.sub(r"\b\d\.\d\b(?!%)", "", line))
    return [float(number) / (100 if percent else 1) for number, percent in found]


def test_every_script_is_tested_and_short() -> None:
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert {path.stem for path in scripts} == {"induction", "two_names", "lens_and_attribution"}
    for path in scripts:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_induction_head_is_found_and_goes_blind() -> None:
    lines = printed("induction")
    ckpt = gptcore.load("induction")
    ids = ckpt.tokenizer.encode("xurolifcxuro")
    for line, head, letter in zip(lines, (None, (1, 0), (0, 0)), "lrt", strict=False):
        edits = [] if head is None else [Edit(f"transformer.h.{head[0]}.attn.z", "zero", head=head[1])]
        chances = capture(ckpt, ids, edits=edits).logits[0, -1].softmax(-1)
        assert f"off: {[head] if head else []};" in line
        assert f"the next letter is {letter!r}, " in line and ckpt.tokenizer.label(chances.argmax()) == letter
        assert numbers(line) == [pytest.approx(chances.max().item(), abs=6e-4)]
    for line, edits in zip(lines[3:5], ([], [Edit("transformer.h.0.attn.z", "zero", head=0)]), strict=True):
        pattern = capture(ckpt, ids, edits=edits)["transformer.h.1.attn.pattern"][0, 0]
        behind = torch.stack([pattern[query, query - 7] for query in range(8, 12)]).mean()  # half is 8
        assert numbers(line) == [pytest.approx(behind.item(), abs=6e-4)]
    assert numbers(lines[3])[0] > 0.9 and numbers(lines[4])[0] < 0.1
    C, D = 64, 32
    first, second = (ckpt.model.transformer.h[layer].attn for layer in (0, 1))
    written = first.c_attn.weight[2 * C : 2 * C + D].T @ first.c_proj.weight[:, :D].T  # OV of head 0.0
    asked = second.c_attn.weight[:D].T @ second.c_attn.weight[C : C + D]  # QK of head 1.0
    reads = (written @ asked.T).norm() / written.norm() / asked.norm()
    assert numbers(lines[5]) == [pytest.approx(reads.item(), abs=6e-4), C**-0.5]


def test_the_heads_that_move_the_name_are_found() -> None:
    lines = printed("two_names")
    ckpt = gptcore.load("two-names")
    ids = ckpt.tokenizer.encode("When Anna and Tom went to the store, Tom gave a ring to")
    anna, tom = (ckpt.tokenizer.encode(name)[0] for name in (" Anna", " Tom"))

    def lead(*edits: Edit) -> float:
        logits = capture(ckpt, ids, edits=edits).logits[0, -1]
        return (logits[anna] - logits[tom]).item()

    whole = lead()
    assert numbers(lines[0]) == [pytest.approx(whole, abs=6e-3)]
    trace = capture(ckpt, ids)
    parts = gptcore.logit_attribution(trace, anna, tom).parts
    for line, (layer, head), looks in zip(
        lines[1:4], ((0, 2), (1, 2), (0, 0)), ("' Tom' at 3", "' Tom' at 9", "' Tom' at 3"), strict=True
    ):
        without = lead(Edit(f"transformer.h.{layer}.attn.z", "zero", head=head)) - whole
        (part,) = (part.value for part in parts if (part.layer, part.head) == (layer, head))
        assert line.startswith(f"head {layer}.{head} ") and looks in line
        assert numbers(line) == [pytest.approx(part, abs=6e-3), pytest.approx(without, abs=6e-3)]
    shares = dict(zip("qkv", map(numbers, lines[4:]), strict=True))
    assert shares["q"] == shares["k"] == [1, 1, 1, 1]
    assert shares["v"][2] < 0.3 < 0.9 < min(shares["v"][0], shares["v"][1], shares["v"][3])


def test_the_wolf_is_read_at_each_depth_and_split_into_parts() -> None:
    lines = printed("lens_and_attribution")
    ckpt = gptcore.load("fairytales")
    model = ckpt.model
    trace = capture(ckpt, ckpt.tokenizer.encode("There was once a fox and a wolf. The fox said to the"))
    depths = ["transformer.h.0.resid_pre", *(f"transformer.h.{layer}.resid_post" for layer in range(4))]
    for line, name in zip(lines, depths, strict=False):
        p, token = F.softmax(model.lm_head(model.transformer.ln_f(trace[name][0, -1])), dim=-1).max(-1)
        assert line.startswith(f"{name} ") and repr(ckpt.tokenizer.label(token)) in line
        assert numbers(line) == [pytest.approx(p.item(), abs=6e-4)]
    assert "' wolf' leads ' king' by" in lines[5]
    whole = numbers(lines[5])[0]
    parts = [numbers(line)[0] for line in lines[6:16]]
    assert sum(parts) == pytest.approx(whole, abs=6e-3)
    assert numbers(lines[16]) == [whole]
    wolf, king = (ckpt.tokenizer.encode(name)[0] for name in (" wolf", " king"))
    assert whole == pytest.approx((trace.logits[0, -1, wolf] - trace.logits[0, -1, king]).item(), abs=6e-4)
    final, norm = trace["transformer.h.3.resid_post"][0, -1], model.transformer.ln_f
    direction = norm.weight * (model.lm_head.weight[wolf] - model.lm_head.weight[king]) / final.std(correction=0)
    mlp = trace["transformer.h.0.mlp"][0, -1]
    assert parts[3] == pytest.approx(((mlp - mlp.mean()) @ direction).item(), abs=2e-3)
