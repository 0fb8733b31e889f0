"""nginx with the very configuration of .deploy/, and processes of the app behind it; nothing here asserts anything."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path

from tests.browser.driver import ROOT, wait_for

DEPLOY = ROOT / ".deploy"
HOST = "class.localhost"
"""Chromium takes every name that ends so for this machine."""
USER, PASSWORD = "class", "fox and wolf"
SETTINGS = {"GPTSCOPE_HOST": HOST, "GPTSCOPE_PREFIX": "/gptscope", "GPTSCOPE_SECRET": "of this test"}
TRUSTING = ssl._create_unverified_context()
AROUND = """
daemon off;
{user}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    include {types};
    log_format told '$cookie_gptscope_process $upstream_addr $status $request_method $uri';
    access_log {folder}/access.log told;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/gptscope.conf;
}}
"""
"""The part that the system's own nginx.conf is otherwise."""


def nginx() -> str | None:
    """Debian's nginx, which is not on everybody's path."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def missing() -> str:
    """Return the reason for which tests are skipped; "" where nothing is missing."""
    if nginx() is None:
        return "needs nginx: apt-get install nginx-light"
    if shutil.which("openssl") is None:
        return "needs openssl: apt-get install openssl"
    return ""


@dataclass
class Front:
    """A server of nginx and processes of the app, as a test needs to know it."""

    folder: Path
    http: int
    https: int
    ports: list[int]
    environment: dict[str, str]
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """The path at which the app begins, without a slash at its end."""
        return self.environment["GPTSCOPE_PREFIX"]

    @property
    def address(self) -> str:
        """The address that people type."""
        return f"https://{HOST}:{self.https}{self.prefix}/"

    def start(self, port: int) -> None:
        """Start a process of the app."""
        with (self.folder / f"{port}.log").open("ab") as log:
            command = [str(DEPLOY / "start.sh"), str(port)]
            self.processes[port] = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def wait(self, port: int) -> None:
        """Wait until it answers."""
        wait_for(f"http://127.0.0.1:{port}{self.prefix}", self.processes[port])

    def stop(self, port: int) -> None:
        """End a process of the app, if there is one."""
        process = self.processes.pop(port, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def ask(
        self,
        path: str,
        password: str | None = PASSWORD,
        method: str = "GET",
        tls: bool = True,
        headers: dict[str, str] | None = None,
    ) -> HTTPResponse:
        """Send one request, without a browser and without a body; its path begins after the prefix, or with a slash."""
        sent = {"Host": HOST, **(headers or {})}
        secure = HTTPSConnection("127.0.0.1", self.https, context=TRUSTING)
        to = secure if tls else HTTPConnection("127.0.0.1", self.http)
        if password is not None:
            sent["Authorization"] = f"Basic {base64.b64encode(f'{USER}:{password}'.encode()).decode()}"
        full = path if path.startswith("/") else f"{self.prefix}/{path}"
        to.request(method, full, headers=sent)
        answer = to.getresponse()
        answer.read()
        to.close()
        return answer

    def requests(self) -> list[tuple[str, str, str, str, str]]:
        """Every request that has ended: the process of its cookie, that which answered, status, method, path."""
        lines = (self.folder / "access.log").read_text().splitlines()
        found = []
        for line in lines:
            cookie, rest = line.split(" ", 1)
            answered, status, method, path = rest.rsplit(" ", 3)
            found.append((cookie, answered.rpartition(":")[2], status, method, path))
        return found


@contextmanager
def front(folder: Path, processes: int = 2, **settings: str) -> Iterator[Front]:
    """Start so many processes and nginx before them, on free ports of this machine."""
    http, https, *ports = free_ports(2 + processes)
    write_certificate(folder)
    write_passwords(folder)
    (folder / "acme").mkdir()
    environment = {
        **os.environ,
        **SETTINGS,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        "GPTSCOPE_PROCESSES": " ".join(f"127.0.0.1:{port}" for port in ports),
        "GPTSCOPE_HTTP_PORT": str(http),
        "GPTSCOPE_HTTPS_PORT": str(https),
        "GPTSCOPE_CERTIFICATE": str(folder / "certificate.pem"),
        "GPTSCOPE_KEY": str(folder / "key.pem"),
        "GPTSCOPE_PASSWORDS": str(folder / "passwords"),
        "GPTSCOPE_ACME": str(folder / "acme"),
        **settings,
    }
    made = Front(folder, http, https, ports, environment)
    with ExitStack() as stack:
        for port in ports:
            made.start(port)
            stack.callback(made.stop, port)
        stack.enter_context(_nginx(folder, environment))
        for port in ports:
            made.wait(port)
        yield made


def rendered(environment: dict[str, str]) -> str:
    """The configuration of .deploy/ with these settings."""
    command = [str(DEPLOY / "nginx" / "render.sh")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def write_nginx(folder: Path, environment: dict[str, str]) -> list[str]:
    """Write all that nginx reads; return the command that starts it."""
    (folder / "gptscope.conf").write_text(rendered(environment))
    user = "user root;" if os.geteuid() == 0 else ""  # pytest's folders are for nobody else
    around = AROUND.format(folder=folder, types="/etc/nginx/mime.types", user=user)
    (folder / "nginx.conf").write_text(around)
    return [str(nginx()), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]


@contextmanager
def _nginx(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    command = write_nginx(folder, environment)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)


def write_certificate(folder: Path) -> None:
    """Write a certificate that nobody but the server has signed, and its key."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, capture_output=True, check=True)


def write_passwords(folder: Path) -> None:
    """Write the file of the password."""
    salted = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout
    (folder / "passwords").write_text(f"{USER}:{salted}")


def free_ports(number: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
