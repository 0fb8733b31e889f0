"""A GPT in nanoGPT's names, and every tensor of its runs."""

from gptcore.architecture import Architecture, architecture
from gptcore.checkpoint import Checkpoint, CheckpointError, load, save, shipped_models
from gptcore.config import ConfigError, GPTConfig
from gptcore.model import GPT
from gptcore.trace import Trace, capture, capture_cost

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
