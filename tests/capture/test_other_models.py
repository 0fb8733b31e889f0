"""First moves: models of other classes, wrapped, quantized or without numbers; inference mode; copies of a trace."""

from __future__ import annotations

import copy
import itertools
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gptcore
from gptcore import GPT, Checkpoint, Edit, Trace, capture, explain, gradients
from gptcore.model import CausalSelfAttention
from gptcore.tokenizer import IdTokenizer
from tests.conftest import random_model
from tests.reference import random_gpt2

IDS = [3, 1, 4, 1, 5, 9, 2, 6]
PATTERN = "transformer.h.1.attn.pattern"


def same(one: Trace, other: Trace, difference: float = 0.0) -> None:
    """Fail unless two traces tell the same."""
    assert list(one) == list(other)
    for name in one:
        assert torch.allclose(one[name], other[name], rtol=0, atol=difference, equal_nan=True), name


# ---- inference mode ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("made", "run", "read"), [*itertools.product([False, True], repeat=3)])
def test_inference_mode_around_anything(made: bool, run: bool, read: bool) -> None:
    whole = capture(random_model(dtype=torch.float64), IDS)

    def around(on: bool) -> AbstractContextManager[Any]:
        return torch.inference_mode() if on else nullcontext()

    with around(made):
        model = random_model(dtype=torch.float64)
    with around(run):
        trace = capture(model, torch.tensor(IDS[:5]))
        longer = capture(model, torch.tensor(IDS), previous=trace)
        edited = capture(model, IDS, edits=[Edit("transformer.h.1.mlp", "zero")], previous=longer)
    assert longer.reused == 5
    with around(read):
        same(longer, whole, 1e-12)
        explained = explain(longer, PATTERN, (0, 1, 3, 2))
        edited.logits.sum()
        shorter = capture(model, IDS[:6], previous=longer)
    assert abs(explained.value - explained.recomputed) < 1e-9
    assert shorter.reused == 6


def test_weights_of_inference_mode_that_change_are_noticed() -> None:
    with torch.inference_mode():
        model = random_model()
        trace = capture(model, IDS)
        model.transformer.h[0].attn.c_attn.weight[5, 7] += 1
    assert capture(model, IDS, previous=trace).reused == 0
    with pytest.raises(RuntimeError, match="weights have changed"):
        trace.rows("lm_head", 0, 1)
    with pytest.raises(ValueError, match=r"made under torch.inference_mode.*load it outside"):
        gradients(model, IDS, lambda logits: logits.sum(), [PATTERN])


def test_load_under_inference_mode(tmp_path: Path) -> None:
    model = random_model()
    gptcore.save(Checkpoint(model, IdTokenizer(17), model.config, {}), tmp_path / "m")
    with torch.inference_mode():
        loaded = gptcore.load(tmp_path / "m").model
    assert not any(parameter.is_inference() for parameter in loaded.parameters())
    gradients(loaded, IDS, lambda logits: logits.sum(), [PATTERN])
    with torch.inference_mode():
        found = gradients(loaded, IDS, lambda logits: logits[0, -1, 0], [PATTERN])
    assert found[PATTERN].abs().sum() > 0


# ---- copies --------------------------------------------------------------------------------------------------------

KINDS: dict[str, Callable[[GPT], Trace]] = {
    "whole": lambda model: capture(model, IDS),
    "grown": lambda model: capture(model, IDS, previous=capture(model, IDS[:3])),
    "some": lambda model: capture(model, IDS, names=[PATTERN]),
    "a batch": lambda model: capture(model, [IDS, IDS[::-1]]),
    "edited": lambda model: capture(model, IDS, edits=[Edit("transformer.h.1.attn.z", "zero", head=1)]),
    "patched": lambda model: capture(
        model, IDS, edits=[Edit("transformer.h.0.mlp", "patch", capture(model, IDS[::-1]), position=2)]
    ),
}


