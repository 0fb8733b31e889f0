"""The section Two models: the weights on the screen beside other ones, on the same prompt."""

from __future__ import annotations

import streamlit as st

from app import components
from app.panels import model_pair
from app.panels.token_words import placed
from app.session import costs, lab_costs
from app.session.actions import sentence
from app.session.explorer import Explorer
from app.session.prompt_run import read
from app.state import lab, reports, server
from app.state.kept import kept
from app.state.origin import origin
from app.views.lab.code import opening
from app.views.lab.fitting import allowed, fits
from app.views.lab.two_models.choosing import Offered, choose, weights
from app.views.lab.two_models.one_tensor import one_tensor
from app.views.markdown import escaped
from gptcore import Checkpoint, Trace, capture
from gptcore.analysis import tensor_differences, token_loss, weight_differences

MAPS, WORDS = "lab maps", "lab words"
SOON, PAUSE = 0.5, 0.4
HOW = (
    "Length of the difference, as a share of the length of what is here: 0 where both have the same numbers, 1 where "
    "they are as far apart as they are large. "
    "Click a cell to see where they differ."
)


def two_models(me: Explorer) -> None:
    """Draw the choice, then what can be compared."""
    offered = choose(me)
    if offered is None:
        st.info("Choose other weights: another step of the training, or another model.", icon=":material/compare:")
        return
    other = weights(me, offered)
    if other is None:
        return
    this = me.shown.unchanged
    if any(change.on for change in me.changes):
        st.caption("Changes are on, on Explore. Here stands the model as it is, without them.")
    try:
        run = _run(me, other)
    except ValueError as error:
        st.warning("The other model cannot run this prompt.", icon=":material/warning:")
        st.text(sentence(str(error)))
        return
    names = [me.moment.name if me.step is not None else "here", offered.label.removesuffix(" of this training")]
    _said(me, this, run, other, names, offered)
    wrong = model_pair.unlike(me.arch.config, other.config)
    same_tokens = this.ids.tolist() == run.ids.tolist()
    if wrong or not same_tokens:
        why = wrong[0] if wrong else "their tokenizers cut this prompt into other tokens"
        st.info(
            f"Only predictions can be compared: {escaped(why)}. Tensors and weights need models of the same shape that "
            "read the same tokens.",
            icon=":material/straighten:",
        )
        return
    _maps(me, this, run, other, offered)


def _run(me: Explorer, other: Checkpoint) -> Trace:
    ids = read(other, me.shown.text, me.limits)[-other.config.block_size :]
    if not ids:
        raise ValueError("the prompt has no token for it; type one")
    me.limits.check(costs.of_run(other.config, len(ids), len(ids)), f"A run of {len(ids):,} tokens")
    size = sum(parameter.numel() for parameter in other.model.parameters())
    with server.turn(float(size) * len(ids)):
        return kept("other model run", (other.model, tuple(ids)), lambda _: capture(other.model, ids))


def _said(me: Explorer, this: Trace, run: Trace, other: Checkpoint, names: list[str], offered: Offered) -> None:
    """Draw the predictions of both; and the losses, if both have the same tokens to predict."""
    tokenizers = [me.checkpoint.tokenizer, other.tokenizer]
    at = me.position - this.T
    first = _lines(me, offered, this, run)
    grids = [model_pair.predictions(this, run, tokenizers, names, at, first)]
    grids[0]["note"] = f"after {placed(me.shown.tokens, me.position)}; the likeliest of both, by the larger share"
    tokens = [
        [tokenizer.label(index) for index in trace.ids[0].tolist()]
        for tokenizer, trace in zip(tokenizers, (this, run), strict=True)
    ]
    both = costs.of_losses(me.arch.config, this.T) + costs.of_losses(other.config, run.T)
    if tokens[0] == tokens[1] and this.T > 1 and fits(me, both, f"Both losses of {this.T:,} tokens"):
        with server.turn():
            one, two = kept("losses", (this, run), lambda _: (token_loss.of_trace(this), token_loss.of_trace(run)))
        code = f"{first}\nfound = [[each.loss for each in token_loss.of_trace(run).guesses[:-1]] for run in runs]"
        code = code.replace("import gptcore;", "import gptcore; from gptcore.analysis import token_loss;", 1)
        grids += model_pair.losses(one, two, tokens[0], names, code)
    components.grids(grids, key=WORDS, text=me.shown.text, origin=origin(), label="What both say", narrowest=50)


def _lines(me: Explorer, offered: Offered, this: Trace, run: Trace) -> str:
    """Write Python that has both models, and their runs of the prompt."""
    first = f"import gptcore; {opening(me)}" if not opening(me).startswith("#") else f"import gptcore;\n{opening(me)}"
    ids, others = this.ids[0].tolist(), run.ids[0].tolist()
    runs = f"[gptcore.capture(each.model, {ids}) for each in (ckpt, other)]"
    if ids != others:
        runs = f"[gptcore.capture(ckpt.model, {ids}), gptcore.capture(other.model, {others})]"
    return f"{first}\n{offered.code}\nruns = {runs}"


def _maps(me: Explorer, this: Trace, run: Trace, other: Checkpoint, offered: Offered) -> None:
    """Draw how far each tensor and each weight is from its counterpart; a click shows one of them."""
    model, ids = me.checkpoint.model, tuple(this.ids[0].tolist())
    key = ("differences", model, other.model, ids)
    names = [node.id for node in model_pair.drawn_tensors(me.arch)]
    needs = lab_costs.of_differences(me.arch.config, this.T)
    found = server.computations().start(
        key,
        lambda progress: (
            tensor_differences(this, run, names, progress=progress),
            weight_differences(model, other.model),
        ),
        float(me.parameters) * this.T,
        needs.memory,
        allowed(me, needs, f"Holding both runs of {this.T:,} tokens against each other"),
    )
    found.wait(SOON)
    if not found.finished:
        st.fragment(_progress, run_every=PAUSE)(key)
        return
    if found.trouble or found.result is None:
        st.warning("The differences could not be computed.", icon=":material/warning:")
        st.text(sentence(found.trouble))
        return
    tensors, changed = found.result
    lines = _lines(me, offered, this, run)
    maps = model_pair.tensor_maps(me.arch, tensors, f"{lines}\nfound = gptcore.analysis.tensor_differences(*runs)")
    loaded = lines.rpartition("\n")[0]
    code = f"{loaded}\nfound = gptcore.analysis.weight_differences(ckpt.model, other.model)"
    maps += model_pair.weight_maps(changed, code)
    maps.sort(key=lambda each: not each.grid.get("wide"))  # those of the blocks first, then small ones side by side
    if clicked := model_pair.name_at(maps, (reports.new(MAPS) or {}).get("at")):
        lab.choose("tensor", clicked)
        lab.choose("tensor head", "")
    chosen = lab.get("tensor")
    if chosen not in tensors and chosen not in changed:
        patterns = [me.arch.named("pattern", layer) for layer in range(me.arch.config.n_layer)]
        chosen = max(patterns, key=tensors.__getitem__)
    grids = [each.mark(chosen) for each in maps]
    components.grids(grids, key=MAPS, text=me.shown.text, origin=origin(), label="Differences", told=HOW, narrowest=50)
    one_tensor(me, this, run, other, chosen, lines)


def _progress(key: object) -> None:
    """Draw how far the comparison is. A fragment that runs repeatedly."""
    found = server.computations().get(key)  # type: ignore[arg-type]
    if found is None or found.finished:
        st.rerun()
        return
    st.progress(found.done / found.of if found.of else 0.0, f"{found.done} of {found.of or '?'} tensors")
