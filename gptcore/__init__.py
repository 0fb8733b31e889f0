"""A GPT in nanoGPT's names, and every tensor of its runs."""

from gptcore import analysis, export
from gptcore.analysis.attribution import LogitAttribution, logit_attribution
from gptcore.analysis.lens import LogitLens, logit_lens
from gptcore.capture.capture import capture, capture_cost
from gptcore.capture.edits import Edit
from gptcore.capture.explain import Explanation, explain
from gptcore.capture.gradients import gradients
from gptcore.capture.trace import Trace
from gptcore.checkpoint import Checkpoint, CheckpointError, load, save, shipped_models
from gptcore.config import ConfigError, GPTConfig
from gptcore.generation.generate import Step, generate
from gptcore.graph.architecture import Architecture, architecture
from gptcore.model import GPT

__all__ = [
    "GPT",
    "Architecture",
    "Checkpoint",
    "CheckpointError",
    "ConfigError",
    "Edit",
    "Explanation",
    "GPTConfig",
    "LogitAttribution",
    "LogitLens",
    "Step",
    "Trace",
    "analysis",
    "architecture",
    "capture",
    "capture_cost",
    "explain",
    "export",
    "generate",
    "gradients",
    "load",
    "logit_attribution",
    "logit_lens",
    "save",
    "shipped_models",
]
