"""`python -m gptcore.train`: read the command line, train, and export the best model with its card.

`torchrun --nproc-per-node 2 -m gptcore.train ...` does the same in several processes, on one machine or on many.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType

import torch

from gptcore.train.distributed import ElsewhereError, Job, LostError, job
from gptcore.train.finite import NotFiniteError
from gptcore.train.loop import Trainer
from gptcore.train.settings import Settings, parse
from gptcore.train.training_folder import TrainingFolder

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Interrupt:
    """A handler of Ctrl-C: the first one asks for a stop after the current step, the second one ends at once."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if os.environ.get("RANK", "0") == "0":
            print("\nstopping after this step; press again to stop at once, without saving", file=sys.stderr)

    def __call__(self) -> bool:
        return self.asked


class _Command:
    """One run of the command, in one process of the job. `settings` is None until they are read."""

    def __init__(self) -> None:
        self.job = Job()
        self.settings: Settings | None = None

    def run(self, arguments: list[str]) -> int:
        with job() as self.job:
            restarted = self.job.restarts > 0
            settings = self.job.shared(
                lambda: parse(arguments, lambda out: TrainingFolder(out).read_settings(), restarted)
            )
            self.settings = settings
            stop = _Interrupt()
            trainer = Trainer(settings, self.job)
            self._say(_opening(trainer))
            if not trainer.run(stop):
                self._say(f"saved at step {trainer.step}; continue with: {self.again}")
                return 0 if self.job.launched else 130
            if settings.export is not None and self.job.leads:
                from gptcore.train.export import export  # imported here: only the export needs all formats

                export(trainer)
                self._say(f"exported to {settings.export}")
        return 0

    @property
    def again(self) -> str:
        """The command that resumes the training."""
        out = self.settings.out if self.settings else "..."
        return f"python -m gptcore.train --out {out} --resume"

    def fail(self, sentence: str) -> int:
        """Print the reason of the end, in one sentence. Return the exit status."""
        who = f"rank {self.job.rank}: " if self.job.rank else ""
        print(f"{who}error: {sentence}", file=sys.stderr, flush=True)
        return 1

    def _say(self, sentence: str) -> None:
        if self.job.leads:
            print(sentence, flush=True)


def main(arguments: list[str]) -> int:
    """Run the command. Return the exit status: 0 done, 1 failed, 130 stopped (0 under torchrun)."""
    command = _Command()
    try:
        return command.run(arguments)
    except ElsewhereError as error:
        return error.status
    except LostError as error:
        if command.settings is None:
            return command.fail(f"the processes of this job do not find each other ({str(error).splitlines()[0]})")
        return command.fail(
            f"another process of this job was lost; last.pt holds the last save, continue with: {command.again}"
        )
    except NotFiniteError as error:
        return command.fail(
            f"{error}; this step was not saved. Continue from the last save with a smaller learning rate: "
            f"{command.again} --learning-rate ..."
        )
    except torch.OutOfMemoryError as error:
        return command.fail(
            f"the GPU's memory is too small ({str(error).splitlines()[0]}); use a smaller --batch-size, and "
            "a larger --accumulate"
        )
    except ValueError as error:
        return command.fail(str(error))
    except OSError as error:
        if error.errno not in NO_ROOM:
            return command.fail(str(error))
        return command.fail(
            f"the disk is full ({error}); the last save is complete. Make room, then continue with: {command.again}"
        )
    except KeyboardInterrupt:
        return 130


def _opening(trainer: Trainer) -> str:
    """Return a line about the training that is about to start."""
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    device = f"{trainer.device.type}, {str(trainer.precision).removeprefix('torch.')}"
    processes = f" in {trainer.job.size} processes" if trainer.job.size > 1 else ""
    begun = f"from step {trainer.step:,} on" if trainer.resumed else "from the beginning"
    if trainer.settings.init_from and not trainer.resumed:
        begun = f"from {trainer.settings.init_from}"
    return f"{parameters:,} parameters on {device}{processes}, {begun}; folder {trainer.settings.out}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
