"""The command `gptscope [MODEL] [Streamlit's options]`: it starts the app with the settings that belong to it."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.log import lossy

HERE = Path(__file__).resolve().parent
SETTINGS = Path(".streamlit") / "config.toml"


def main() -> None:
    """Run the app; what is given on the command line comes last, so that it wins."""
    try:
        from streamlit.web import cli
    except ImportError:
        sys.exit("the app needs the packages of the extra `app`: pip install 'gptscope[app]'")
    ask_nobody()
    sys.stdout, sys.stderr = lossy(sys.stdout), lossy(sys.stderr)
    given = sys.argv[1:]
    cli.main(["run", str(HERE / "asgi.py"), *without(options(), given), *given], prog_name="gptscope")


def ask_nobody() -> None:
    """Have Streamlit ask no other computer for this one's address, to tell it at the start and to compare origins.

    A page from elsewhere that tries to connect had it asked each time, and all others waited for the answer.
    """
    from streamlit import net_util

    net_util._external_ip = "127.0.0.1"


def options() -> list[str]:
    """Return the settings as options of `streamlit run`: an installed app lies in no folder that Streamlit looks into.

    >>> "--browser.gatherUsageStats=false" in options()
    True
    """
    places = (HERE / SETTINGS, HERE.parent / SETTINGS)  # installed, and in a clone
    file = next((place for place in places if place.is_file()), None)
    return [] if file is None else list(_flags(tomllib.loads(file.read_text(encoding="utf-8"))))


def without(usual: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return the usual options but for those that are given: one that may come several times would have both.

    >>> without(["--server.allowedHosts=localhost", "--a=1"], ["nano-sort", "--server.allowedHosts", "class.edu"])
    ['--a=1']
    """
    names = {each.partition("=")[0] for each in given if each.startswith("--")}
    return [each for each in usual if each.partition("=")[0] not in names]


def _flags(section: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flags(value, f"{prefix}{name}.")
            continue
        # An option that may come several times has no other way to say that there is none.
        for each in (value or [""]) if isinstance(value, list) else [value]:
            yield f"--{prefix}{name}={str(each).lower() if isinstance(each, bool) else each}"


if __name__ == "__main__":
    main()
