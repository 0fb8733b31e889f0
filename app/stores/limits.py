"""The limits of what one person may ask of a server: time and memory of a key, size of a prompt. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.stores.settings import KEY_MEMORY, KEY_SECONDS, PROMPT_BYTES
from app.stores.speed import Cost, Speed

SHARED_SECONDS = 3.0
"""Seconds of a key on a shared server: on two cores, a whole context of GPT-2 small with the patterns of all heads."""
SHARED_MEMORY, SHARE = 300e6, 1 / 8
"""Bytes that one person's run may take on a shared server, and the share of the machine's memory where that is less:
a whole context of GPT-2 small, of which a large run keeps what the rest is computed from."""
FREE = 0.8
"""The share of the free memory that a run may take anywhere."""
PROMPT = 20_000
SMALL = 64e6
"""Bytes that are taken without a look at what is free."""
CONTEXTS, FEW = 4, 1024
"""Contexts that a prompt may fill, and tokens that it may have in any case."""
_GROUP = Path("/sys/fs/cgroup")


class TooMuch(ValueError):
    """More than one may ask of this server: what was wanted, what it costs, the limit, what to do."""


def free_memory() -> float:
    """Return the bytes that this process can still take: of the machine, or of its container where that has less."""
    free = float(psutil.virtual_memory().available)
    try:
        most = (_GROUP / "memory.max").read_text(encoding="ascii").strip()
        if most != "max":
            used = int((_GROUP / "memory.current").read_text(encoding="ascii"))
            lines = (_GROUP / "memory.stat").read_text(encoding="ascii").splitlines()
            cached = sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
            free = min(free, int(most) - used + cached)
    except (OSError, ValueError):
        pass  # no such container
    return max(free, 0.0)


def all_memory() -> float:
    """Return the bytes of memory of the machine, or of its container."""
    found = float(psutil.virtual_memory().total)
    try:
        most = (_GROUP / "memory.max").read_text(encoding="ascii").strip()
        return found if most == "max" else min(found, int(most))
    except (OSError, ValueError):
        return found


@dataclass(frozen=True)
class Limits:
    """The limits of a server. Without arguments: those of one's own machine, where memory alone ends."""

    seconds: float = math.inf
    memory: float = math.inf
    prompt: int = PROMPT
    speed: Callable[[], Speed | None] = lambda: None
    """Returns the speed of the machine, as far as it is known."""
    free: Callable[[], float] = free_memory

    @classmethod
    def of(cls, shared: bool, speed: Callable[[], Speed | None]) -> Limits:
        """Return the limits that the environment asks for, or the usual ones.

        Args:
            shared: True for a server that many use.
            speed: returns the speed of the machine.

        Raises:
            SettingError: a setting that is wrong.
        """
        seconds, megabytes, prompt = KEY_SECONDS.read(), KEY_MEMORY.read(), PROMPT_BYTES.read()
        memory = megabytes * 1e6 if megabytes else min(SHARED_MEMORY, all_memory() * SHARE) if shared else math.inf
        time = seconds or (SHARED_SECONDS if shared else math.inf)
        return cls(time, memory, int(prompt) if prompt else PROMPT, speed)

    def check(self, cost: Cost, what: str, beside: float = 0.0) -> None:
        """Refuse what costs too much.

        Args:
            cost: what it costs.
            what: the beginning of the sentence that says why not.
            beside: bytes that others were promised, and may not have taken yet.

        Raises:
            TooMuch: it takes too long, or too much memory.

        >>> limits = Limits(seconds=2.0, speed=lambda: Speed(1e9, 1e6))
        >>> limits.check(Cost(flops=5e9), "The logits of 9 tokens")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        app.stores.limits.TooMuch: The logits of 9 tokens would compute for about 5.0 s, ...
        """
        if self.seconds < math.inf and (speed := self.speed()) is not None:
            seconds = speed.seconds(cost)
            if seconds > self.seconds:
                raise TooMuch(
                    f"{what} would compute for about {_rounded(seconds)} s, and this server gives one key "
                    f"{self.seconds:g} s; take a shorter prompt or a smaller model, or set {KEY_SECONDS.name} on a "
                    "machine of your own"
                )
        if cost.memory > self.memory:
            raise TooMuch(
                f"{what} would take about {_size(cost.memory)} of memory, and this server gives one person "
                f"{_size(self.memory)}; take a shorter prompt or a smaller model, or set {KEY_MEMORY.name} on a "
                "machine of your own"
            )
        if cost.memory > SMALL and cost.memory > FREE * (free := max(0.0, self.free() - beside)):
            raise TooMuch(
                f"{what} would take about {_size(cost.memory)} of memory, and {_size(free)} are free here; take a "
                "shorter prompt or a smaller model, or close other programs"
            )

    def check_text(self, text: str) -> None:
        """Refuse a text that is too long to be read at all.

        Raises:
            TooMuch: it has more bytes than a prompt may have.
        """
        size = len(text) if len(text) > self.prompt else len(text.encode("utf-8", "surrogatepass"))
        if size > self.prompt:
            raise TooMuch(
                f"this prompt has {size:,} bytes or more, and this server reads {self.prompt:,}; shorten it, or set "
                f"{PROMPT_BYTES.name} on a machine of your own"
            )

    def check_tokens(self, tokens: int, block_size: int) -> None:
        """Refuse a prompt of many contexts, of which the model would see the last one alone.

        Raises:
            TooMuch: it has more tokens than a prompt may have.
        """
        most = max(CONTEXTS * block_size, FEW)
        if tokens > most:
            raise TooMuch(
                f"this prompt has {tokens:,} tokens; the model sees the last {block_size:,}, and a prompt may have "
                f"{most:,}: shorten it at its beginning"
            )


ALONE = Limits()
"""The limits of one's own machine."""


def _rounded(number: float) -> str:
    """Write a number with two digits.

    >>> _rounded(3.14159), _rounded(52.3), _rounded(1234.5)
    ('3.1', '52', '1,200')
    """
    digits = max(0, 1 - math.floor(math.log10(number))) if number > 0 else 0
    return f"{float(f'{number:.2g}'):,.{digits}f}"


def _size(memory: float) -> str:
    """Write a number of bytes.

    >>> _size(5.46e9), _size(300e6)
    ('5.5 GB', '300 MB')
    """
    return f"{_rounded(memory / 1e9)} GB" if memory >= 1e9 else f"{_rounded(memory / 1e6)} MB"
