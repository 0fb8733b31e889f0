"""Traces: what a run holds obeys the model's equations, and a grown trace equals a fresh one."""

from __future__ import annotations

import copy
import gc
import math
import threading
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import gptcore
from gptcore import GPT, Checkpoint, Edit, Trace, architecture, capture, capture_cost
from gptcore.capture.gradients import gradients
from gptcore.capture.hooks import _recorder
from gptcore.model import Block
from tests.conftest import random_model

IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]


def same(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Equal up to the tolerance, relative to the largest finite value; infinities and NaN in the same places."""
    finite = torch.isfinite(b)
    if a.shape != b.shape or not torch.equal(torch.isfinite(a), finite):
        return False
    if not torch.equal(torch.isnan(a), torch.isnan(b)):
        return False
    largest = b[finite].abs().max().item() if finite.any() else 0.0
    return not finite.any() or (a - b)[finite].abs().max().item() <= tolerance * max(1.0, largest)


def assert_same(a: Trace, b: Trace, tolerance: float) -> None:
    assert list(a) == list(b)
    assert a.shapes() == b.shapes()
    for name in b:
        assert same(a[name], b[name], tolerance), name


# The laws that every run obeys


@pytest.fixture(params=["random", "shipped"])
def run(request: pytest.FixtureRequest) -> tuple[GPT, Trace]:
    if request.param == "random":
        model, ids = random_model(dtype=torch.float64), IDS
    else:
        checkpoint: Checkpoint = request.getfixturevalue("shakespeare")
        model = copy.deepcopy(checkpoint.model).double()
        ids = checkpoint.tokenizer.encode("To be, or not to be, that is the question:\nWhether")
    return model, capture(model, ids)


def test_the_residual_stream_is_conserved(run: tuple[GPT, Trace]) -> None:
    model, trace = run
    assert same(trace["transformer.embed"], trace["transformer.wte"] + trace["transformer.wpe"], 1e-12)
    for i in range(model.config.n_layer):
        b = f"transformer.h.{i}"
        added = trace[f"{b}.resid_pre"] + trace[f"{b}.attn"]
        assert same(trace[f"{b}.resid_mid"], added, 1e-12)
        assert same(trace[f"{b}.resid_post"], added + trace[f"{b}.mlp"], 1e-12)
        before = trace[f"transformer.h.{i - 1}"] if i else trace["transformer.drop"]
        assert torch.equal(trace[f"{b}.resid_pre"], before)
        assert torch.equal(trace[b], trace[f"{b}.resid_post"])


def test_attention_obeys_its_formula(run: tuple[GPT, Trace]) -> None:
    model, trace = run
    D = model.config.head_dim
    for i in range(model.config.n_layer):
        a = f"transformer.h.{i}.attn"
        q, k, v = (trace[f"{a}.{name}"] for name in "qkv")
        assert torch.equal(torch.cat([x.transpose(1, 2).flatten(2) for x in (q, k, v)], -1), trace[f"{a}.c_attn"])
        assert torch.equal(trace[f"{a}.k_t"], k.mT)
        assert same(trace[f"{a}.scores"], q @ k.mT, 1e-12)
        assert same(trace[f"{a}.scaled"], trace[f"{a}.scores"] / math.sqrt(D), 1e-12)
        masked, pattern = trace[f"{a}.masked"], trace[f"{a}.pattern"]
        future = torch.ones(trace.T, trace.T, dtype=torch.bool).triu(1)
        assert (masked[..., future] == -torch.inf).all()
        assert torch.equal(masked[..., ~future], trace[f"{a}.scaled"][..., ~future])
        assert (pattern[..., future] == 0).all()
        assert same(pattern.sum(-1), torch.ones_like(pattern.sum(-1)), 1e-12)
        assert same(pattern @ v, trace[f"{a}.z"], 1e-10)  # z was captured from the fused attention
        assert torch.equal(trace[f"{a}.concat"], trace[f"{a}.z"].transpose(1, 2).flatten(2))
        assert same(trace[f"{a}.c_proj"], model.get_submodule(f"{a}.c_proj")(trace[f"{a}.concat"]).detach(), 1e-12)


def test_logits_are_those_of_the_model(run: tuple[GPT, Trace]) -> None:
    model, trace = run
    with torch.no_grad():
        expected, _ = model(trace.ids, targets=trace.ids)
    assert same(trace.logits, expected, 1e-12)
    assert same(trace.rows("lm_head", trace.T - 1, trace.T), expected[:, -1:], 1e-12)
    assert same(trace["probs"], expected.softmax(-1), 1e-12)
    surprise = -expected.log_softmax(-1)[:, :-1].gather(-1, trace.ids[:, 1:, None])[..., 0]
    assert same(trace["loss"][:, :-1], surprise, 1e-12)
    assert trace["loss"][:, -1].isnan().all()


def test_no_position_sees_the_future(run: tuple[GPT, Trace]) -> None:
    model, trace = run
    ids = trace.ids[0].tolist()
    changed = capture(model, [*ids[:-1], (ids[-1] + 1) % model.config.vocab_size])
    assert same(changed.logits[:, :-1], trace.logits[:, :-1], 1e-12)
    assert not same(changed.logits[:, -1:], trace.logits[:, -1:], 1e-6)


def test_every_name_of_the_map_is_there_in_the_shape_that_it_says() -> None:
    model = random_model()
    trace = capture(model, torch.tensor([IDS, IDS]))
    assert list(trace) == [node.id for node in architecture(model.config).nodes]
    for name, (axes, shape) in trace.shapes().items():
        assert trace[name].shape == shape, name
        assert axes == architecture(model.config).nodes[name].axes


def test_a_trace_holds_what_the_modules_returned() -> None:
    model = random_model()
    seen: dict[str, Tensor] = {}
    twin = copy.deepcopy(model)
    for name, module in list(twin.named_modules())[1:]:
        module.register_forward_hook(lambda _m, _a, output, name=name: seen.update({name: output}))
    with torch.no_grad():
        twin(torch.tensor([IDS]))
    trace = capture(model, IDS)
    logits = seen.pop("lm_head")
    assert torch.equal(trace.rows("lm_head", trace.T - 1, trace.T), logits)
    assert len(seen) > 15 * model.config.n_layer
    for name in seen:
        assert torch.equal(trace[name], seen[name]), name


# Growing


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 14), st.lists(st.integers(0, 16), max_size=6)), min_size=1, max_size=12))
def test_a_grown_trace_equals_a_fresh_one(edits: list[tuple[int, list[int]]]) -> None:
    """Each edit keeps a prefix and types something behind it: appends, deletions and changes in the middle."""
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-10)):
        model = random_model(dtype=dtype)
        ids: list[int] = [1]
        trace = capture(model, ids)
        for keep, typed in edits:
            ids = ([1, *ids[1:keep], *typed])[:32]
            older, before = trace, trace.logits
            trace = capture(model, ids, previous=older)
            common = [a == b for a, b in zip(ids, older.ids[0].tolist(), strict=False)]
            assert trace.reused == (common.index(False) if False in common else len(common))
            assert torch.equal(older.logits, before)
        assert_same(trace, capture(model, ids), tolerance)


def test_reuse_is_the_common_prefix_and_no_more() -> None:
    model = random_model()
    trace = capture(model, IDS)
    assert trace.reused == 0
    assert capture(model, [*IDS, 7], previous=trace).reused == len(IDS)
    assert capture(model, IDS[:4], previous=trace).reused == 4
    assert capture(model, [*IDS[:5], 16, *IDS[6:]], previous=trace).reused == 5
    assert capture(model, [16, *IDS[1:]], previous=trace).reused == 0
    assert capture(model, IDS, previous=trace).reused == len(IDS)


def test_the_rows_that_are_reused_are_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(n_layer=1)
    trace = capture(model, IDS)
    lengths, forward = [], Block.forward

    def counted(self: Block, x: Tensor, past: Any = ()) -> Tensor:
        lengths.append(x.size(1))
        return forward(self, x, past)

    monkeypatch.setattr(Block, "forward", counted)
    capture(model, [*IDS, 1, 2], previous=trace)
    capture(model, IDS[:3], previous=trace)
    assert lengths == [2]


def test_nothing_is_reused_that_might_differ() -> None:
    model, longer = random_model(), [*IDS, 7]
    trace = capture(model, IDS)
    assert capture(random_model(seed=1), longer, previous=trace).reused == 0
    assert capture(copy.deepcopy(model), longer, previous=trace).reused == 0
    assert capture(model, torch.tensor([longer, longer]), previous=trace).reused == 0
    assert capture(model, longer, previous=capture(model, IDS, names=["probs"])).reused == 0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert capture(model, longer, previous=trace).reused == 0
    assert capture(model, longer, previous=trace).reused == len(IDS)


@pytest.mark.parametrize("how", ["in place", "through .data", "one number", "replaced", "loaded", "precision"])
def test_changed_weights_are_noticed(how: str) -> None:
    model = random_model()
    trace = capture(model, IDS)
    weight = model.transformer.h[1].mlp.c_fc.weight
    with torch.no_grad():
        if how == "in place":
            weight.mul_(1.5)
        elif how == "through .data":
            weight.data.mul_(1.5)
        elif how == "one number":
            weight[3, 5] += 1
        elif how == "replaced":
            model.transformer.h[1].mlp.c_fc.weight = torch.nn.Parameter(weight.clone())
        elif how == "loaded":
            model.load_state_dict(random_model(seed=1).state_dict())
        else:
            model.double()
    again = capture(model, [*IDS, 7], previous=trace)
    assert again.reused == 0
    assert_same(again, capture(model, [*IDS, 7]), 1e-6)
    with pytest.raises(RuntimeError, match=r"weights have changed .* capture again"):
        trace["probs"]
    assert trace["transformer.ln_f"].shape == (1, len(IDS), 16)  # what was captured stays readable


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_are_compared_by_their_bits(dtype: torch.dtype) -> None:
    model = random_model(dtype=dtype)
    weight = model.lm_head.weight.data
    weight[0, 0] = torch.nan  # which equals nothing, not even itself
    weight[:, 1:] = 0.0
    trace = capture(model, IDS)
    assert capture(model, [*IDS, 7], previous=trace).reused == len(IDS)
    weight[:, 1:] = -0.0
    assert capture(model, [*IDS, 7], previous=trace).reused == 0


def test_two_that_grow_from_one_do_not_meet() -> None:
    model, start = random_model(), [*IDS, *IDS]
    trunk = capture(model, [*start, 1], previous=capture(model, start))
    assert trunk._banks[0].pieces[-1].waste >= 1  # room for one more, which only one of the two can take
    one, other = ([*start, 1, end] for end in (2, 3))
    first, second = capture(model, one, previous=trunk), capture(model, other, previous=trunk)
    assert_same(first, capture(model, one), 1e-5)
    assert_same(second, capture(model, other), 1e-5)


def test_what_is_read_is_a_copy() -> None:
    trace = capture(random_model(), IDS)
    for name in ("transformer.h.0.ln_1", "transformer.h.0.attn.q", "idx", "lm_head", "transformer.h.1.attn.concat"):
        before = trace[name].clone()
        trace[name].zero_()
        trace.rows(name, 0, 2).zero_()
        assert torch.equal(trace[name], before), name
    ids, shapes = trace.ids.clone(), dict(trace.shapes())
    trace.ids.zero_()
    trace.shapes().clear()
    assert torch.equal(trace.ids, ids) and trace.shapes() == shapes


def test_rows_are_rows_of_the_whole() -> None:
    model = random_model(dtype=torch.float64)
    trace = capture(model, IDS[:4])
    for T in range(5, len(IDS) + 1):
        trace = capture(model, IDS[:T], previous=trace)  # several pieces
    for name, (axes, _) in trace.shapes().items():
        assert same(trace.rows(name, 3, 8), trace[name].narrow(axes.index("T"), 3, 5), 1e-12), name


# Memory


def test_memory_is_bounded_after_any_history() -> None:
    model = random_model(block_size=256, n_layer=2)
    trace = capture(model, [0])
    for T in range(2, 257):
        trace = capture(model, [0] * T, previous=trace)
    assert trace.nbytes() <= 1.3 * capture(model, [0] * 256).nbytes()
    chooser = torch.Generator().manual_seed(0)
    ids = [0] * 256
    for _ in range(150):
        keep = max(4, len(ids) - int(torch.randint(1, 9, (), generator=chooser)))
        typed = torch.randint(0, 17, (int(torch.randint(0, 10, (), generator=chooser)),), generator=chooser).tolist()
        ids = [*ids[:keep], *typed][:256]
        trace = capture(model, ids, previous=trace)
        assert trace.nbytes() <= 1.3 * capture(model, ids).nbytes()
        assert len(trace._banks[0].pieces) <= 12
        assert len(trace._banks[1].pieces) <= 25


def test_memory_of_dropped_text_is_freed() -> None:
    model = random_model(block_size=256)
    long = capture(model, [0] * 256)
    short = capture(model, [0] * 10, previous=long)
    assert short.nbytes() <= 1.3 * capture(model, [0] * 10).nbytes()


@pytest.mark.parametrize("how", ["fresh", "grown", "edited", "explained", "gradients"])
def test_a_trace_is_freed_with_its_last_user(how: str) -> None:
    """At once, and not when Python's collector comes by: a trace of a large model holds a large part of the memory."""
    model, pattern = random_model(), "transformer.h.1.attn.pattern"

    def run() -> None:
        trace = capture(model, IDS)
        if how == "grown":
            trace = capture(model, [*IDS, 7], previous=trace)
        elif how == "edited":
            for edits in ([Edit(pattern, "zero", head=1)], [Edit(pattern, "scale", 0.5, head=1)]):
                trace = capture(model, [*IDS, 7], edits=edits, previous=trace)
        elif how == "explained":
            gptcore.explain(trace, pattern, (0, 1, 5, 3))
        elif how == "gradients":
            gradients(model, IDS, lambda logits: logits.sum(), [pattern])
        assert trace[pattern].isfinite().all()

    def tensors() -> int:
        return sum(type(each) is Tensor for each in gc.get_objects())

    run()  # once for what is made once
    gc.collect()
    gc.disable()
    try:
        before = tensors()
        run()
        assert tensors() == before
    finally:
        gc.enable()


@pytest.mark.parametrize("sizes", [{}, {"bias": False, "tie_weights": False}, {"n_layer": 1, "n_head": 4}])
def test_cost_is_known_before(sizes: dict[str, int]) -> None:
    for dtype in (torch.float32, torch.float64):
        model = random_model(dtype=dtype, **sizes)
        for B, T in ((1, 1), (1, 11), (3, 7)):
            held = capture(model, torch.zeros(B, T, dtype=torch.int64)).nbytes()
            assert capture_cost(model.config, T, B=B, dtype=str(dtype).removeprefix("torch.")) == held


def test_gpt2_at_full_length_fits() -> None:
    assert capture_cost(gptcore.GPTConfig.preset("gpt2"), T=1024) <= 0.75e9


def test_only_what_is_named_is_held() -> None:
    model = random_model()
    trace = capture(model, IDS, names=["transformer.h.1.attn.pattern"])
    assert "transformer.h.1.attn.q" in trace
    assert "transformer.h.0.attn.q" not in trace
    assert "transformer.h.1.mlp.c_fc" not in trace
    assert same(trace["transformer.h.1.attn.pattern"], capture(model, IDS)["transformer.h.1.attn.pattern"], 1e-6)
    assert trace.nbytes() < 0.15 * capture(model, IDS).nbytes()


def test_a_trace_of_a_few_names_grows_as_one_of_all_does() -> None:
    model, names = random_model(dtype=torch.float64), ["transformer.h.1.attn.pattern", "lm_head"]
    trace = capture(model, IDS[:3], names=names)
    for T in range(4, len(IDS) + 1):
        trace = capture(model, IDS[:T], names=names, previous=trace)
        assert trace.reused == T - 1
    whole = capture(model, IDS)
    for name in trace:
        assert same(trace[name], whole[name], 1e-10), name
    assert {"lm_head", "probs", "transformer.h.0.attn.k"} <= set(trace)
    assert not {"transformer.h.0.attn.q", "transformer.h.1.mlp.gelu"} & set(trace)
    assert capture(model, IDS, names=["transformer.h.0.mlp.gelu"], previous=trace).reused == 0  # which was not cached


@pytest.mark.parametrize("lower", [torch.bfloat16, None])
def test_a_trace_is_read_in_the_precision_of_its_run(lower: torch.dtype | None) -> None:
    def precision(on: bool) -> Any:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=on)

    model = random_model()
    with precision(lower is not None):
        trace = capture(model, IDS)
        inside = {name: trace[name] for name in trace}
    for on in (False, True):
        with precision(on):
            for name in trace:
                assert trace[name].dtype == inside[name].dtype, name
                assert torch.equal(trace[name].nan_to_num(), inside[name].nan_to_num()), name
            last = trace.rows("lm_head", trace.T - 1, trace.T)
            assert last.dtype == trace["lm_head"].dtype
            assert same(last, trace["lm_head"][:, -1:], 0.02 if lower else 1e-6)


