"""A run taken along: tensors, whole traces and pages as files that other programs read. Re-exports only."""

from gptcore.export.pages import html
from gptcore.export.saved_trace import SavedTrace, load_trace
from gptcore.export.tensors import tensor
from gptcore.export.traces import trace

__all__ = ["SavedTrace", "html", "load_trace", "tensor", "trace"]
