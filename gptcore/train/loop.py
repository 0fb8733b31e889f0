"""The training loop: from settings to a folder, step by step; it can stop and resume at any step.

No random state is carried from step to step: the seed and the step's number decide the batch and the dropout of a
step, so a resumed training gives the same weights as one that never stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gptcore.train import evaluate, finite, snapshots
from gptcore.train.distributed import Job
from gptcore.train.optimizer import learning_rate, make_optimizer
from gptcore.train.settings import Settings, choose_compile, choose_device, choose_precision
from gptcore.train.start import fresh_model, start
from gptcore.train.tracking import Tracker
from gptcore.train.training_folder import TrainingFolder


class Trainer:
    """One training: its data, its model, and its step. In a job of several processes, each process has one."""

    def __init__(self, settings: Settings, job: Job | None = None) -> None:
        """Read the data and make the model, or read the one to resume from `settings.out`.

        Raises:
            TrainingError: the folder holds a training and `resume` is off, or one of another model and it is on.
            ValueError: data, sizes, a checkpoint or a device are unusable.
        """
        self.settings, self.job = settings, job or Job()
        self.folder = TrainingFolder(settings.out)
        self.device = self.job.together(self._device)
        self.precision = choose_precision(settings.precision, self.device)
        self.autocast = torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == torch.bfloat16, cache_enabled=True
        )
        begun = start(settings, self.folder, self.job)
        self.source, self.config = begun.source, begun.config
        self.step, self.best_val_loss = 0, math.inf
        self._seed(0)
        self.model = fresh_model(self.config, settings.embedding_std).to(self.device)
        if begun.weights is not None:
            self.model.load_state_dict(begun.weights)
        self._parameters = list(self.model.parameters())  # kept: each walk through the modules costs as much as a layer
        self.optimizer = make_optimizer(self.model, settings, self.device)
        self.resumed = begun.last is not None
        if begun.last is not None:
            self.optimizer.load_state_dict(begun.last["optimizer"])
            self.step, self.best_val_loss = begun.last["iter_num"], begun.last["best_val_loss"]
        self.job.shared(self._open_folder)
        compiled = torch.compile(self.model) if choose_compile(settings.compile, self.device) else self.model
        self._forward = self.job.parallel(compiled, self.device)  # type: ignore[arg-type]  # torch.compile keeps it
        self._norms = finite.Norms()

    def _device(self) -> torch.device:
        self.job.check(self.settings.accumulate, self.settings.batch_size)
        device = choose_device(self.settings.device, self.job.local_rank)
        if device.type == "cuda":
            torch.cuda.set_device(device)
            torch.set_float32_matmul_precision("high")  # TF32, for products that are not in bfloat16
        return device

    def _open_folder(self) -> None:
        if self.resumed:
            self.folder.write_settings(self.settings)
        else:
            self.folder.start(self.settings, self.source.tokenizer.to_json())
        last = self.step if self.resumed else -1
        self.folder.forget_after(last)
        snapshots.forget_after(self.folder.path, last)

    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Train to the last step, or until `stop()` is true after a step on any rank. Save in both cases.

        Returns:
            True if the last step is done.

        Raises:
            NotFiniteError: a loss, gradient or weight is NaN or infinite. The last save is kept.
            OSError: the disk is full. The last save is kept.
        """
        settings = self.settings
        tokens = settings.batch_size * settings.accumulate * self.config.block_size
        track = Tracker(self.folder, settings.steps, self.step, tokens, settings.tensorboard, self.job.leads)
        try:
            if not self.resumed:
                self._look_around(track, evaluates=True)
            while self.step < settings.steps:
                finished = self.step + 1 == settings.steps
                evaluates = finished or (self.step + 1) % settings.eval_interval == 0
                self._train_step(track, saves=evaluates)
                self._look_around(track, evaluates)
                if not finished and self.job.any(stop()):
                    self.job.shared(self._save_last)
                    return False
        finally:
            track.close()
            self.folder.unlock()
        return True

    def _seed(self, step: int) -> torch.Generator:
        """Seed the dropout of a step and return the generator of its batches.

        All ranks draw the same batches; each rank has its own dropout.
        """
        mixed = self.settings.seed * 1_000_003 + step
        of_dropout = mixed + self.job.rank * 1_000_000_007
        torch.default_generator.manual_seed(of_dropout)  # not torch.manual_seed: it writes a traceback for each backend
        if self.device.type == "cuda":
            torch.cuda.manual_seed(of_dropout)
        return torch.Generator().manual_seed(mixed)

    def _train_step(self, track: Tracker, saves: bool) -> None:
        """Do one optimizer step, and log its metrics if a line is due."""
        settings = self.settings
        generator = self._seed(self.step + 1)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, settings)
        if not self.model.training:
            self.model.train()
        loss = self._backward(generator)
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        self._norms.add(norm)
        logs = (self.step + 1) % settings.log_interval == 0
        # On a GPU each check waits for it, so check only before something is logged or saved; on a CPU always.
        if logs or saves or settings.keeps_snapshot(self.step + 1) or self.device.type == "cpu":
            mine, grad_norm = self._checked(lambda: self._norms.look(self.step + 1, loss, self.model))
        if settings.grad_clip:
            torch.nn.utils.clip_grads_with_norm_(self._parameters, settings.grad_clip, norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        track.step()
        if logs:
            (total,) = self.job.sum([mine])
            lr, mean = learning_rate(self.step - 1, settings), total / self.job.size
            self.job.shared(lambda: track.trained(self.step, mean, lr, grad_norm))

    def _backward(self, generator: torch.Generator) -> Tensor:
        """Compute the gradients of a step. Return this rank's loss; the mean over ranks is the job's loss."""
        settings = self.settings
        batches = [self.source.batch(settings.batch_size, generator) for _ in range(settings.accumulate)]
        mine = self.job.share(batches)
        total = torch.zeros((), device=self.device)
        for i, (x, y, weight) in enumerate(mine):
            with self.job.sync(self._forward, last=i == len(mine) - 1):
                with self.autocast:
                    logits, loss = self._forward(self._moved(x), self._moved(y))
                # without targets on this rank, the mean loss is NaN; a zero loss keeps the rank in the exchange
                loss = loss * (weight / settings.accumulate) if weight else logits.sum() * 0.0
                loss.backward()
            total += loss.detach()
        return total

    def _moved(self, ids: Tensor) -> Tensor:
        if self.device.type == "cuda":  # a copy from pinned memory does not block
            return ids.pin_memory().to(self.device, non_blocking=True)
        return ids

    def _look_around(self, track: Tracker, evaluates: bool) -> None:
        """Write a snapshot and an evaluation if they are due after this step. The save comes last, and covers both."""
        keeps = self.settings.keeps_snapshot(self.step)
        if not evaluates and not keeps:
            return
        found = self._checked(self._measured)
        if keeps:
            dtype = getattr(torch, self.settings.export_dtype)
            self.job.shared(lambda: snapshots.write(self.folder.path, self.model, self.step, found, dtype))
        if evaluates:
            self.job.shared(lambda: self._keep(track, found))
        track.rest()

    def _keep(self, track: Tracker, found: dict[str, float]) -> None:
        """Log an evaluation, then save."""
        best = found["val_loss"] < self.best_val_loss
        self.best_val_loss = min(self.best_val_loss, found["val_loss"])
        track.evaluated(self.step, found, self.best_val_loss)
        if best:
            self.folder.save(self.folder.best, self._state(with_optimizer=False))
        self._save_last()

    def _save_last(self) -> None:
        self.folder.save(self.folder.last, self._state(with_optimizer=True))

    def _measured(self) -> dict[str, float]:
        """Return train_loss and val_loss, in nats; for a task val_accuracy, too."""
        settings = self.settings
        found: dict[str, float] = {}
        for split in ("train", "val"):
            batches = self.source.sample(split, settings.eval_windows, settings.batch_size)
            measured = evaluate.measure(self.model, self.source, batches, self.autocast, self.job)
            found |= {f"{split}_{name}": value for name, value in measured.items()}
        found.pop("train_accuracy", None)
        finite.check_losses(self.step, found)
        return found

    def _checked(self, look: Callable[[], Any]) -> Any:
        """Return the result of `look`. All ranks find the same NaN, but only rank 0 reports it."""
        try:
            return look()
        except finite.NotFiniteError as error:
            raise self.job.told(error) from None

    def _state(self, with_optimizer: bool) -> dict[str, Any]:
        """Return the content of nanoGPT's `ckpt.pt`, with the tokenizer added."""
        finite.check_weights(self.step, self.model)
        state = {
            "model": self.model.state_dict(),
            "model_args": self.config.to_dict(),
            "iter_num": self.step,
            "best_val_loss": self.best_val_loss,
            "config": self.settings.told(),
            "tokenizer": self.source.tokenizer.to_json(),
        }
        return {**state, "optimizer": self.optimizer.state_dict()} if with_optimizer else state