# Threads and interruptions


@pytest.mark.slow
def test_threads_on_one_model_do_not_mix() -> None:
    model = random_model()
    model(torch.tensor([[1]]))
    texts = [[(7 * i + j) % 17 for j in range(2 + i % 13)] for i in range(32)]
    expected = [capture(model, ids) for ids in texts]
    wrong: list[str] = []

    def work(which: int) -> None:
        for _ in range(50):
            trace = capture(model, texts[which])
            if trace.ids[0].tolist() != texts[which] or not same(trace.logits, expected[which].logits, 1e-5):
                wrong.append(f"thread {which}")
            for name in ("transformer.h.2.resid_post", "transformer.h.0.attn.pattern"):
                if not same(trace[name], expected[which][name], 1e-5):
                    wrong.append(f"thread {which}: {name}")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_that_grow_one_trace_do_not_mix() -> None:
    model = random_model()
    trunk = capture(model, [*IDS, 1], previous=capture(model, IDS))
    results: dict[int, Trace] = {}

    def work(which: int) -> None:
        ids = [*IDS, 1]
        trace = trunk
        for j in range(12):
            ids = [*ids, (which + j) % 17]
            trace = capture(model, ids, previous=trace)
        results[which] = trace

    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for trace in results.values():
        assert_same(trace, capture(model, trace.ids), 1e-5)


