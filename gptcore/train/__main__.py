"""`python -m gptcore.train`: reads the command line, trains, and exports the best model with its card."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from gptcore.train.loop import Trainer
from gptcore.train.run_folder import RunFolder
from gptcore.train.settings import Settings, parse


class _Interrupt:
    """Ctrl-C asks for a stop after the step in progress; a second one ends at once."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print("\nstopping after this step; once more to stop at once, without saving", file=sys.stderr)

    def __call__(self) -> bool:
        return self.asked


def main(arguments: list[str]) -> int:
    """Runs the command; returns its exit status: 0 trained, 1 could not, 130 stopped and saved."""
    try:
        settings: Settings = parse(arguments, lambda out: RunFolder(out).read_settings())
        stop = _Interrupt()
        trainer = Trainer(settings)
        device = f"{trainer.device.type}, {str(trainer.precision).removeprefix('torch.')}"
        print(f"{sum(p.numel() for p in trainer.model.parameters()):,} parameters on {device}; run in {settings.out}")
        if not trainer.run(stop):
            print(f"saved at step {trainer.step}; go on with: python -m gptcore.train --out {settings.out} --resume")
            return 130
        if settings.export is not None:
            from gptcore.train.export import export  # with the checkpoint formats, which training itself does not need

            export(trainer)
            print(f"exported to {settings.export}")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
