"""The composition of .deploy/compose.yaml itself, on ports and with settings of a test; nothing here asserts anything.

It needs Docker, root's rights, and both images: `docker compose -f .deploy/compose.yaml build`, and nginx's.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.front import DEPLOY, SETTINGS, Front, free_ports, write_certificate, write_passwords

PROJECT = "gptscope-test"
PORTS = (8501, 8502, 8503, 8504)
APPS = {port: f"app{number}" for number, port in enumerate(PORTS, 1)}
NGINX = re.findall(r"image: (nginx\S+)", (DEPLOY / "compose.yaml").read_text())[0]
OVERRIDE = """
x-settings: &settings
  env_file: !override ["{folder}/env"]
services:
  app1: *settings
  app2: *settings
  app3: *settings
  app4: *settings
  nginx:
    <<: *settings
    environment: {{GPTSCOPE_HTTP_PORT: "{http}", GPTSCOPE_HTTPS_PORT: "{https}"}}
    ports: !override ["127.0.0.1:{http}:{http}", "127.0.0.1:{https}:{https}"]
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:{http}/nginx-health"]
    volumes:
      - {folder}:/etc/gptscope:ro
      - {folder}/letsencrypt:/etc/letsencrypt:ro
      - {folder}/nginx.conf:/etc/nginx/nginx.conf:ro
"""
"""The settings of a test in the place of a server's own; the log tells which process answered, as that of `front`."""
TOLD = (
    "log_format told '$cookie_gptscope_process $upstream_addr $status $request_method $uri';\n"
    "    access_log /var/log/nginx/access.log told;"
)


def missing() -> str:
    """Return the reason for which tests are skipped; "" where nothing is missing."""
    if shutil.which("docker") is None:
        return "needs Docker"
    if _run("docker", "compose", "version", "--short").returncode or _run("docker", "info").returncode:
        return "needs a running Docker, and docker compose from 2.24 on"
    for image in ("gptscope", NGINX):
        if _run("docker", "image", "inspect", image).returncode:
            return f"needs the image {image}: docker compose -f .deploy/compose.yaml up --build -d, and then down"
    if not _run("docker", "network", "inspect", "gptscope_inside").returncode:
        return "the composition runs already, and has its addresses: docker compose -f .deploy/compose.yaml down"
    return ""


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@dataclass
class Composed(Front):
    """The composition, as a test needs to know it."""

    def compose(self, *arguments: str) -> str:
        """Call docker compose; return what it printed."""
        files = [str(DEPLOY / "compose.yaml"), str(self.folder / "override.yaml")]
        command = ["docker", "compose", "-p", PROJECT, *(f"--file={file}" for file in files), *arguments]
        done = _run(*command)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def inside(self, service: str, *command: str, stdin: str = "") -> str:
        """Run a command in a container; return all that it printed."""
        whole = ["docker", "exec", "-i", f"{PROJECT}-{service}-1", *command]
        return subprocess.run(
            whole, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        ).stdout

    def state(self, service: str) -> dict[str, Any]:
        """Return what Docker knows of a container."""
        found: dict[str, Any] = json.loads(_run("docker", "inspect", f"{PROJECT}-{service}-1").stdout)[0]
        return found

    def process(self, service: str) -> int:
        """Return the main process of a container, by its number on this machine."""
        return int(self.state(service)["State"]["Pid"])

    def healthy(self, seconds: float = 120) -> None:
        """Wait until all are well."""
        deadline = time.monotonic() + seconds
        services = [*APPS.values(), "nginx"]
        while time.monotonic() < deadline:
            states = {service: self.state(service)["State"] for service in services}
            if all(state.get("Health", {}).get("Status") == "healthy" for state in states.values()):
                return
            time.sleep(0.5)
        raise RuntimeError(f"not healthy in {seconds} s: {self.compose('ps')}{self.compose('logs', '--tail=20')}")

    def kill(self, port: int) -> None:
        """Kill a process of the app, as the kernel does when the memory is at an end."""
        os.kill(self.process(APPS[port]), signal.SIGKILL)

    def requests(self) -> list[tuple[str, str, str, str, str]]:
        """Every request that has ended, from nginx's log."""
        lines = self.compose("logs", "--no-log-prefix", "--no-color", "nginx").splitlines()
        told = [line for line in lines if re.match(r"\S+ \S+.* \d{3} [A-Z]+ /", line)]
        (self.folder / "access.log").write_text("\n".join(told))
        return super().requests()


@contextmanager
def composed(folder: Path, **settings: str) -> Iterator[Composed]:
    """Bring the composition up, and down again with its volumes; its addresses are fixed, so one at a time."""
    with (Path(tempfile.gettempdir()) / "gptscope-composed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield from _composed(folder, settings)


def _composed(folder: Path, settings: Mapping[str, str]) -> Iterator[Composed]:
    http, https = free_ports(2)
    write_certificate(folder)
    write_passwords(folder)
    folder.chmod(0o755)  # nginx reads the passwords as a user of its own
    (folder / "letsencrypt").mkdir()
    known = {**_example(), **SETTINGS, **settings}
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in known.items()))
    conf = _run("docker", "run", "--rm", "--network=none", NGINX, "cat", "/etc/nginx/nginx.conf").stdout
    (folder / "nginx.conf").write_text(re.sub(r"access_log [^;]*;", TOLD, conf, count=1))
    (folder / "override.yaml").write_text(OVERRIDE.format(folder=folder, http=http, https=https))
    made = Composed(folder, http, https, list(PORTS), known)
    try:
        made.compose("up", "-d", "--no-build", "--pull=never")
        made.healthy()
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout=2")


def _example() -> dict[str, str]:
    lines = (DEPLOY / "env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