class Stop(BaseException):
    """As a Ctrl-C, or Streamlit's, would come."""


@pytest.mark.parametrize("where", ["transformer.wte", "transformer.h.0.attn.z", "transformer.h.2.mlp", "lm_head"])
def test_a_run_stopped_anywhere_leaves_everything_as_it_was(where: str) -> None:
    model = random_model()
    trace = capture(model, IDS)
    before, held = trace.logits, trace.nbytes()
    hooks = {name: len(module._forward_hooks) for name, module in model.named_modules()}

    def stop(*_: object) -> None:
        raise Stop

    handle = model.get_submodule(where).register_forward_hook(stop)
    for previous in (None, trace):
        with pytest.raises(Stop):
            capture(model, [*IDS, 7], previous=previous)
    handle.remove()
    assert {name: len(module._forward_hooks) for name, module in model.named_modules()} == hooks
    assert _recorder.get() is None
    assert torch.equal(trace.logits, before)
    assert trace.nbytes() == held
    assert_same(capture(model, [*IDS, 7], previous=trace), capture(model, [*IDS, 7]), 1e-5)


def doubled(_module: object, _args: object, output: Tensor) -> Tensor:
    return output * 2


def doubled_in_place(_module: object, _args: object, output: Tensor) -> None:
    output *= 2


