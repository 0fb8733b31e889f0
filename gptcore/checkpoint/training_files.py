"""The names of the files in a training's folder, for those who write them, load them or draw them.

`gptcore.train.training_folder` tells what they hold; the weights of earlier steps lie beside them (snapshots.py).
"""

from __future__ import annotations

SETTINGS = "settings.json"
METRICS = "metrics.jsonl"
LAST = "last.pt"
BEST = "best.pt"
LOSS_TABLE = "loss.csv"
"""The curves of a training that has ended, in the folder of a model that was exported from it."""
