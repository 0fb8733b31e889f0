"""The package as `pip install .` makes it: the library, the models and the app, and the command that starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from app.command import options
from tests.browser.driver import ROOT, wait_for


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel and unpack it, as pip does."""
    pytest.importorskip("hatchling", reason="needs the package hatchling, which builds wheels")
    built = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    place = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def test_everything_is_in_it(installed: Path) -> None:
    script = (
        "import app.main, gptcore; print(app.__file__ or app.__path__, gptcore.__file__, gptcore.load('nano-sort'))"
    )
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(command, cwd=installed.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(installed / "gptcore") in done.stdout
    assert str(installed / "app") in done.stdout
    for package in ("app", "gptcore"):  # scripts and styles among it
        files = [path for path in (ROOT / package).rglob("*") if path.is_file() and path.suffix != ".pyc"]
        there = {path.relative_to(installed) for path in (installed / package).rglob("*") if path.is_file()}
        assert {path.relative_to(ROOT) for path in files} <= there


def test_the_command_starts_the_app_with_its_settings(installed: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.command", "nano-sort", f"--server.port={port}", "--server.headless=true"]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            said, _ = process.communicate(timeout=30)
    assert f":{port}" in said


def test_the_settings_are_those_of_the_clone() -> None:
    flags = options()
    assert {"--runner.postScriptGC=false", "--server.fileWatcherType=none", "--client.toolbarMode=viewer"} <= {*flags}
    assert [flag for flag in flags if "allowedHosts" in flag] == [
        "--server.allowedHosts=localhost",
        "--server.allowedHosts=127.0.0.1",
    ]
    assert "--theme.dark.primaryColor=#7cb0ff" in flags
