"""The map against the real model: shapes, parameters, FLOPs, dataflow and source lines, so that it cannot lie."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import gptcore
from gptcore.config import PRESETS, GPTConfig
from gptcore.graph.architecture import Architecture, Edge, Flops, Named, Node, architecture
from gptcore.model import GPT, split_heads

SMALL = GPTConfig(block_size=7, vocab_size=11, n_layer=3, n_head=2, n_embd=8)
BLOCK = "transformer.h.1."


@st.composite
def configs(draw: st.DrawFn) -> GPTConfig:
    """Any valid config, of small sizes."""
    n_head = draw(st.integers(1, 4))
    return GPTConfig(
        block_size=draw(st.integers(1, 9)),
        vocab_size=draw(st.integers(1, 13)),
        n_layer=draw(st.integers(1, 3)),
        n_head=n_head,
        n_embd=n_head * draw(st.integers(1, 5)),
        bias=draw(st.booleans()),
        tie_weights=draw(st.booleans()),
        activation=draw(st.sampled_from(["gelu", "gelu_tanh"])),
    )


def run(config: GPTConfig, B: int, T: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return what every module of a random model read and made, by its path; logits at all positions."""
    torch.manual_seed(0)
    model = GPT(config).eval()
    read: dict[str, torch.Tensor] = {}
    made: dict[str, torch.Tensor] = {}

    def hook(name: str, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        read[name], made[name] = inputs[0], output

    for name, module in model.named_modules():
        if name not in ("", "transformer", "transformer.h"):
            module.register_forward_hook(lambda _, inputs, output, name=name: hook(name, inputs, output))
    idx = torch.randint(config.vocab_size, (B, T))
    with torch.no_grad():
        model(idx, targets=idx)
    return read, made


@settings(max_examples=25, deadline=None)
@given(configs())
def test_parameters_are_those_of_the_real_modules(config: GPTConfig) -> None:
    arch, model = architecture(config), GPT(config)
    modules = dict(model.named_modules())
    for node in arch.nodes:
        module = modules.get(node.id)
        assert node.params == (sum(p.numel() for p in module.parameters()) if module else 0), node.id
    assert {*modules} - {"", "transformer"} <= {*arch.nodes.names()}, "a module is missing from the map"
    assert arch.num_params() == sum(p.numel() for p in model.parameters())
    assert arch.weight_shapes() == {key: tuple(weight.shape) for key, weight in model.state_dict().items()}


@settings(max_examples=15, deadline=None)
@given(configs(), st.integers(1, 3), st.data())
def test_shapes_are_those_of_a_real_run(config: GPTConfig, B: int, data: st.DataObject) -> None:
    T = data.draw(st.integers(1, config.block_size))
    arch = architecture(config)
    shapes = arch.shapes(B=B, T=T)
    _, made = run(config, B, T)
    hooked = {node.id for node in arch.nodes if node.how in ("hook", "tap")}
    assert hooked == {*made}
    assert {name: shapes[name] for name in made} == {name: tuple(tensor.shape) for name, tensor in made.items()}
    last = f"transformer.h.{config.n_layer - 1}.attn."
    scores = made[f"{last}q"] @ made[f"{last}k"].mT
    for stage in ("scores", "scaled", "masked", "pattern", "attn_dropout"):
        assert shapes[last + stage] == tuple(scores.shape)
    assert shapes[f"{last}k_t"] == tuple(made[f"{last}k"].mT.shape)
    for node in arch.nodes:  # a container's tensor is its output's
        assert node.output is None or shapes[node.id] == shapes[node.output]


@settings(max_examples=15, deadline=None)
@given(configs(), st.integers(1, 3), st.data())
def test_flops_are_those_that_torch_counts(config: GPTConfig, B: int, data: st.DataObject) -> None:
    T = data.draw(st.integers(1, config.block_size))
    idx = torch.zeros(B, T, dtype=torch.long)
    # the unfused kernel, because the counter has no formula for the fused one on a CPU
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, depth=9) as counter:
        GPT(config)(idx, targets=idx)
    arch = architecture(config)
    assert arch.flops(T=T, B=B) == counter.get_total_flops()
    counts = {name.removeprefix("GPT."): sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
    for node in arch.nodes:
        if node.how in ("hook", "tap") and not node.id.endswith(".z"):  # the attention makes Z
            assert node.flops(T=T, B=B) == counts.get(node.id, 0), node.id


def test_flops_of_attention_by_hand() -> None:
    arch, T, C = architecture(SMALL), 5, SMALL.n_embd
    for name in ("scores", "z"):
        assert arch.nodes[f"{BLOCK}attn.{name}"].flops(T=T, B=2) == 2 * (2 * T * T * C)
    assert arch.nodes[f"{BLOCK}attn.sdpa"].flops(T=T) == 4 * T * T * C
    assert arch.nodes[f"{BLOCK}attn"].flops(T=T) == 2 * T * C * 3 * C + 4 * T * T * C + 2 * T * C * C


@pytest.mark.parametrize(
    ("preset", "params"),
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
        ("gpt3-175b", 174_604_259_328),
    ],
)
def test_known_parameter_counts(preset: str, params: int) -> None:
    assert architecture(GPTConfig.preset(preset)).num_params() == params


