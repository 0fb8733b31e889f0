"""The tests of analyses find mistakes: each bug, put into a line of a file of gptcore/analysis, must make one fail.

The changed file is compiled, and its functions take the place of the right ones by their code alone, so that every
name that already holds one of them runs the wrong line. The judges share no code with these files.
"""

from __future__ import annotations

import ast
import importlib
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gptcore import Checkpoint
from tests.analysis import (
    test_ablation,
    test_attribution,
    test_head_card,
    test_head_scores,
    test_neurons,
    test_patching,
    test_rollout,
    test_weights_of_heads,
)

ROOT = Path(__file__).parents[2] / "gptcore" / "analysis"
Pair = tuple[Any, Checkpoint]


@dataclass(frozen=True)
class Bug:
    """A change of one line."""

    what: str
    file: str
    old: str
    """A part of one line, which no other line of the file has."""
    new: str
    test: Callable[[Pair], None]
    """The test that must fail."""


BUGS = (
    Bug(
        "the scale of the final norm without epsilon",
        "attribution",
        "+ trace.config.layer_norm_epsilon).sqrt()",
        ").sqrt()",
        lambda _: test_attribution.test_the_parts_add_up_to_the_logit({"layer_norm_epsilon": 0.5}),
    ),
    Bug(
        "parts that are not centred",
        "attribution",
        "return scaled - scaled.mean(), scale.item()",
        "return scaled, scale.item()",
        lambda pair: test_attribution.test_each_part_is_the_definition_s(pair, 0, 7, 5, None),
    ),
    Bug(
        "the sequences of a batch mixed up",
        "attribution",
        "heads = trace.rows(z, at, at + 1)[row, :, 0]",
        "heads = trace.rows(z, at, at + 1)[0, :, 0]",
        lambda pair: test_attribution.test_each_part_is_the_definition_s(pair, 1, 2, 60, 3),
    ),
    Bug(
        "no remainder under edits",
        "attribution",
        "if trace.edits or trace._foreign:",
        "if trace._foreign:",
        lambda _: test_attribution.test_what_an_edit_adds_is_a_part_of_its_own(test_attribution.EDITS["the stream"]),
    ),
    Bug(
        "the first layer on the left",
        "rollout",
        "rolled = (0.5 * heads.to(own) + 0.5 * own) @ rolled",
        "rolled = rolled @ (0.5 * heads.to(own) + 0.5 * own)",
        test_rollout.test_it_is_the_product_over_layers_the_last_on_the_left,
    ),
    Bug(
        "queries and keys of a reader exchanged",
        "composition",
        '"q": (weights.q, weights.k)',
        '"q": (weights.k, weights.q)',
        lambda pair: test_weights_of_heads.test_composition_is_the_quotient_of_norms(pair, "q"),
    ),
    Bug(
        "readers of the writer's own layer",
        "composition",
        "read = reader[layer + 1 :]",
        "read = reader[layer : -1]",
        lambda pair: test_weights_of_heads.test_composition_is_the_quotient_of_norms(pair, "v"),
    ),
    Bug(
        "eigenvalues counted by their real parts alone",
        "copying",
        "size = found.abs().sum(-1)",
        "size = found.real.abs().sum(-1)",
        test_weights_of_heads.test_copying_is_that_of_the_whole_matrices,
    ),
    Bug(
        "the whole diagonal, with one entry that means nothing",
        "head_scores",
        "_diagonal(pattern, half - 1)[..., 1:]",
        "_diagonal(pattern, half - 1)",
        test_head_scores.test_scores_are_means_of_what_each_query_gives,
    ),
    Bug(
        "a duplicate that is the first one, not the last",
        "head_scores",
        "        last[token] = query",
        "        last.setdefault(token, query)",
        test_head_scores.test_the_scores_of_a_prompt_are_those_of_its_own_tokens,
    ),
    Bug(
        "a metric that is not put on the scale of both runs",
        "patching",
        "return (value - self.of_corrupt) / (self.of_clean - self.of_corrupt)",
        "return value - self.of_corrupt",
        lambda pair: test_patching.test_a_sweep_is_single_patches(pair, "head"),
    ),
    Bug(
        "every copy of a batch with the patch of the first",
        "patching",
        "place = column if by_head else column - start",
        "place = columns.start if by_head else 0",
        lambda pair: test_patching.test_a_sweep_is_single_patches(pair, "mlp"),
    ),
    Bug(
        "the slope at the clean run",
        "attribution_patching",
        "pair.corrupt.ids, metric, names)",
        "pair.clean.ids, metric, names)",
        lambda pair: test_patching.test_attribution_patching_is_the_change_times_the_slope(pair, "attn"),
    ),
    Bug(
        "a norm that only divides",
        "edge_attribution",
        "moved = change - change.mean(-1, keepdim=True) - unit * (unit * change).mean(-1, keepdim=True)",
        "moved = change - change.mean(-1, keepdim=True)",
        lambda pair: test_patching.test_each_edge_is_the_slope_through_its_reader_alone(pair, (1, 0)),
    ),
    Bug(
        "heads above the sender that are not frozen",
        "path_patching",
        "for above in range(layer + 1, L)]",
        "for above in range(layer + 2, L)]",
        lambda pair: test_patching.test_path_patching_is_the_paper_s(pair, None),
    ),
    Bug(
        "the next layer looks where it likes",
        "ablation",
        "*freeze_patterns(clean, layer + 1)]",
        "*freeze_patterns(clean, layer + 2)]",
        test_ablation.test_with_patterns_kept_only_what_is_written_changes,
    ),
    Bug(
        "the mean over positions",
        "ablation",
        'mean = mean.mean(dim=axes.index("B"))',
        'mean = mean.mean(dim=(0, axes.index("T")), keepdim=True)[0]',
        test_ablation.test_the_mean_is_over_the_sequences_position_by_position,
    ),
    Bug(
        "an MLP's weight the wrong way round",
        "neurons",
        "return rows[neuron] @ unembedding(gpt)",
        "return rows[-1 - neuron] @ unembedding(gpt)",
        test_neurons.test_a_neuron_promotes_what_its_row_reads_through_the_head,
    ),
    Bug(
        "earlier heads that read instead of write",
        "head_card",
        "earlier = scores[:layer, :, layer, head]",
        "earlier = scores[:layer, :, layer, 0]",
        test_head_card.test_a_card_holds_what_is_measured_of_its_head,
    ),
    Bug(
        "the loss of the prompt's last guess, which has no target",
        "head_losses",
        'named("loss"), trace.T - 1',
        'named("loss"), trace.T - 2',
        test_head_card.test_a_card_holds_what_is_measured_of_its_head,
    ),
)