@pytest.mark.parametrize("hook", [doubled, doubled_in_place])
@pytest.mark.parametrize("where", ["attn.z", "attn.c_proj", "mlp.gelu", "resid_mid"])
def test_a_third_party_hook_is_told_and_switches_reuse_off(where: str, hook: Any) -> None:
    model, name = random_model(), f"transformer.h.1.{where}"
    plain, longer = capture(model, IDS), capture(model, [*IDS, 7])
    handle = model.get_submodule(name).register_forward_hook(hook)
    changed = capture(model, [*IDS, 7], previous=plain)
    assert changed.reused == 0
    assert torch.equal(changed[name], longer[name] * 2)
    assert torch.allclose(changed.logits[:, -1:], model(torch.tensor([[*IDS, 7]]))[0])
    assert capture(model, [*IDS, 7, 8], previous=changed).reused == 0
    handle.remove()
    for ids in ([*IDS, 7, 8, 9], IDS):  # longer, and shorter, which needs no run
        again = capture(model, ids, previous=changed)
        assert again.reused == 0
        assert_same(again, capture(model, ids), 1e-5)


def test_a_hook_that_only_looks_switches_reuse_off_while_it_is_there() -> None:
    model = random_model()
    handle = model.transformer.h[1].mlp.register_forward_hook(lambda _module, _args, _output: None)
    seen = capture(model, IDS)
    assert capture(model, [*IDS, 7], previous=seen).reused == 0
    handle.remove()
    assert capture(model, [*IDS, 7], previous=seen).reused == len(IDS)


