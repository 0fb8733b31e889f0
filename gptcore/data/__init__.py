"""Training data: texts, public data sets and built-in tasks, as batches of token ids. Re-exports only."""

from gptcore.data.cache import CACHE_FOLDER
from gptcore.data.errors import DataError
from gptcore.data.sets import DATA_FOLDER, DATASETS, DataSet, find_text, sha256
from gptcore.data.source import Source, Split, TaskSource, TextSource, task_source, text_source
from gptcore.data.task import Task
from gptcore.data.tasks import DEFAULTS, TASKS, Addition, Induction, Sort
from gptcore.data.windows import all_windows, random_batch, spread_windows

__all__ = [
    "CACHE_FOLDER",
    "DATASETS",
    "DATA_FOLDER",
    "DEFAULTS",
    "TASKS",
    "Addition",
    "DataError",
    "DataSet",
    "Induction",
    "Sort",
    "Source",
    "Split",
    "Task",
    "TaskSource",
    "TextSource",
    "all_windows",
    "find_text",
    "random_batch",
    "sha256",
    "spread_windows",
    "task_source",
    "text_source",
]