@pytest.mark.parametrize("tie_weights", [True, False])
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_pickle_tells_the_same_and_can_grow(make: Callable[[GPT], Trace], tie_weights: bool) -> None:
    model = random_model(tie_weights=tie_weights)
    trace = make(model)
    again: Trace = pickle.loads(pickle.dumps(trace))
    same(again, trace)
    assert (again.reused, again.B, again.T, len(again.edits)) == (trace.reused, trace.B, trace.T, len(trace.edits))
    for name in [PATTERN] if PATTERN in trace else []:
        assert explain(again, name, (0, 1, 3, 2)).recomputed == explain(trace, name, (0, 1, 3, 2)).recomputed
    if trace.B == 1 and not trace.edits:
        names = None if "lm_head" in trace else [PATTERN]
        longer = capture(again._model, [*IDS, 3], names=names, previous=again)
        assert longer.reused == len(IDS)
        assert torch.allclose(longer[PATTERN], capture(model, [*IDS, 3])[PATTERN], atol=1e-5)


def test_a_pickle_holds_the_weights_once_and_is_read_by_a_new_process(tmp_path: Path) -> None:
    model = random_model(n_embd=64, vocab_size=500)
    one, two = capture(model, [1, 2]), capture(model, [2, 1])
    size = sum(parameter.nbytes for parameter in model.parameters())
    raw = pickle.dumps([one, two])
    assert size < len(raw) < 1.5 * size
    (tmp_path / "traces.pkl").write_bytes(raw)
    script = (
        f"import pickle; t = pickle.load(open({str(tmp_path / 'traces.pkl')!r}, 'rb')); print(t[1].logits.sum().item())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(two.logits.sum().item(), rel=1e-4)
    first, second = pickle.loads(raw)
    assert first._model is second._model


def test_a_pickle_never_has_other_weights_than_the_run() -> None:
    model = random_model()
    stale = capture(model, IDS)
    pickle.dumps(stale)
    fresh = random_model(seed=1).state_dict()
    model.load_state_dict(fresh, assign=True)  # other tensors, where a change in place would keep them
    with pytest.raises(RuntimeError, match="weights have changed since this trace was captured"):
        pickle.dumps(stale)
    trace = capture(model, IDS)
    same(pickle.loads(pickle.dumps(trace)), trace)


def test_a_copy_of_a_trace_is_the_trace(tmp_path: Path) -> None:
    trace = capture(random_model(), IDS)
    assert copy.deepcopy(trace) is trace
    assert copy.copy(trace) is trace
    assert copy.deepcopy({"a": [trace]})["a"][0] is trace
    torch.save(trace, tmp_path / "trace.pt")
    same(torch.load(tmp_path / "trace.pt", weights_only=False), trace)


# ---- other models --------------------------------------------------------------------------------------------------


class Attention(nn.Module):
    def __init__(self, C: int, H: int, bias: bool) -> None:
        super().__init__()
        self.H = H
        self.c_attn, self.c_proj = nn.Linear(C, 3 * C, bias=bias), nn.Linear(C, C, bias=bias)
        self.register_buffer("bias", torch.ones(1, 1, 32, 32).tril())  # nanoGPT's, without flash attention

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.H, C // self.H).transpose(1, 2) for part in self.c_attn(x).split(C, dim=2))
        return self.c_proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C))