@pytest.mark.parametrize("where", ["attn.q", "attn", "mlp", ""])
def test_what_a_trace_would_not_tell_of_a_hook_is_refused(where: str) -> None:
    model, name = random_model(), f"transformer.h.1.{where}".rstrip(".")
    handle = model.get_submodule(name).register_forward_hook(doubled)
    with pytest.raises(ValueError, match=rf"a hook changes the output of {name}, .* remove the hook"):
        capture(model, IDS)
    handle.remove()
    model.get_submodule(name).register_forward_hook(lambda _module, _args, _output: None)
    capture(model, IDS)  # to look on is no change
    before = model.get_submodule(name).register_forward_pre_hook(lambda _module, args: (args[0] * 2, *args[1:]))
    with pytest.raises(ValueError, match=f"a hook changes the input of {name}, "):
        capture(model, IDS)
    before.remove()
    assert_same(capture(model, IDS), capture(random_model(), IDS), 1e-5)


def test_capture_changes_nothing_of_the_model() -> None:
    model = random_model()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.random.get_rng_state()
    ids = torch.tensor([IDS])
    before = model(ids)[0]
    capture(model, IDS)
    assert torch.equal(model(ids)[0], before)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in state.items())
    assert torch.equal(torch.random.get_rng_state(), random_state)
    assert before.requires_grad
    assert not capture(model, IDS).logits.requires_grad


