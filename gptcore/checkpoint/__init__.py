"""Trained models from disk and to disk. Re-exports only."""

from gptcore.checkpoint.base import Checkpoint, CheckpointError
from gptcore.checkpoint.loading import load
from gptcore.checkpoint.own import save
from gptcore.checkpoint.shipped import shipped_models

__all__ = ["Checkpoint", "CheckpointError", "load", "save", "shipped_models"]
