"""The table of a GPT: one row for each tensor, in the order of the forward pass, with the op that makes it. No torch.

`architecture.py` turns rows into nodes. In LaTeX, bold letters are tensors and plain capitals are sizes, so that
the values (bold V) are never taken for the vocabulary's size (V).
"""

from __future__ import annotations

from gptcore.config import GPTConfig
from gptcore.graph.node import ATTENTION, BLOCK, INSIDE, MLP, MODEL, SDPA, VIEWS, Concept, How, Kind, Role, Row
from gptcore.graph.ops import (
    Add,
    Axes,
    CausalMask,
    Concat,
    CrossEntropy,
    Gelu,
    Given,
    LayerNorm,
    Linear,
    Lookup,
    MatMul,
    Op,
    Same,
    Scale,
    Softmax,
    SplitHeads,
    Transpose,
)
from gptcore.graph.source_lines import Where

LINEAR = Linear()
_FUNCTIONS = {
    MODEL: "GPT.forward",
    INSIDE: "Block.forward",
    ATTENTION: "CausalSelfAttention.forward",
    SDPA: "attend_to_past",
    MLP: "MLP.forward",
}
"""The function of `model.py` that each view draws: its name there."""


def _row(
    name: str,
    view: str,
    label: str,
    kind: Kind,
    concept: Concept,
    how: How,
    op: Op,
    axes: str,
    inputs: str,
    formula: str,
    summary: str,
    *,
    at: Where | None = None,
    output: str | None = None,
    weights: dict[str, Axes] | None = None,
    cached: bool = False,
    role: Role | None = None,
) -> Row:
    """Make a row. Inside a block, names are short: `ln_1` stands for `transformer.h.{i}.ln_1`.

    The tensor is made by a call of its module, unless `at` says otherwise.
    """

    def full(short: str) -> str:
        return short if view == MODEL or short.startswith("{") else f"{BLOCK}.{short}"

    within = VIEWS[view]
    called = name if view == MODEL else full(name).removeprefix(f"{within}.")
    return Row(
        id=full(name),
        view=view,
        label=label,
        kind=kind,
        concept=concept,
        how=how,
        op=op,
        axes=tuple(axes.split()),
        inputs=tuple(full(short) for short in inputs.split()),
        formula=formula,
        summary=summary,
        where=at or Where(_FUNCTIONS[view], "call", f"self.{called}"),
        output=output and full(output),
        weights=weights or {},
        cached=cached,
        role=role,
    )


def _assigned(view: str, name: str) -> Where:
    return Where(_FUNCTIONS[view], "assign", name)


def rows(config: GPTConfig) -> tuple[Row, ...]:
    """Return every row, for this config's options. A container stands before its inside, an input before its use.

    >>> [row.id for row in rows(GPTConfig.preset("gpt2"))][:3]
    ['idx', 'transformer.wte', 'transformer.wpe']
    """
    return (*_model_start(config), *_attention_half(config), *_mlp_half(config), *_model_end(config))


def _with_bias(config: GPTConfig, out: str, *into: str) -> dict[str, Axes]:
    """Return the axes of a weight and, where the config has them, a bias."""
    return {"weight": (out, *into)} | ({"bias": (out,)} if config.bias else {})


# fmt: off
def _model_start(config: GPTConfig) -> tuple[Row, ...]:
    return (
        _row("idx", MODEL, "Token ids", "activation", "embedding", "input", Given(), "B T", "",
             r"\mathrm{idx} \in \{0, \dots, V-1\}^{B \times T}",
             "The prompt as the model sees it: one whole number for each token.",
             at=Where("GPT.forward", "argument", "idx"),
             cached=True, role="tokens"),
        _row("transformer.wte", MODEL, "Token embedding", "weight", "embedding", "hook", Lookup("id"), "B T C", "idx",
             r"\mathbf{W}_{\mathrm{te}}[\mathrm{idx}]",
             "Looks up a learned row of C numbers for each token.",
             weights={"weight": ("V", "C")},
             cached=True, role="token embedding"),
        _row("transformer.wpe", MODEL, "Position embedding", "weight", "embedding", "hook", Lookup("position"), "T C",
             "",
             r"\mathbf{W}_{\mathrm{pe}}[0, \dots, T-1]",
             "Looks up a learned row of C numbers for each position, so that order counts.",
             weights={"weight": ("block_size", "C")},
             cached=True, role="position embedding"),
        _row("transformer.embed", MODEL, "Token + position", "residual", "residual", "tap", Add(), "B T C",
             "transformer.wte transformer.wpe",
             r"\mathbf{W}_{\mathrm{te}}[\mathrm{idx}] + \mathbf{W}_{\mathrm{pe}}[0, \dots, T-1]",
             "What the token is plus where it stands: the start of the residual stream.",
             cached=True, role="embedding"),
        _row("transformer.drop", MODEL, "Dropout", "operation", "residual", "hook", Same(), "B T C",
             "transformer.embed",
             r"\mathbf{x}^{(0)} = \mathrm{Dropout}(\mathbf{x})",
             "Drops random entries in training; in eval mode it passes its input on, unchanged."),
        _row("transformer.h", MODEL, f"Transformer Block × {config.n_layer}", "operation", "residual", "derived",
             Same(),
             "B T C", "transformer.drop",
             r"\mathbf{x}^{(L)} = (\mathrm{Block}_{L-1} \circ \cdots \circ \mathrm{Block}_0)(\mathbf{x}^{(0)})",
             "All L blocks, folded into one: equal in form, each with weights of its own.",
             at=Where("GPT.forward", "loop", "self.transformer.h"), output="{last}"),
        _row(BLOCK, MODEL, "Transformer Block {i}", "operation", "residual", "hook", Same(), "B T C", "{before}",
             r"\mathbf{x}^{(\ell+1)} = \mathrm{Block}_\ell(\mathbf{x}^{(\ell)})",
             "One layer: attention moves information between positions, then the MLP works on each by itself.",
             at=Where("GPT.forward", "loop", "self.transformer.h"), output=f"{BLOCK}.resid_post"),
    )


