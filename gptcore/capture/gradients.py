"""`gradients`: how a number that is made of the logits changes with the tensors of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gptcore.capture import hooks, stored
from gptcore.capture.bound_edits import bound
from gptcore.capture.changed_run import ChangedRun
from gptcore.capture.edits import Edit
from gptcore.capture.exchanged import exchanged
from gptcore.capture.ids import Ids, checked_ids
from gptcore.capture.models import Model, model_of
from gptcore.graph.architecture import architecture
from gptcore.graph.ops import Same
from gptcore.model import GPT


def gradients(
    model: Model,
    ids: Ids,
    metric: Callable[[Tensor], Tensor],
    names: Sequence[str],
    *,
    edits: Sequence[Edit] = (),
) -> dict[str, Tensor]:
    """Return the gradient of a metric with respect to tensors of a run, each in the shape of its tensor.

    Nothing is left behind: no hook, no graph, and no `.grad` of any parameter, whether or not it requires gradients.

    Args:
        model: as for `capture`.
        ids: as for `capture`.
        metric: takes the logits of all positions, (B, T, V), and returns a tensor of one number.
        names: tensors of the map that the logits are computed from, or the logits themselves.
        edits: changes of the run, as for `capture`.

    Raises:
        ValueError: a name that the logits do not depend on, a metric that is no single number or does not depend on
            the logits; and what `capture` raises for the ids and edits.
        KeyError: a name that is not in the map.

    >>> from gptcore import GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> found = gradients(model, [3, 1, 4], lambda logits: logits[0, -1, 2], ["transformer.h.1.attn.pattern"])
    >>> found["transformer.h.1.attn.pattern"].shape
    torch.Size([1, 2, 3, 3])
    """
    if isinstance(names, str):
        raise ValueError(f"names is a list of names, got the text {names!r}; pass [{names!r}]")
    with torch.inference_mode(False):
        return _gradients(model_of(model), ids, metric, names, edits)


def _gradients(
    model: GPT, ids: Ids, metric: Callable[[Tensor], Tensor], names: Sequence[str], edits: Sequence[Edit]
) -> dict[str, Tensor]:
    if any(parameter.is_inference() for parameter in model.parameters()):
        raise ValueError(
            "the model was made under torch.inference_mode, so PyTorch computes no gradients of it; load it outside"
        )
    if other := exchanged(model):
        raise ValueError(f"{other}, so the gradients would not be of the model that the map shows; undo it")
    tokens = checked_ids(model, ids)
    arch = architecture(model.config)
    logits_name = arch.named("logits")
    for name in names:
        if name != logits_name and logits_name not in arch.downstream(arch.nodes[name].id):
            raise ValueError(f"the logits are not computed from {name}; take a tensor that stands before them")
        if arch.nodes[name].how == "input":
            raise ValueError(f"{name} holds whole numbers, which have no gradient; take transformer.wte")
    hooks.ready(model, stored.modules(model.config))
    B, T = tokens.shape
    checked = bound(edits, model.config, B, T, model)
    opened = {layer for name in names if (layer := arch.nodes[name].layer) is not None}
    run = ChangedRun(model, tokens, checked, None, 0, 0, stages_of=opened, leaves=True)
    with torch.enable_grad():
        run.run()
        logits = model.lm_head(run.made[arch.named("final norm")])  # (B, T, V)
        for edit in checked.get(logits_name, ()):
            logits = edit.apply(run.rows, logits, T)
        run.made[logits_name] = logits
        found = metric(logits)
        if not isinstance(found, Tensor) or found.numel() != 1:
            got = f"a tensor of the shape {tuple(found.shape)}" if isinstance(found, Tensor) else repr(found)
            raise ValueError(f"the metric must return a tensor of one number, got {got}")
        if not found.requires_grad:
            raise ValueError("the metric does not depend on the logits, so it has no gradient; compute it from them")
        tensors = [run.made[_made(run, name)] for name in names]
        made = torch.autograd.grad(found.sum(), tensors, allow_unused=True)
    return {
        name: torch.zeros_like(tensor) if gradient is None else gradient
        for name, tensor, gradient in zip(names, tensors, made, strict=True)
    }


def _made(run: ChangedRun, name: str) -> str:
    """Return the name under which the run has made a tensor: a container's is that of its output."""
    nodes = stored.nodes(run.config)
    while name not in run.made and isinstance(nodes[name].op, Same):
        (name,) = nodes[name].operands
    return name
