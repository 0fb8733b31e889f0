"""`python -m tests.deploy.siege`: a line for each attack, and the longest waits."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.benchmarks.denials import WAIT
from tests.benchmarks.timing import absolute, report
from tests.browser.driver import browser
from tests.deploy import composed, front, siege
from tests.deploy.siege.besieging import run


def main() -> int:
    """Print a line for each attack and bound; the exit status is 1 if one went through or a bound was missed."""
    parser = argparse.ArgumentParser(description=siege.__doc__)
    parser.add_argument(
        "--composed", action="store_true", help="the composition under Docker, not processes beside nginx"
    )
    parser.add_argument("--only", default="", help="words of the attacks to run")
    options = parser.parse_args()
    lacking = front.missing() or (composed.missing() if options.composed else "")
    if lacking:
        parser.error(lacking)
    with tempfile.TemporaryDirectory() as folder, browser() as chrome, absolute():
        started = composed.composed(Path(folder)) if options.composed else front.front(Path(folder))
        print("| attack | what became of it | took | longest waits of the others, s |\n|---|---|---|---|")
        with started as server:
            found = run(server, chrome, options.only)
    print("\n| what | measured | bound | | detail |\n|---|---|---|---|---|")
    good = report("attacks that went through", len(found.wrong), 0, f"of {len(found.done)}")
    for who, times in found.keys.items():
        good &= report(f"{who}: longest wait, s", found.longest(who), WAIT, f"{len(times)} keys")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
