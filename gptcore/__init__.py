"""A GPT in nanoGPT's names, and every tensor of its runs."""

from gptcore.capture.capture import capture, capture_cost
from gptcore.capture.edits import Edit
from gptcore.capture.explain import Explanation, explain
from gptcore.capture.gradients import gradients
from gptcore.capture.trace import Trace
from gptcore.checkpoint import Checkpoint, CheckpointError, load, save, shipped_models
from gptcore.config import ConfigError, GPTConfig
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
    "Trace",
    "architecture",
    "capture",
    "capture_cost",
    "explain",
    "gradients",
    "load",
    "save",
    "shipped_models",
]