def test_flops_of_gpt2_are_nanogpts() -> None:
    # nanoGPT's transformer_sizing.ipynb, "forward total" for GPT-2 at T = 1024
    assert architecture(GPTConfig.preset("gpt2")).flops(T=1024) == 291_648_307_200


def test_every_module_reads_what_the_map_says() -> None:
    read, made = run(SMALL, B=2, T=5)
    arch = architecture(SMALL)
    for layer in range(SMALL.n_layer):
        made[f"transformer.h.{layer}.resid_pre"] = read[f"transformer.h.{layer}"]
        made[f"transformer.h.{layer}.attn.concat"] = made[f"transformer.h.{layer}.attn.z"].transpose(1, 2).flatten(2)
    checked = 0
    for node in arch.nodes:
        if node.id not in read or not node.inputs or not {*node.inputs} <= {*made}:
            continue
        first, *others = (made[name] for name in node.inputs)
        wanted = first + others[0] if others else first  # what reads two tensors adds them
        if node.id.endswith((".q", ".k", ".v")):
            wanted = split_heads(first.chunk(3, dim=-1)["qkv".index(node.id[-1])], SMALL.n_head)
        torch.testing.assert_close(read[node.id], wanted, rtol=0, atol=0)
        checked += 1
    assert checked == 4 + 17 * SMALL.n_layer, "embed, drop, ln_f, lm_head; a whole block but sdpa's inside and z"


def test_dataflow_within_attention() -> None:
    inputs = {node.id.removeprefix(f"{BLOCK}attn."): node.inputs for node in architecture(SMALL).nodes}
    wanted = {
        "sdpa": "q k v",
        "k_t": "k",
        "scores": "q k_t",
        "scaled": "scores",
        "masked": "scaled",
        "pattern": "masked",
        "attn_dropout": "pattern",
        "z": "attn_dropout v",
        "concat": "z",
    }
    for name, sources in wanted.items():
        assert inputs[name] == tuple(f"{BLOCK}attn.{source}" for source in sources.split())


def test_edges_lead_from_earlier_nodes() -> None:
    arch = architecture(SMALL)
    order = {name: number for number, name in enumerate(arch.nodes.names())}
    for source, target in arch.edges:
        assert order[source] < order[target]
    assert Edge("transformer.h.2", "transformer.ln_f") in arch.edges
    assert len({*arch.edges}) == len(arch.edges) == sum(len(node.inputs) for node in arch.nodes)


# What a reader looks for in a node's lines, where it is not the last part of its name.
SPELLED = {"sdpa": "scaled_dot_product_attention", "probs": "logits", "lm_head": "logits = self.lm_head"}


@pytest.mark.parametrize("config", [SMALL, GPTConfig.preset("gpt2")], ids=["small", "gpt2"])
def test_source_lines_hold_what_they_should(config: GPTConfig) -> None:
    lines = Path(gptcore.__path__[0], "model.py").read_text(encoding="utf-8").splitlines()
    for node in architecture(config).nodes:
        file, (first, last) = node.source
        excerpt = "\n".join(lines[first - 1 : last])
        name = node.id.rpartition(".")[2]
        assert file == "gptcore/model.py"
        assert last - first < 6, "a few lines, not a whole function"
        assert ("block(" if name.isdigit() else SPELLED.get(name, name)) in excerpt, node.id