def functions(space: dict[str, Any], module: str) -> Iterator[tuple[str, types.FunctionType]]:
    """Yield the functions and methods that a module's own lines define, by their names."""
    for value in [*space.values()]:
        inside = vars(value).values() if isinstance(value, type) and value.__module__ == module else [value]
        for each in inside:
            each = each.__func__ if isinstance(each, classmethod) else each
            while hasattr(each, "__wrapped__"):  # behind @torch.no_grad()
                each = each.__wrapped__
            if isinstance(each, types.FunctionType) and each.__module__ == module:
                yield each.__qualname__, each


def put(bug: Bug, patch: pytest.MonkeyPatch) -> None:
    """Give the functions of the bug's file the code of the changed one."""
    text = (ROOT / f"{bug.file}.py").read_text(encoding="utf-8")
    assert text.count(bug.old) == 1, f"{bug.what}: {bug.old!r} stands {text.count(bug.old)} times in {bug.file}.py"
    changed = text.replace(bug.old, bug.new)
    ast.parse(changed)
    name = f"gptcore.analysis.{bug.file}"
    importlib.import_module(name)
    copy = types.ModuleType(name)
    right = sys.modules[name]
    patch.setitem(sys.modules, name, copy)  # as its dataclasses look for their module
    exec(compile(changed, str(ROOT / f"{bug.file}.py"), "exec"), copy.__dict__)
    patch.setitem(sys.modules, name, right)
    wrong = dict(functions(copy.__dict__, name))
    for qualname, function in functions(right.__dict__, name):
        code = wrong[qualname].__code__
        if code.co_freevars == function.__code__.co_freevars:
            patch.setattr(function, "__code__", code)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_a_bug_is_found(bug: Bug, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.test(pair)
    put(bug, monkeypatch)
    with pytest.raises(AssertionError):
        bug.test(pair)


def test_the_right_code_comes_back(pair: Pair) -> None:
    for bug in BUGS:
        with pytest.MonkeyPatch.context() as patch:
            put(bug, patch)
        bug.test(pair)
