"""Reports of a training's progress: metrics.jsonl, a bar in the terminal, and TensorBoard if it is installed."""

from __future__ import annotations

import time
from typing import Any

from tqdm import tqdm

from gptcore.train.training_folder import TrainingFolder

TENSORBOARD = "tensorboard"


class Tracker:
    """The progress of one training, reported by its rank 0."""

    def __init__(
        self, folder: TrainingFolder, steps: int, step: int, tokens: int, tensorboard: bool, shown: bool
    ) -> None:
        """Start with `step` of `steps` done; each step uses `tokens` tokens."""
        self.folder, self.tokens = folder, tokens
        self.bar = tqdm(total=steps, initial=step, unit="step", dynamic_ncols=True, disable=not shown)
        self.writer = _writer(folder, step) if tensorboard and shown else None
        self.best_val: dict[str, str] = {}
        self._began = time.perf_counter()
        self.rest()

    def rest(self) -> None:
        """Exclude the time since the last step from the speed, because it was not spent on training."""
        self._since, self._steps = time.perf_counter(), 0

    def step(self) -> None:
        """Count one more step."""
        self._steps += 1
        self.bar.update()

    def trained(self, step: int, loss: float, lr: float, grad_norm: float) -> None:
        """Log the loss of a step's batch, and the speed since the last such line."""
        speed = round(self.tokens * self._steps / (time.perf_counter() - self._since))
        self.rest()
        self._write({"step": step, "loss": loss, "lr": lr, "tokens_per_s": speed, "grad_norm": grad_norm})
        self.bar.set_postfix(loss=f"{loss:.3f}", **self.best_val, tok_s=f"{speed:,}", refresh=False)

    def evaluated(self, step: int, losses: dict[str, float], best_val_loss: float) -> None:
        """Log an evaluation, and show the best loss so far."""
        self.best_val = {"best_val": f"{best_val_loss:.3f}"}
        self._write({"step": step, **losses})
        if self.writer:
            self.writer.flush()
        told = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in losses.items())
        self.bar.write(f"step {step}: {told}")

    def close(self) -> None:
        """Close the bar and the TensorBoard writer."""
        self.bar.close()
        if self.writer:
            self.writer.close()

    def _write(self, line: dict[str, Any]) -> None:
        # By a clock that nobody can set: how long this process has trained.
        self.folder.log({**line, "seconds": round(time.perf_counter() - self._began, 2)})
        if self.writer:
            for name in line.keys() - {"step"}:
                self.writer.add_scalar(name, line[name], line["step"])


def _writer(folder: TrainingFolder, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder.path / TENSORBOARD), purge_step=step + 1)