def test_source_is_found_wherever_the_lines_move(monkeypatch: pytest.MonkeyPatch) -> None:
    from gptcore.graph import source_lines
    from gptcore.graph.source_lines import Where

    moved = "# a new line\n\n" + source_lines.text()
    before = source_lines.find.__wrapped__(Where("Block.forward", "call", "self.mlp"))
    monkeypatch.setattr(source_lines, "text", lambda file: moved)
    source_lines._functions.cache_clear()
    try:
        after = source_lines.find.__wrapped__(Where("Block.forward", "call", "self.mlp"))
        with pytest.raises(LookupError, match=r"should hold a call of 'self\.nothing' in Block\.forward"):
            source_lines.find.__wrapped__(Where("Block.forward", "call", "self.nothing"))
    finally:
        source_lines._functions.cache_clear()
    assert after.lines == (before.lines[0] + 2, before.lines[1] + 2)


@pytest.mark.parametrize("preset", PRESETS)
def test_formulas_balance_and_know_the_options(preset: str) -> None:
    config = GPTConfig.preset(preset)
    arch = architecture(config)
    for node in arch.nodes:
        bare = node.formula.replace(r"\{", "").replace(r"\}", "")
        assert bare.count("{") == bare.count("}") and bare, node.id
        assert bare.count(r"\left(") == bare.count(r"\right)"), node.id
        assert node.summary.endswith(".")
    assert (r"\boldsymbol{\beta}" in arch.nodes["transformer.ln_f"].formula) == config.bias
    assert (r"\tanh" in arch.nodes["transformer.h.0.mlp.gelu"].formula) == (config.activation == "gelu_tanh")


def names(graph_nodes: tuple[Node, ...]) -> list[str]:
    return [node.id.removeprefix(BLOCK) for node in graph_nodes]


def short(edges: tuple[Edge, ...]) -> set[str]:
    return {" ".join(name.removeprefix(BLOCK).removeprefix("attn.") for name in edge) for edge in edges}


def test_views_lift_inputs_to_what_they_draw() -> None:
    arch = architecture(SMALL)
    attention = arch.graph("self-attention", layer=1)
    assert names(attention.entries) == ["ln_1"]
    assert names(attention.exits) == ["resid_mid"]
    assert {"sdpa z", "q sdpa", "resid_dropout resid_mid"} <= short(attention.edges)
    assert "v z" not in short(attention.edges), "sdpa takes v already"
    core = arch.graph("scaled dot-product attention", layer=1)
    assert names(core.entries) == ["attn.q", "attn.k", "attn.v"]
    assert names(core.exits) == ["attn.z"]
    assert {"v z", "attn_dropout z", "q scores", "k k_t"} <= short(core.edges)
    mlp = arch.graph("MLP", layer=1)
    assert (names(mlp.entries), names(mlp.exits)) == (["ln_2"], ["resid_post"])


@pytest.mark.parametrize(
    ("layer", "entry", "exit"),
    [
        (0, "transformer.drop", "transformer.h.1"),
        (1, "transformer.h.0", "transformer.h.2"),
        (2, "transformer.h.1", "transformer.ln_f"),
    ],
)
def test_a_block_knows_its_neighbours(layer: int, entry: str, exit: str) -> None:
    graph = architecture(SMALL).graph("block", layer)
    assert [node.id for node in graph.entries] == [entry]
    assert [node.id for node in graph.exits] == [exit]
    assert Edge(f"transformer.h.{layer}.resid_post", exit) in graph.edges


def test_the_model_folds_and_unfolds() -> None:
    arch = architecture(SMALL)
    folded, unfolded = arch.graph("model"), arch.graph("model", unfold=True)
    assert Edge("transformer.h", "transformer.ln_f") in folded.edges
    assert "Transformer Block × 3" in [node.label for node in folded.nodes]
    assert {f"transformer.h.{i}" for i in range(3)} <= {node.id for node in unfolded.nodes}
    assert Edge("transformer.drop", "transformer.h.0") in unfolded.edges
    assert Edge("transformer.h.2", "transformer.ln_f") in unfolded.edges
    assert "transformer.h" not in {name for edge in unfolded.edges for name in edge}
    assert not folded.entries and not folded.exits


@settings(max_examples=10, deadline=None)
@given(configs())
def test_views_hold_every_node_once_and_are_connected(config: GPTConfig) -> None:
    arch = architecture(config)
    drawn = [name for layer in range(config.n_layer) for view in arch.views[1:] for name in view.nodes_at(layer)]
    blocks = [f"transformer.h.{layer}" for layer in range(config.n_layer)]
    assert sorted((*drawn, *arch.views[0].nodes_at(), *blocks)) == sorted(arch.nodes.names())
    for view in arch.views:
        graph = arch.graph(view.name, config.n_layer - 1)
        shown = {node.id for node in (*graph.nodes, *graph.entries, *graph.exits)}
        assert {name for edge in graph.edges for name in edge} == shown
        for node in graph.nodes:
            assert arch.view_of(node.id)[0] == view