def _attention_half(config: GPTConfig) -> tuple[Row, ...]:
    norm = LayerNorm(config.layer_norm_epsilon)
    qkv = r"[\mathbf{Q}\,|\,\mathbf{K}\,|\,\mathbf{V}]"
    attention = r"\mathrm{softmax}\!\left(\frac{\mathbf{Q}\mathbf{K}^\top}{\sqrt{D}} + \mathbf{M}\right)\mathbf{V}"
    return (
        _row("resid_pre", INSIDE, "Residual in", "residual", "residual", "derived", Same(), "B T C", "{before}",
             r"\mathbf{x}_{\mathrm{pre}} = \mathbf{x}^{(\ell)}",
             "The residual stream as it enters the block.",
             at=Where("Block.forward", "argument", "resid_pre"),
             role="residual in"),
        _row("ln_1", INSIDE, "LN 1", "weight", "norm", "hook", norm, "B T C", "resid_pre",
             norm.formula(config.bias, r"\mathbf{x}_{\mathrm{pre}}"),
             "Scales each position to mean 0 and variance 1 over its C numbers, then by learned factors.",
             weights=_with_bias(config, "C"),
             cached=True),
        _row("attn", INSIDE, "Self-attention", "operation", "pattern", "hook", Same(), "B T C", "ln_1",
             r"\mathrm{concat}_h\!\left(\mathrm{softmax}\!\left(\frac{\mathbf{Q}_h\mathbf{K}_h^\top}{\sqrt{D}} + "
             r"\mathbf{M}\right)\mathbf{V}_h\right)" + LINEAR.formula(config.bias, "", "O"),
             "Each position gathers what it needs from itself and the positions before it, in H heads at once.",
             output="attn.resid_dropout",
             role="attention"),
        _row("attn.c_attn", ATTENTION, "Q, K, V projection", "weight", "plain", "hook", LINEAR, "B T 3C", "ln_1",
             qkv + " = " + LINEAR.formula(config.bias, r"\mathbf{x}", "QKV"),
             "One matrix product makes queries, keys and values of all heads, side by side.",
             weights=_with_bias(config, "3C", "C"),
             cached=True, role="joint projection"),
        _row("attn.q", ATTENTION, "Q", "activation", "q", "tap", SplitHeads(0), "B H T D", "attn.c_attn",
             rf"\mathbf{{Q}}_h = {qkv}_{{\,:,\;hD\,:\,(h+1)D}}",
             "Queries: what each position looks for, D numbers a head.",
             role="query"),
        _row("attn.k", ATTENTION, "K", "activation", "k", "tap", SplitHeads(1), "B H T D", "attn.c_attn",
             rf"\mathbf{{K}}_h = {qkv}_{{\,:,\;C+hD\,:\,C+(h+1)D}}",
             "Keys: what each position offers to be found by, D numbers a head.",
             role="key"),
        _row("attn.v", ATTENTION, "V", "activation", "v", "tap", SplitHeads(2), "B H T D", "attn.c_attn",
             rf"\mathbf{{V}}_h = {qkv}_{{\,:,\;2C+hD\,:\,2C+(h+1)D}}",
             "Values: what each position hands over when it is attended to, D numbers a head.",
             role="value"),
        _row("attn.sdpa", ATTENTION, "Scaled dot-product attention", "operation", "pattern", "derived", Same(),
             "B H T D",
             "attn.q attn.k attn.v", rf"\mathbf{{Z}} = {attention}",
             "Compares every query with every key up to its own position and mixes the values by the result.",
             at=Where("CausalSelfAttention.forward", "branch", "F.scaled_dot_product_attention"), output="attn.z"),
        _row("attn.k_t", SDPA, "Kᵀ", "operation", "k", "derived", Transpose(), "B H D T", "attn.k",
             r"\mathbf{K}^\top",
             "The keys, transposed: one column a position.", at=_assigned(SDPA, "k_t")),
        _row("attn.scores", SDPA, "Scores Q Kᵀ", "operation", "pattern", "derived", MatMul(), "B H T T",
             "attn.q attn.k_t",
             r"\mathbf{S} = \mathbf{Q}\mathbf{K}^\top",
             "The dot product of each query (row) with each key (column).",
             at=_assigned(SDPA, "scores"),
             role="scores"),
        _row("attn.scaled", SDPA, "Scale: ÷ √D", "operation", "pattern", "derived", Scale(), "B H T T", "attn.scores",
             r"\frac{\mathbf{S}}{\sqrt{D}}",
             "Divided by √D, so that the softmax stays soft whatever the heads' width.", at=_assigned(SDPA, "scaled")),
        _row("attn.masked", SDPA, "Causal mask", "operation", "pattern", "derived", CausalMask(), "B H T T",
             "attn.scaled",
             r"\frac{\mathbf{S}}{\sqrt{D}} + \mathbf{M}, \quad M_{ij} = -\infty \;\text{if}\; j > i \;\text{else}\; 0",
             "The future is hidden: query i sees keys 0 to i, the rest is minus infinity.",
             at=_assigned(SDPA, "masked"),
             role="masked scores"),
        _row("attn.pattern", SDPA, "Softmax: pattern", "activation", "pattern", "derived", Softmax(), "B H T T",
             "attn.masked",
             r"\mathbf{A} = \mathrm{softmax}\!\left(\frac{\mathbf{S}}{\sqrt{D}} + \mathbf{M}\right)",
             "How much each query attends to each key: every row sums to 1.", at=_assigned(SDPA, "pattern"),
             role="pattern"),
        _row("attn.attn_dropout", SDPA, "Dropout", "operation", "pattern", "derived", Same(), "B H T T", "attn.pattern",
             r"\mathrm{Dropout}(\mathbf{A})",
             "Drops random weights in training; in eval mode it passes the pattern on, unchanged.",
             at=Where("CausalSelfAttention.forward", "use", "self.attn_dropout"), role="pattern after dropout"),
        _row("attn.z", ATTENTION, "Z", "activation", "plain", "tap", MatMul(), "B H T D", "attn.attn_dropout attn.v",
             r"\mathbf{Z} = \mathbf{A}\mathbf{V}",
             "For each head and position, the values mixed by the pattern: the output of attention proper.",
             cached=True, role="weighted values"),
        _row("attn.concat", ATTENTION, "Concatenate heads", "operation", "plain", "derived", Concat(), "B T C",
             "attn.z",
             r"[\mathbf{Z}_0\,|\,\cdots\,|\,\mathbf{Z}_{H-1}]",
             "The heads side by side again: H times D is C.", at=_assigned(ATTENTION, "concat")),
        _row("attn.c_proj", ATTENTION, "Output projection", "weight", "plain", "hook", LINEAR, "B T C", "attn.concat",
             LINEAR.formula(config.bias, r"[\mathbf{Z}_0\,|\,\cdots\,|\,\mathbf{Z}_{H-1}]", "O"),
             "Mixes what the heads found into one update of the residual stream.", weights=_with_bias(config, "C", "C"),
             cached=True),
        _row("attn.resid_dropout", ATTENTION, "Dropout", "operation", "plain", "hook", Same(), "B T C", "attn.c_proj",
             r"\mathrm{Dropout}(\mathbf{x})",
             "Drops random entries in training; in eval mode it passes its input on, unchanged."),
        _row("resid_mid", INSIDE, "Residual + attention", "residual", "residual", "tap", Add(), "B T C",
             "resid_pre attn",
             r"\mathbf{x}_{\mathrm{mid}} = \mathbf{x}_{\mathrm{pre}} + \mathrm{Attention}(\mathrm{LN}_1("
             r"\mathbf{x}_{\mathrm{pre}}))",
             "Attention's output is added to the residual stream.",
             cached=True, role="residual between"),
    )


