"""The settings of a server that decide how much one person may ask of it, read from its environment.

All of them stand in `SETTINGS`, with what they mean, what they are by default, and what values they take. No Streamlit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass


class SettingError(ValueError):
    """A setting that is no number within its bounds: what was wanted, what was got, what to do."""


@dataclass(frozen=True)
class Setting:
    """A number in the environment."""

    name: str
    unit: str
    low: float
    high: float
    meaning: str
    shared: str
    """The default of a server that is shared."""
    alone: str
    """The default of a server on one's own machine."""

    def read(self, environment: Mapping[str, str] | None = None) -> float | None:
        """Return the number; None where the environment has none.

        Raises:
            SettingError: it is no number, or out of bounds.

        >>> KEY_SECONDS.read({"GPTSCOPE_KEY_SECONDS": "0.5"}), KEY_SECONDS.read({})
        (0.5, None)
        """
        told = (os.environ if environment is None else environment).get(self.name, "").strip()
        if not told:
            return None
        try:
            number = float(told)
        except ValueError:
            number = math.nan
        if not self.low <= number <= self.high:
            raise SettingError(
                f"{self.name} is a number of {self.unit} from {self.low:g} to {self.high:,.0f}, got {told[:40]!r}; "
                "correct it in the environment of the server, or leave it out"
            )
        return number


KEY_SECONDS = Setting(
    "GPTSCOPE_KEY_SECONDS", "seconds", 0.05, 86_400, "the time that one key or click may compute", "3", "no limit"
)
KEY_MEMORY = Setting(
    "GPTSCOPE_KEY_MEMORY",
    "megabytes",
    16,
    1e9,
    "the memory that the run of one person may take",
    "300, or an eighth of the machine's",
    "four fifths of what is free",
)
PROMPT_BYTES = Setting("GPTSCOPE_PROMPT_BYTES", "bytes", 100, 1e7, "the size of a prompt, in UTF-8", "20000", "20000")
PAGES = Setting(
    "GPTSCOPE_PAGES", "pages", 1, 1e5, "the pages that may be open at once from one address", "200", "no limit"
)
SETTINGS = (KEY_SECONDS, KEY_MEMORY, PROMPT_BYTES, PAGES)
