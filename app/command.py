"""The command `gptscope [MODEL] [Streamlit's options]`: it starts the app with the settings that belong to it."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SETTINGS = Path(".streamlit") / "config.toml"


def main() -> None:
    """Run the app; what is given on the command line comes last, so that it wins."""
    try:
        from streamlit.web import cli
    except ImportError:
        sys.exit("the app needs the packages of the extra `app`: pip install 'gptscope[app]'")
    cli.main(["run", str(HERE / "main.py"), *options(), *sys.argv[1:]], prog_name="gptscope")


def options() -> list[str]:
    """Return the settings as options of `streamlit run`: an installed app lies in no folder that Streamlit looks into.

    >>> "--browser.gatherUsageStats=false" in options()
    True
    """
    places = (HERE / SETTINGS, HERE.parent / SETTINGS)  # installed, and in a clone
    file = next((place for place in places if place.is_file()), None)
    return [] if file is None else list(_flags(tomllib.loads(file.read_text(encoding="utf-8"))))


def _flags(section: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flags(value, f"{prefix}{name}.")
            continue
        for each in value if isinstance(value, list) else [value]:
            yield f"--{prefix}{name}={str(each).lower() if isinstance(each, bool) else each}"


if __name__ == "__main__":
    main()
