"""A run taken along: tensors and whole traces as files that other programs read. Re-exports only."""

from gptcore.export.saved_trace import SavedTrace, load_trace
from gptcore.export.tensors import tensor
from gptcore.export.traces import trace

__all__ = ["SavedTrace", "load_trace", "tensor", "trace"]