def _mlp_half(config: GPTConfig) -> tuple[Row, ...]:
    norm = LayerNorm(config.layer_norm_epsilon)
    gelu = Gelu(config.activation)
    up = LINEAR.formula(config.bias, r"\mathbf{x}", "up")
    return (
        _row("ln_2", INSIDE, "LN 2", "weight", "norm", "hook", norm, "B T C", "resid_mid",
             norm.formula(config.bias, r"\mathbf{x}_{\mathrm{mid}}"),
             "Scales each position to mean 0 and variance 1 over its C numbers, then by learned factors.",
             weights=_with_bias(config, "C"),
             cached=True),
        _row("mlp", INSIDE, "MLP", "operation", "mlp", "hook", Same(), "B T C", "ln_2",
             LINEAR.formula(config.bias, rf"\mathrm{{GELU}}({up})", "down"),
             "Works on each position by itself: up to 4C numbers, through a GELU, back to C.",
             output="mlp.dropout",
             role="mlp"),
        _row("mlp.c_fc", MLP, "Up projection", "weight", "mlp", "hook", LINEAR, "B T 4C", "ln_2",
             rf"\mathbf{{h}} = {up}",
             "From C numbers to 4C: each of the 4C looks for one direction of the stream.", weights=_with_bias(config,
             "4C", "C"),
             cached=True),
        _row("mlp.gelu", MLP, "GELU" if config.activation == "gelu" else "GELU (tanh)", "activation", "mlp", "hook",
             gelu,
             "B T 4C", "mlp.c_fc", gelu.formula(),
             "Lets positive numbers pass and flattens negative ones: the MLP's only non-linear step.",
             cached=True, role="mlp hidden"),
        _row("mlp.c_proj", MLP, "Down projection", "weight", "mlp", "hook", LINEAR, "B T C", "mlp.gelu",
             LINEAR.formula(config.bias, r"\mathrm{GELU}(\mathbf{h})", "down"),
             "From 4C numbers back to C: what each active number writes into the stream.", weights=_with_bias(config,
             "C", "4C"),
             cached=True),
        _row("mlp.dropout", MLP, "Dropout", "operation", "mlp", "hook", Same(), "B T C", "mlp.c_proj",
             r"\mathrm{Dropout}(\mathbf{x})",
             "Drops random entries in training; in eval mode it passes its input on, unchanged."),
        _row("resid_post", INSIDE, "Residual + MLP", "residual", "residual", "tap", Add(), "B T C", "resid_mid mlp",
             r"\mathbf{x}_{\mathrm{post}} = \mathbf{x}_{\mathrm{mid}} + \mathrm{MLP}(\mathrm{LN}_2("
             r"\mathbf{x}_{\mathrm{mid}}))",
             "The MLP's output is added to the residual stream: the block's output.",
             cached=True, role="residual"),
    )


