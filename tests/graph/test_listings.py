"""Source beside a run: the lines that the table names make, in a real run, the tensors that it says they make."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from torch import Tensor

from gptcore import architecture
from gptcore.analysis import teaching_attention
from gptcore.analysis.parity import teaching_logits
from gptcore.graph import source_lines
from gptcore.graph.listings import TEACHING, Line, Topic, listing
from tests.lopsided import FITS, encode, lopsided, run_of

MODEL = lopsided().double()
TRACE = run_of(MODEL, FITS)
LAYERS, HEADS = MODEL.config.n_layer, MODEL.config.n_head


def made_by_line(path: Path) -> dict[int, list[Tensor]]:
    """Run the teaching pass over the prompt, and return what each line of its functions made, run after run.

    That is what an assignment leaves under its name, what a `return` returns, and the arguments at a function's first
    line.
    """
    targets = {
        node.lineno: ast.unparse(node.targets[0])
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign)
    }
    made: dict[int, list[Tensor]] = {}
    before: dict[FrameType, int] = {}

    def look(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if Path(frame.f_code.co_filename) != path or frame.f_code.co_name != "forward":
            return None
        if event == "call":
            made.setdefault(frame.f_code.co_firstlineno, []).append(frame.f_locals["x"])
        elif (line := before.get(frame)) in targets:
            made.setdefault(line, []).append(frame.f_locals[targets[line]])
        if event == "return":
            made.setdefault(frame.f_lineno, []).append(argument)
        before[frame] = frame.f_lineno
        return look

    sys.settrace(look)
    try:
        teaching_logits(MODEL, torch.tensor([encode(FITS)]))
    finally:
        sys.settrace(None)
    return made


@pytest.fixture(scope="module")
def made() -> dict[int, list[Tensor]]:
    return made_by_line(Path(teaching_attention.__file__))


def in_layer(made: dict[int, list[Tensor]], line: Line, layer: int) -> list[Tensor]:
    """Return what a line made in a block: of each head, or of all at once."""
    all_of_it = made[line.source.lines[0]]
    count = len(all_of_it) // LAYERS
    assert count == (HEADS if line.where.function.startswith("TeachingHead.") else 1)
    return all_of_it[layer * count : (layer + 1) * count]


TAUGHT = listing("teaching").lines
SAME = [line for line in TAUGHT if not line.id.endswith(("attn.k_t",)) and line.axes != ("T", "T")]
"""Lines whose value is the tensor itself."""


@pytest.mark.parametrize("line", TAUGHT, ids=lambda line: f"{line.where.text} {line.id}")
def test_each_line_of_the_teaching_attention_makes_a_tensor_of_its_axes(
    made: dict[int, list[Tensor]], line: Line
) -> None:
    if not line.axes:
        return
    sizes = architecture(MODEL.config).sizes(T=TRACE.T)
    for value in in_layer(made, line, 1):
        assert tuple(value.shape) == tuple(sizes[axis] for axis in line.axes)


@pytest.mark.parametrize("line", SAME, ids=lambda line: f"{line.where.text} {line.id}")
def test_each_line_of_the_teaching_attention_makes_the_run_s_tensor(made: dict[int, list[Tensor]], line: Line) -> None:
    for layer in range(LAYERS):
        values, wanted = in_layer(made, line, layer), TRACE[line.id.replace("{i}", str(layer))]
        if "H" not in dict.fromkeys(architecture(MODEL.config).nodes[line.id.replace("{i}", "0")].axes):
            assert all(torch.equal(value, values[0]) for value in values)  # each head reads the same
            torch.testing.assert_close(values[0], wanted)
        else:
            torch.testing.assert_close(torch.stack(values, dim=1), wanted)


def test_the_triangle_is_what_hides_the_future(made: dict[int, list[Tensor]]) -> None:
    (line,) = [line for line in TAUGHT if line.axes == ("T", "T")]
    for layer in range(LAYERS):
        hidden = TRACE[f"transformer.h.{layer}.attn.masked"] == float("-inf")
        for tril in in_layer(made, line, layer):
            assert torch.equal((tril == 0).expand_as(hidden), hidden)


def test_all_of_the_attention_is_taught_but_its_joint_projection() -> None:
    inside = {node.id for node in architecture(MODEL.config).nodes if node.id.startswith("transformer.h.0.attn")}
    taught = {line.id.replace("{i}", "0") for line in TAUGHT}
    assert inside - taught == {"transformer.h.0.attn.c_attn"}
    assert taught - inside == {"transformer.h.0.ln_1"}


WRITTEN: dict[Topic, dict[str, str]] = {
    "loss": {
        "window": "tokens[start : start + length + 1]",
        "shift": "return windows[:, :-1], windows[:, 1:]",
        "forward": "logits, loss = self._forward(self._moved(x), self._moved(y))",
        "backward": "loss.backward()",
        "run": "if targets is None:",
        "logits": "logits = self.lm_head(x)",
        "loss": "loss = F.cross_entropy(",
    },
    "generation": {
        "crop": "capture(model, text[-model.config.block_size :]",
        "grown": "text = [*text, step.id]",
        "logits": "logits = trace.rows(",
        "probs": ".softmax(dim=-1)",
        "drawn": "drawn = draw(probs, generator_at(seed",
        "temperature": "self._tempered(scores)",
        "top_k": "torch.topk(scores, self.top_k)",
        "top_p": "_nucleus(scores, self.top_p)",
        "random": "torch.rand(",
    },
}
"""A part of the line that a fact is told of, written down by hand."""


@pytest.mark.parametrize("topic", ["loss", "generation"])
def test_each_fact_stands_at_its_line(topic: Topic) -> None:
    shown = listing(topic)
    found = {}
    for line in shown.lines:
        first, last = line.source.lines
        text = source_lines.text(line.source.file).splitlines()
        row = shown.row(line.source.file, first)
        assert row is not None and shown.row(line.source.file, last) == row + last - first, "it is shown"
        if line.fact:
            found[line.fact] = "\n".join(text[first - 1 : last])
    assert found.keys() == WRITTEN[topic].keys()
    for fact, text_of in found.items():
        assert WRITTEN[topic][fact] in text_of, fact


def test_a_row_is_the_line_of_its_part() -> None:
    shown = listing("loss")
    rows = [(part.file, number) for part in shown.parts for number in range(part.lines[0], part.lines[1] + 1)]
    assert [shown.row(*row) for row in rows] == list(range(1, len(rows) + 1))
    assert shown.row(TEACHING, 1) is None


def test_a_line_that_is_gone_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = source_lines.text(TEACHING).replace("F.softmax", "F.softmin")
    monkeypatch.setattr(source_lines, "text", lambda file: text)
    for cached in (source_lines._functions, source_lines.find, listing):
        cached.cache_clear()
    try:
        with pytest.raises(LookupError, match=r"teaching_attention\.py should hold a call of 'F\.softmax' in Teaching"):
            [line.source for line in listing("teaching").lines]
    finally:
        for cached in (source_lines._functions, source_lines.find, listing):
            cached.cache_clear()
