"""A GPT in nanoGPT's names, and every tensor of its runs."""

from gptcore.capture.trace import Trace, capture, capture_cost
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
    "GPTConfig",
    "Trace",
    "architecture",
    "capture",
    "capture_cost",
    "load",
    "save",
    "shipped_models",
]