def _model_end(config: GPTConfig) -> tuple[Row, ...]:
    norm = LayerNorm(config.layer_norm_epsilon)
    head = "te" if config.tie_weights else "head"
    tied = "the token embedding's own matrix" if config.tie_weights else "a matrix of its own"
    return (
        _row("transformer.ln_f", MODEL, "Final LN", "weight", "norm", "hook", norm, "B T C", "{last}",
             norm.formula(config.bias, r"\mathbf{x}^{(L)}"),
             "Scales each position to mean 0 and variance 1 over its C numbers, then by learned factors.",
             weights=_with_bias(config, "C"),
             cached=True, role="final norm"),
        _row("lm_head", MODEL, "Logits (LM head)", "weight", "logits", "hook", LINEAR, "B T V", "transformer.ln_f",
             rf"\mathrm{{logits}} = \mathbf{{x}}\,\mathbf{{W}}_{{\mathrm{{{head}}}}}^\top",
             f"A score for every token of the vocabulary as the next one, by {tied}.",
             at=_assigned(MODEL, "logits"), weights={"weight": ("V", "C")},
             role="logits"),
        _row("probs", MODEL, "Softmax of logits", "activation", "logits", "derived", Softmax(), "B T V", "lm_head",
             r"\mathrm{probs} = \mathrm{softmax}(\mathrm{logits})",
             "The probability of each token as the next one. Derived from the logits: model.py leaves this softmax to "
             "its caller, so its lines are those of the logits.",
             at=_assigned(MODEL, "logits"),
             role="probabilities"),
        _row("loss", MODEL, "Loss", "activation", "logits", "derived", CrossEntropy(), "B T", "lm_head idx",
             r"-\log\, \mathrm{probs}_{\,t,\;\mathrm{idx}_{t+1}}",
             "The surprise, in nats, at each next token that is known. model.py takes the mean over positions.",
             at=_assigned(MODEL, "loss"),
             role="loss"),
    )
# fmt: on
