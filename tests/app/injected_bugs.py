"""Bugs put into the app, one at a time, each of which its own test must find: `python -m tests.app.injected_bugs`.

Each changes one line of a copy of app/ and runs one test on the copy, in a process of its own. All these processes are
forks of one that has imported the libraries, and nothing of app/: so each takes a second or so, a browser's a few.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.app.bug_list import BUGS, Bug

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = min(4, os.cpu_count() or 1)
PATIENCE = 300
"""Seconds that a test may take."""
LIBRARIES = (
    *("tests.conftest", "pytest", "hypothesis", "xdist", "beartype", "gptcore", "gptcore.train.snapshots"),
    *("plotly.graph_objects", "plotly.subplots", "plotly.offline", "pyarrow", "pygraphviz", "graphviz", "psutil"),
    *("pandas", "PIL.Image", "numpy.random", "anyio.pytest_plugin", "typeguard._pytest_plugin", "_pytest.unittest"),
    *(
        "streamlit",
        "streamlit.material_icon_names",
        "streamlit.testing.v1",
        "streamlit.components.v2",
        "playwright.sync_api",
    ),
)
"""The modules that the tests import, but for app/ itself."""


@dataclass(frozen=True)
class Run:
    """One test, or several, on a copy of app/."""

    bug: Bug | None
    """None: the copy is as app/ is."""
    tests: tuple[str, ...]
    copy: Path

    def start(self) -> int:
        """Starts the process and returns its id."""
        process = os.fork()
        if process == 0:
            try:
                self._work()
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(0)
        return process

    def _work(self) -> None:
        import pytest

        signal.alarm(PATIENCE)
        output = os.open(self.copy / "output", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.path.insert(0, str(self.copy))
        assert "app" not in sys.modules
        outcomes: dict[str, str] = {}

        class Outcomes:
            def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
                name = report.nodeid.partition("[")[0]
                if report.failed:
                    outcomes[name] = "failed" if report.when == "call" else f"error in {report.when}"
                elif report.when == "call" or report.skipped:
                    outcomes.setdefault(name, report.outcome)

        options = ["-n", "0", "-q", "--assert=plain", "-p", "no:cacheprovider", f"--basetemp={self.copy / 'temporary'}"]
        pytest.main([*options, *([] if self.bug is None else ["-x"]), *self.tests], plugins=[Outcomes()])
        import app

        assert Path(app.__file__ or "").is_relative_to(self.copy)
        (self.copy / "outcomes").write_text(json.dumps(outcomes))

    @property
    def problem(self) -> str:
        """Return why the run is not as it should be; empty where it is."""
        try:
            outcomes = json.loads((self.copy / "outcomes").read_text())
        except OSError:
            return "the process ended without a word"
        wanted = "passed" if self.bug is None else "failed"
        wrong = {test: outcomes.get(test, "not run") for test in self.tests if outcomes.get(test) != wanted}
        return "; ".join(f"{test}: {outcome}, not {wanted}" for test, outcome in wrong.items())

    @property
    def output(self) -> str:
        """The output of pytest."""
        return (self.copy / "output").read_text(errors="replace")


@contextmanager
def prepared(bug: Bug | None, tests: Sequence[str]) -> Iterator[Run]:
    """A run on a copy of app/ that is there for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="gptscope-bug-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "app", copy / "app", ignore=shutil.ignore_patterns("__pycache__"))
        if bug is not None:
            file = copy / "app" / bug.file
            file.write_text(changed(file.read_text(encoding="utf-8"), bug), encoding="utf-8")
        yield Run(bug, tuple(tests), copy)


def changed(text: str, bug: Bug) -> str:
    """The text of a file with the bug in it.

    Raises:
        ValueError: what is to be changed does not stand there exactly once.
    """
    if (count := text.count(bug.old)) != 1:
        raise ValueError(f"{bug.file} has {bug.old!r} {count} times; wanted once: adapt tests/app/bug_list.py")
    return text.replace(bug.old, bug.new)


def check(bugs: Sequence[Bug], *, unchanged: bool) -> bool:
    """Runs all, tells of each, and returns whether each bug was found.

    Args:
        bugs: each is put into a copy of its own.
        unchanged: whether the tests are run without a bug as well: they must pass.
    """
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):  # what is not installed, no test needs
            importlib.import_module(name)
    waiting: list[tuple[Bug | None, Sequence[str]]] = [(bug, (bug.test,)) for bug in bugs]
    if unchanged:
        tests = sorted({bug.test for bug in bugs})
        files = itertools.groupby(tests, key=lambda test: test.partition("::")[0])
        waiting = [*((None, tuple(group)) for _, group in files), *waiting]
    going: dict[int, Run] = {}
    well = True
    with contextlib.ExitStack() as copies:
        while waiting or going:
            while waiting and len(going) < AT_ONCE:
                run = copies.enter_context(prepared(*waiting.pop(0)))
                going[run.start()] = run
            process, _, used = os.wait3(0)
            well = _told(going.pop(process), used.ru_utime + used.ru_stime) and well
    return well


def _told(run: Run, seconds: float) -> bool:
    """Prints how a run went and how long it computed, and returns whether it went as it should."""
    bug = run.bug
    what = f"{len(run.tests)} tests, unchanged" if bug is None else f"{bug.file}: {bug.what}"
    good, bad = ("passed", "FAILED") if bug is None else ("found", "MISSED")
    print(f"{bad if run.problem else good}  {seconds:5.1f} s  {what}", flush=True)
    if run.problem:
        print(f"    {run.problem}", flush=True)
        if bug is None or "the process ended" in run.problem:
            print(run.output[-5000:])
    return not run.problem


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.app.injected_bugs", description=__doc__)
    parser.add_argument("words", nargs="*", help="only bugs whose file or description has one of these words")
    parser.add_argument("--python", action="store_true", help="only those of the server's side")
    parser.add_argument("--first", action="store_true", help="only the first of each file")
    parser.add_argument("--bugs-only", action="store_true", help="do not run the tests without a bug as well")
    options = parser.parse_args()
    chosen = [
        bug
        for bug in BUGS
        if (bug.in_python or not options.python)
        and (not options.words or any(word in f"{bug.file} {bug.what}" for word in options.words))
    ]
    if options.first:
        chosen = list({bug.file: bug for bug in reversed(chosen)}.values())[::-1]
    began = time.monotonic()
    well = check(chosen, unchanged=not options.bugs_only)
    print(f"{len(chosen)} bugs in {time.monotonic() - began:.0f} s: {'all found' if well else 'see above'}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
