"""Numbers that say what a run or the weights of a model mean. Re-exports only."""

from gptcore.analysis import chance
from gptcore.analysis.ablation import (
    ablation_sweep,
    freeze_patterns,
    knock_out,
    mean_ablation,
    pattern_preserving,
    resample,
    switch_off,
)
from gptcore.analysis.attribution import LogitAttribution, Part, logit_attribution, neuron_attribution
from gptcore.analysis.attribution_patching import attribution_patching
from gptcore.analysis.composition import composition, projection_kernel
from gptcore.analysis.copying import copying, ov_top1
from gptcore.analysis.differences import tensor_differences, weight_differences
from gptcore.analysis.direct_effect import direct_effect
from gptcore.analysis.edge_attribution import EdgeAttribution, edge_attribution
from gptcore.analysis.head_card import HeadCard, head_card, head_cards, ov_logits, qk_logits
from gptcore.analysis.head_effects import HeadEffects, head_effects, loss_without_heads
from gptcore.analysis.head_facts import HeadFacts, head_facts
from gptcore.analysis.head_losses import HeadLosses, head_losses
from gptcore.analysis.head_scores import head_scores, prefix_matching, prompt_chance, prompt_scores, repeated
from gptcore.analysis.head_weights import HeadWeights, head_weights
from gptcore.analysis.in_context import InContext, in_context_score
from gptcore.analysis.jacobian_lens import JacobianLens, jacobian_lens
from gptcore.analysis.lens import LogitLens, lens_names, logit_lens
from gptcore.analysis.lens_table import LensTable, lens_table
from gptcore.analysis.neurons import (
    Neuron,
    Tokens,
    most_active,
    neuron_logits,
    promoted,
    search_neurons,
    suppressed,
)
from gptcore.analysis.own_text import own_text
from gptcore.analysis.parity import parity
from gptcore.analysis.patching import patch_sweep
from gptcore.analysis.path_patching import path_patching, path_sweep
from gptcore.analysis.residual import ResidualNorms, residual_norms
from gptcore.analysis.rollout import rollout
from gptcore.analysis.scan import Finding, rank_findings, scan
from gptcore.analysis.special_scores import letter_scores, successor
from gptcore.analysis.value_weighted import value_weighted, value_weighted_layer

__all__ = [
    "EdgeAttribution",
    "Finding",
    "HeadCard",
    "HeadEffects",
    "HeadFacts",
    "HeadLosses",
    "HeadWeights",
    "InContext",
    "JacobianLens",
    "LensTable",
    "LogitAttribution",
    "LogitLens",
    "Neuron",
    "Part",
    "ResidualNorms",
    "Tokens",
    "ablation_sweep",
    "attribution_patching",
    "chance",
    "composition",
    "copying",
    "direct_effect",
    "edge_attribution",
    "freeze_patterns",
    "head_card",
    "head_cards",
    "head_effects",
    "head_facts",
    "head_losses",
    "head_scores",
    "head_weights",
    "in_context_score",
    "jacobian_lens",
    "knock_out",
    "lens_names",
    "lens_table",
    "letter_scores",
    "logit_attribution",
    "logit_lens",
    "loss_without_heads",
    "mean_ablation",
    "most_active",
    "neuron_attribution",
    "neuron_logits",
    "ov_logits",
    "ov_top1",
    "own_text",
    "parity",
    "patch_sweep",
    "path_patching",
    "path_sweep",
    "pattern_preserving",
    "prefix_matching",
    "projection_kernel",
    "promoted",
    "prompt_chance",
    "prompt_scores",
    "qk_logits",
    "rank_findings",
    "repeated",
    "resample",
    "residual_norms",
    "rollout",
    "scan",
    "search_neurons",
    "successor",
    "suppressed",
    "switch_off",
    "tensor_differences",
    "value_weighted",
    "value_weighted_layer",
    "weight_differences",
]