class Theirs(nn.Module):
    """A model of somebody's own file, with nanoGPT's names; its MLP as nanoGPT had it at three times."""

    def __init__(self, gelu: Any = "none", *, bias: bool = True, extra: float = 0.0) -> None:
        super().__init__()
        C, H, V, T = 16, 2, 17, 32
        self.extra = extra
        self.config = SimpleNamespace(block_size=T, vocab_size=V, n_layer=2, n_head=H, n_embd=C, dropout=0.0, bias=bias)

        def mlp() -> nn.Module:
            made = nn.Module()
            made.c_fc, made.c_proj = nn.Linear(C, 4 * C, bias=bias), nn.Linear(4 * C, C, bias=bias)
            if isinstance(gelu, str):
                made.gelu = nn.GELU(approximate=gelu)
            return made

        def block() -> nn.Module:
            made = nn.Module()
            made.ln_1, made.ln_2 = nn.LayerNorm(C, bias=bias), nn.LayerNorm(C, bias=bias)
            made.attn, made.mlp = Attention(C, H, bias), mlp()
            return made

        parts: dict[str, Any] = {"wte": nn.Embedding(V, C), "wpe": nn.Embedding(T, C), "drop": nn.Dropout(0.0)}
        blocks = {"h": nn.ModuleList([block() for _ in range(2)]), "ln_f": nn.LayerNorm(C, bias=bias)}
        self.transformer: Any = nn.ModuleDict({**parts, **blocks})
        self.lm_head = nn.Linear(C, V, bias=False)
        parts["wte"].weight = self.lm_head.weight

    def forward(self, idx: Tensor, targets: Tensor | None = None) -> tuple[Tensor, None]:
        t = self.transformer
        x = t.wte(idx) + t.wpe(torch.arange(idx.size(1)))
        for block in t.h:
            x = x + block.attn(block.ln_1(x)) * (1 + self.extra)
            made = block.mlp.c_fc(block.ln_2(x))
            gelu = getattr(block.mlp, "gelu", None)
            x = x + block.mlp.c_proj(gelu(made) if gelu else F.gelu(made, approximate="tanh"))
        x = t.ln_f(x)
        return self.lm_head(x if targets is not None else x[:, [-1]]), None


def filled(model: Theirs) -> Theirs:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("gelu", ["none", "tanh", None], ids=["exact", "tanh", "a function"])
def test_nanogpts_own_model_by_its_weights(gelu: str | None, bias: bool) -> None:
    theirs = filled(Theirs(gelu, bias=bias))
    trace = capture(theirs, IDS)
    with torch.no_grad():
        expected, _ = theirs(torch.tensor([IDS]), targets=torch.tensor([IDS]))
    assert torch.allclose(trace.logits, expected, atol=1e-5)
    assert capture(theirs, [*IDS, 1], previous=trace).reused == len(IDS)
    with torch.no_grad():
        theirs.lm_head.weight[1] += 1
    changed = capture(theirs, IDS, previous=trace)
    assert changed.reused == 0
    assert not torch.allclose(changed.logits, expected, atol=1e-2)


def test_a_fork_that_computes_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has nanoGPT's names and computes something else: its logits differ by"):
        capture(filled(Theirs(extra=0.5)), IDS)