def test_ways_through_the_map() -> None:
    arch = architecture(SMALL)
    view, layer = arch.view_of("transformer.h.2.attn.pattern")
    assert (view.name, layer) == ("scaled dot-product attention", 2)
    assert arch.view_of("lm_head") == (arch.views["model"], None)
    assert [view.container_at(2) for view in arch.views][1:3] == ["transformer.h.2", "transformer.h.2.attn"]
    for name in arch.path("transformer.h.2.attn.pattern"):
        assert arch.inside(name) is not None
    for name in ("transformer.h", "transformer.h.2"):
        assert arch.inside(name) == arch.views["block"] and arch.path(name) == ()
    assert arch.inside("transformer.h.2.ln_1") is None


def failures(arch: Architecture) -> Iterator[tuple[type[Exception], str, object]]:
    yield ValueError, r"T must be from 1 to block_size = 7, got 8; take at most the last 7", lambda: arch.shapes(T=8)
    yield ValueError, r"T must be from 1 to block_size = 7, got 0", lambda: arch.shapes(T=0)
    yield ValueError, r"B must be at least 1, got 0", lambda: arch.shapes(B=0, T=1)
    yield KeyError, r"'lm_haed' is not here; did you mean lm_head", lambda: arch.nodes["lm_haed"]
    yield KeyError, r"'blok' is not here; did you mean block", lambda: arch.graph("blok")
    yield IndexError, r"layer must be from 0 to 2, got 3", lambda: arch.graph("block", 3)
    yield IndexError, r"layer must be from 0 to 2, got -1", lambda: arch.graph("model", -1)


@pytest.mark.parametrize("number", range(7))
def test_errors_say_wanted_got_and_remedy(number: int) -> None:
    error, text, call = list(failures(architecture(SMALL)))[number]
    with pytest.raises(error, match=text):
        call()  # type: ignore[operator]


def test_collections_are_tuples_with_names() -> None:
    arch = architecture(SMALL)
    assert "lm_head" in arch.nodes and "nothing" not in arch.nodes  # type: ignore[comparison-overlap]
    assert arch.nodes[0] is arch.nodes["idx"] and arch.nodes[0] in arch.nodes
    assert [view.name for view in arch.views] == [
        "model",
        "block",
        "self-attention",
        "scaled dot-product attention",
        "MLP",
    ]
    for again in (copy.deepcopy(arch.nodes), pickle.loads(pickle.dumps(arch.nodes))):
        assert isinstance(again, Named) and again["lm_head"] == arch.nodes["lm_head"]


def test_equal_configs_share_one_map() -> None:
    assert architecture(GPTConfig.preset("gpt2-xl")) is architecture(GPTConfig(**PRESETS["gpt2-xl"].to_dict()))


def test_flops_add_up() -> None:
    assert Flops(1, 2) + Flops(3, 4) == Flops(4, 6) and Flops(1, 2) * 3 == Flops(3, 6)
    arch = architecture(SMALL)
    assert arch.nodes["transformer.h"].flops == arch.nodes["transformer.h.1"].flops * 3


# `import gptcore` itself needs torch, so the package's __init__ is replaced by an empty one.
ALONE = """
import importlib, sys, types
package = types.ModuleType("gptcore")
package.__path__ = [sys.argv[1]]
sys.modules["gptcore"] = package
importlib.import_module(sys.argv[2])
if sys.argv[2] == "gptcore.graph.architecture":
    from gptcore.config import GPTConfig
    arch = sys.modules["gptcore.graph.architecture"].architecture(GPTConfig.preset("gpt3-175b"))
    assert arch.nodes["transformer.h.95.attn.pattern"].source.lines and arch.graph("block", 95)
print([name for name in ("torch", "streamlit", "plotly", "graphviz", "pygraphviz") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("module", "loaded"),
    [("gptcore.graph.architecture", "[]"), ("gptcore.model", "['torch']")],  # the second proves that the first can fail
)
def test_the_map_needs_no_torch(module: str, loaded: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, gptcore.__path__[0], module], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == loaded, done.stderr