# Errors


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ([], "needs at least one"),
        ([0] * 33, r"33 tokens, and this model sees at most 32 .* ids\[-32:\]"),
        ([3, 17], r"token id 17 is outside this model's vocabulary, 0 to 16"),
        ([3, -1], r"token id -1 is outside"),
        ([0.5], "must be integers"),
        ([[[1]]], r"got the shape \(1, 1, 1\)"),
    ],
)
def test_wrong_ids_are_told(ids: list[int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        capture(random_model(), ids)


def test_one_name_is_a_list_of_one() -> None:
    with pytest.raises(ValueError, match=r"got the text 'lm_head'; pass \['lm_head'\]"):
        capture(random_model(), IDS, names="lm_head")


def test_training_with_dropout_is_refused() -> None:
    model = random_model(dropout=0.1).train()
    with pytest.raises(ValueError, match=r"training mode with dropout 0.1.*model.eval\(\)"):
        capture(model, IDS)
    assert model.training
    capture(random_model().train(), IDS)  # without dropout the numbers are the same


def test_a_wrong_name_lists_near_ones() -> None:
    trace = capture(random_model(), IDS)
    with pytest.raises(KeyError, match=r"near it: .*transformer\.h\.0\.attn\.pattern"):
        trace["transformer.h.0.attn.patern"]
    with pytest.raises(KeyError, match=r"attn\.pattern"):
        capture(random_model(), IDS, names=["transformer.h.0.attn.patern"])
    with pytest.raises(IndexError, match="0 <= start < stop <= 11, got 5 to 12"):
        trace.rows("lm_head", 5, 12)


BLOCK_0 = "transformer.h.0"
OTHERS = {
    "logits": "lm_head (trace.logits gives the same)",
    "attn": f"{BLOCK_0}.attn, {BLOCK_0}.attn.pattern",
    "att": f"{BLOCK_0}.attn.pattern, {BLOCK_0}.attn.scores",
    "q": f"{BLOCK_0}.attn.q",
    "k": f"{BLOCK_0}.attn.k",
    "v": f"{BLOCK_0}.attn.v",
    "wte": "transformer.wte",
    "tok_emb": "transformer.wte",
    "residual": f"{BLOCK_0}.resid_post, {BLOCK_0}.resid_mid, {BLOCK_0}.resid_pre",
    "mlp": f"{BLOCK_0}.mlp",
    "h.1.mlp": "transformer.h.1.mlp",
    "h.1.att": "transformer.h.1.attn.pattern",
}
"""Names that are told for words that readers of nanoGPT try."""


@pytest.mark.parametrize("name", OTHERS)
def test_a_word_of_other_programs_leads_to_the_name_here(name: str) -> None:
    trace = capture(random_model(), IDS)
    with pytest.raises(KeyError) as error:
        trace[name]
    told = str(error.value)
    assert f"no tensor {name!r} in this trace; near it: {OTHERS[name]}" in told and "loss" not in told


# ---- weights -----------------------------------------------------------------------------------------------------


def test_a_tensor_tells_the_weights_that_it_was_made_with() -> None:
    model = random_model()
    trace = capture(model, IDS)
    for node in architecture(model.config).nodes:
        for key in node.weights:
            which = key.rpartition(".")[2]
            found = trace.weight(node.id, which)
            assert torch.equal(found, model.get_parameter(key)), key
            assert not found.requires_grad
            assert found.data_ptr() == model.get_parameter(key).data_ptr(), key  # not a copy
    assert torch.equal(trace.weight("lm_head"), model.lm_head.weight)


def test_a_weight_that_is_not_there_is_told() -> None:
    trace = capture(random_model(), IDS)
    with pytest.raises(KeyError, match=r"lm_head has no bias; it has lm_head\.weight"):
        trace.weight("lm_head", "bias")
    with pytest.raises(KeyError, match=r"attn\.pattern has no weight; it has none"):
        trace.weight("transformer.h.0.attn.pattern")
    with pytest.raises(KeyError):
        trace.weight("nowhere")


def test_a_weight_that_has_changed_since_the_run_is_refused() -> None:
    model = random_model()
    trace = capture(model, IDS)
    with torch.no_grad():
        model.lm_head.weight.mul_(2)
    with pytest.raises(RuntimeError, match=r"weights have changed .* capture again"):
        trace.weight("lm_head")
