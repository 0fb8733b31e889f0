"""Loading and saving of trained models. Re-exports only."""

from gptcore.checkpoint.assumptions import assuming
from gptcore.checkpoint.base import (
    Checkpoint,
    CheckpointError,
    HeadsUnknownError,
    OnTheHubError,
    OpenInsteadError,
    VocabularyError,
)
from gptcore.checkpoint.formats.native import save
from gptcore.checkpoint.load import load
from gptcore.checkpoint.shipped import shipped_folder, shipped_line, shipped_models

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "HeadsUnknownError",
    "OnTheHubError",
    "OpenInsteadError",
    "VocabularyError",
    "assuming",
    "load",
    "save",
    "shipped_folder",
    "shipped_line",
    "shipped_models",
]