def test_what_holds_or_wraps_a_model() -> None:
    model = random_model()
    expected = capture(model, IDS)
    checkpoint = Checkpoint(model, IdTokenizer(17), model.config, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = [torch.compile(model), torch.compile(nn.DataParallel(model))]
    wrapped = [checkpoint, nn.DataParallel(model), *compiled]
    for each in (*wrapped, torch.optim.swa_utils.AveragedModel(model)):
        same(capture(each, IDS), expected)
    assert capture(checkpoint, [*IDS, 1], previous=expected).reused == len(IDS)
    assert torch.equal(
        gradients(checkpoint, IDS, lambda logits: logits.sum(), [PATTERN])[PATTERN],
        gradients(model, IDS, lambda logits: logits.sum(), [PATTERN])[PATTERN],
    )


def test_what_was_compiled_in_place_runs_as_it_is_written() -> None:
    model = random_model()
    expected = capture(model, IDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in (model.transformer.h[1], model):
            part.compile(backend="eager")
            same(capture(model, IDS), expected)
        assert capture(model, [*IDS, 1], previous=expected).reused == len(IDS)


def quantized() -> nn.Module:
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is old
        return quantize_dynamic(random_model(), {nn.Linear})


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            random_gpt2,
            r"transformers' GPT2LMHeadModel.*model.save_pretrained\(folder\), and capture gptcore.load",
        ),
        (lambda: nn.Linear(2, 2), r"must be a gptcore.GPT, got a torch.nn.modules.linear.Linear; save its weights"),
        (lambda: "fairytales", r"must be a gptcore.GPT or a Checkpoint, got str; load one"),
        (lambda: None, "got NoneType"),
        (lambda: random_model().to("meta"), "on the meta device, which holds no numbers"),
        (quantized, r"c_attn is a torch.*quantized.*whose weights are packed.*as it was before it was quantized"),
    ],
    ids=["transformers", "another module", "a name", "nothing", "meta", "quantized"],
)
def test_what_is_no_model_says_how_to_get_there(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        capture(make(), IDS)


# ---- parts that were exchanged -------------------------------------------------------------------------------------


class Reversed(CausalSelfAttention):
    """Attention whose values are of the other head."""

    def forward(self, x: Tensor, past: Any = ()) -> Tensor:
        q, k, v = self.c_attn(x).split(x.size(-1), dim=2)
        q, k, v = (part.view(1, x.size(1), 2, -1).transpose(1, 2) for part in (q, k, v))
        z = self.z(F.scaled_dot_product_attention(self.q(q), self.k(k), self.v(v).flip(1), is_causal=True))
        return self.c_proj(z.transpose(1, 2).flatten(2))


def _subclass(model: GPT, patch: pytest.MonkeyPatch) -> None:
    other = Reversed(model.config)
    other.load_state_dict(model.transformer.h[1].attn.state_dict())
    model.transformer.h[1].attn = other.eval()


def _class_in_place(model: GPT, patch: pytest.MonkeyPatch) -> None:
    model.transformer.h[1].attn.__class__ = Reversed


def _forward(model: GPT, patch: pytest.MonkeyPatch) -> None:
    attn = model.transformer.h[1].attn
    was = attn.forward
    attn.forward = lambda *args: was(*args) * 1.5


def _method_of_the_class(model: GPT, patch: pytest.MonkeyPatch) -> None:
    was = CausalSelfAttention.forward
    patch.setattr(CausalSelfAttention, "forward", lambda self, *args: was(self, *args) * 1.5)


def _attention(model: GPT, patch: pytest.MonkeyPatch) -> None:
    was = F.scaled_dot_product_attention
    patch.setattr(F, "scaled_dot_product_attention", lambda q, k, v, **options: was(q, k, v, scale=0.5, **options))


def _whole_model(model: GPT, patch: pytest.MonkeyPatch) -> None:
    was = model.forward
    model.forward = lambda *args, **options: (was(*args, **options)[0] * 2, None)  # type: ignore[method-assign]


def _activation(model: GPT, patch: pytest.MonkeyPatch) -> None:
    model.transformer.h[0].mlp.gelu = nn.ReLU()


CHANGES = [_subclass, _class_in_place, _forward, _method_of_the_class, _attention, _whole_model, _activation]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_run_that_the_trace_would_not_tell_is_refused(
    change: Callable[[GPT, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = random_model(n_layer=2)
    before = capture(model, IDS)
    change(model, monkeypatch)
    for previous in (None, before) if change is not _attention else (None,):  # that of one more token is our own
        with pytest.raises(
            ValueError, match=r"differs by .* from what gptcore/model.py makes.*change the run by edits"
        ):
            capture(model, [*IDS, 1], previous=previous)


@pytest.fixture
def everywhere() -> Iterator[list[Any]]:
    """Install a hook for all modules of the process; return the factor by which it changes a block's output."""
    factor = [1.0]

    def hook(module: nn.Module, args: object, output: Any) -> Any:
        return output * factor[0] if type(module).__name__ == "MLP" and factor[0] != 1 else None

    handle = nn.modules.module.register_module_forward_hook(hook)
    yield factor
    handle.remove()


def test_a_hook_of_the_whole_process(everywhere: list[float]) -> None:
    model = random_model()
    looked = capture(model, IDS)  # one that only looks on passes
    everywhere[0] = 2.0
    with pytest.raises(ValueError, match=r"there are forward hooks for all modules of this process, and .* differs by"):
        capture(model, IDS)
    everywhere[0] = 1.0
    assert capture(model, [*IDS, 1], previous=looked).reused == len(IDS)


def test_parts_that_only_look_on_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = random_model(), list[int]()
    expected = capture(model, IDS)
    logits = expected.logits
    attn = model.transformer.h[0].attn
    was = attn.forward

    def counted(*args: Any) -> Tensor:
        calls.append(1)
        return was(*args)

    attn.forward = counted
    same(capture(model, IDS), expected)
    assert calls == [1]
    del attn.forward
    nn.utils.parametrizations.weight_norm(model.transformer.h[0].mlp.c_fc)
    assert torch.allclose(capture(model, IDS).logits, logits, atol=1e-4)
