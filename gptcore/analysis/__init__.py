"""Numbers that say what a run or the weights of a model mean. Re-exports only."""

from gptcore.analysis import chance
from gptcore.analysis.attribution import LogitAttribution, Part, logit_attribution, neuron_attribution
from gptcore.analysis.composition import composition, projection_kernel
from gptcore.analysis.copying import copying, ov_top1
from gptcore.analysis.head_scores import head_scores, prefix_matching, prompt_scores, repeated
from gptcore.analysis.head_weights import HeadWeights, head_weights
from gptcore.analysis.lens import LogitLens, lens_names, logit_lens
from gptcore.analysis.parity import parity
from gptcore.analysis.rollout import rollout
from gptcore.analysis.value_weighted import value_weighted

__all__ = [
    "HeadWeights",
    "LogitAttribution",
    "LogitLens",
    "Part",
    "chance",
    "composition",
    "copying",
    "head_scores",
    "head_weights",
    "lens_names",
    "logit_attribution",
    "logit_lens",
    "neuron_attribution",
    "ov_top1",
    "parity",
    "prefix_matching",
    "projection_kernel",
    "prompt_scores",
    "repeated",
    "rollout",
    "value_weighted",
]
