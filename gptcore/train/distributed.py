"""Several processes that train one model, started by torchrun: the rank of this one, its exchange with the others.

PyTorch's DistributedDataParallel does the work. This file knows processes and their batches; it knows no settings and
no files. A single process is a job of one, for which every function here is free.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from gptcore.data.task import NOT_ASKED

T = TypeVar("T")
Batch = tuple[Tensor, Tensor]


class LostError(RuntimeError):
    """Another process of the job has ended, so this one cannot continue."""


class ElsewhereError(Exception):
    """An error that another rank reports; this process ends silently."""

    def __init__(self, status: int = 1) -> None:
        super().__init__(f"rank 0 ends with status {status}")
        self.status = status


@dataclass(frozen=True)
class Job:
    """This process among all processes of the training; a single process is rank 0 of 1."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    launched: bool = False
    """True if torchrun started this process. It takes each exit status but 0 for a fault and may restart the job."""
    restarts: int = 0
    """Number of times that torchrun has restarted the job because a worker was lost."""
    control: Any = None
    """Process group for messages, on the CPU even if the gradients are on GPUs."""

    @property
    def leads(self) -> bool:
        """True for rank 0, the only process that writes files, shows progress and prints."""
        return self.rank == 0

    def shared(self, make: Callable[[], T]) -> T:
        """Return rank 0's `make()` on every rank. Its error is raised on rank 0; the others raise ElsewhereError."""
        if self.size == 1:
            return make()
        made: list[Any] = [None, None]
        try:
            if self.leads:
                made[1] = make()
        except (Exception, SystemExit) as error:
            made[0] = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
            raise
        finally:
            dist.broadcast_object_list(made, src=0, group=self.control)
        if made[0] is not None:
            raise ElsewhereError(made[0])
        return made[1]

    def together(self, make: Callable[[], T]) -> T:
        """Return this rank's `make()` if all ranks succeed; else only the lowest failing rank raises its own error."""
        if self.size == 1:
            return make()
        made, error = None, None
        try:
            made = make()
        except (ValueError, OSError) as raised:
            error = raised
        failed: list[bool] = [False] * self.size
        dist.all_gather_object(failed, error is not None, group=self.control)
        if any(failed):
            raise error if error is not None and failed.index(True) == self.rank else ElsewhereError()
        return made  # type: ignore[return-value]  # no rank failed

    def told(self, error: Exception) -> Exception:
        """Return the exception to raise for an error that every rank has found: only rank 0 reports it."""
        return error if self.leads else ElsewhereError()

    def any(self, flag: bool) -> bool:
        """Return True if the flag is set on any rank."""
        return bool(self.sum([float(flag)])[0])

    def sum(self, numbers: list[float]) -> list[float]:
        """Return each number's sum over the ranks."""
        if self.size == 1:
            return numbers
        told = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(told, group=self.control)
        return told.tolist()

    def check(self, accumulate: int, batch_size: int) -> None:
        """Raise unless a step can be divided among the processes.

        Raises:
            ValueError: the number of processes divides neither the batches nor their rows.
        """
        if accumulate % self.size and batch_size % self.size:
            raise ValueError(
                f"batch_size: a step of {accumulate} x {batch_size} sequences (accumulate x batch_size) does not "
                f"divide into {self.size} processes; make one of the two a multiple of {self.size}"
            )

    def share(self, batches: list[Batch]) -> list[tuple[Tensor, Tensor, float]]:
        """Return this rank's part of a step's batches, each with its weight in the sum of the step's losses.

        Each rank gets whole batches if their number is a multiple of the processes', as in nanoGPT; else rows of each.
        With these weights, the sum over ranks divided by the number of processes is the loss that one process would
        compute, even if rows have different numbers of targets.
        """
        if self.size == 1:
            return [(x, y, 1.0) for x, y in batches]
        if len(batches) % self.size == 0:
            return [(x, y, float(self.size)) for x, y in batches[self.rank :: self.size]]
        return [self._rows(x, y) for x, y in batches]

    def _rows(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
        count = len(x) // self.size
        mine = slice(self.rank * count, (self.rank + 1) * count)
        return x[mine], y[mine], self.size * int((y[mine] != NOT_ASKED).sum()) / int((y != NOT_ASKED).sum())

    def parallel(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return the model with gradients averaged over all ranks; every rank begins with rank 0's weights."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)

    def sync(self, model: nn.Module, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Return the context of a backward pass: only the last one of a step exchanges gradients."""
        if isinstance(model, DistributedDataParallel) and not last:
            return model.no_sync()
        return contextlib.nullcontext()


@contextlib.contextmanager
def job() -> Iterator[Job]:
    """Provide the job for which torchrun started this process; without torchrun, a job of one.

    Raises:
        LostError: the other processes are not found, or do not answer any more during the block.
    """
    if "TORCHELASTIC_RESTART_COUNT" not in os.environ:
        yield Job()
        return
    size, restarts = int(os.environ["WORLD_SIZE"]), int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    if size == 1:
        yield Job(launched=True, restarts=restarts)
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"  # a tensor's device selects one of both
    try:
        store, rank, _ = next(rendezvous("env://"))
        # torchrun keeps one store for all its attempts; it still holds the addresses of ended processes
        store = PrefixStore(f"attempt-{restarts}", store)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
        local_rank = int(os.environ["LOCAL_RANK"])
        yield Job(rank, size, local_rank, True, restarts, dist.new_group(backend="gloo"))
        dist.destroy_process_group()  # not after an error: it might wait for an ended process
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error).lower():
            raise LostError(str(error)) from error
        raise
