"""A small Hugging Face hub on this machine, and processes that fetch from it; nothing here asserts anything.

It answers the requests of `huggingface_hub` as the hub does: the listing of a commit, the head of a file, the file.
Large files stand behind a redirect, as on the hub. Xet is not offered, so all bytes go over plain HTTP.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

Files = dict[str, bytes]


@dataclass
class Repo:
    """Commits of a model, the branches that name them, and the status with which the hub refuses its files, if any."""

    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    refusal: str | None = None

    def push(self, files: Files, branch: str = "main") -> str:
        """Add a commit with these files. Return its hash."""
        sha = hashlib.sha1(repr((files, branch, len(self.commits))).encode()).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        return sha

    def commit(self, revision: str) -> str | None:
        return self.branches.get(revision, revision if revision in self.commits else None)


class Hub(ThreadingHTTPServer):
    """The server: `repos` is its content, `asked` the requests so far, and `trouble` the fault of a file."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.repos: dict[str, Repo] = {}
        self.asked: list[str] = []
        self.trouble: dict[str, str] = {}  # file -> "cut" (once, half-way), "stall" (half-way), or a status such as 500
        self.status = 0  # of every answer, if not 0
        self.silent = False  # accepts every request, and never answers
        self.stalled = threading.Event()
        self.after_listing: Callable[[], object] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def files_sent(self) -> list[str]:
        """Return the files that were sent since the last call."""
        sent = [line.removeprefix("FILE ") for line in self.asked if line.startswith("FILE ")]
        self.asked.clear()
        return sent


class Visit(BaseHTTPRequestHandler):
    """One connection."""

    server: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a head and a body are two writes, each of which would wait 40 ms

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: `asked` has the requests."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(self.path.partition("?")[0]).strip("/")
        self.server.asked.append(f"{self.command} {path}")
        if self.server.silent:
            self.connection.settimeout(60)
            with suppress(TimeoutError):
                self.rfile.read(1)  # until the client has gone
            self.close_connection = True
            return None
        if self.server.status:
            return self._send(self.server.status, b"{}")
        if path.startswith("api/models/"):
            name, _, revision = path.removeprefix("api/models/").partition("/revision/")
            return self._listing(name, revision or "main")
        if path.startswith("cdn/"):
            digest, file = path.split("/")[1:]
            commits = [files for repo in self.server.repos.values() for files in repo.commits.values()]
            contents = {hashlib.sha256(raw).hexdigest(): raw for files in commits for raw in files.values()}
            return self._content(file, contents[digest])
        name, _, rest = path.partition("/resolve/")
        return self._file(name, *rest.rsplit("/", 1))

    def _listing(self, name: str, revision: str) -> None:
        repo = self.server.repos.get(name)
        sha = repo.commit(revision) if repo else None
        if repo is None or sha is None:
            return self._missing("RepoNotFound" if repo is None else "RevisionNotFound")
        siblings = [{"rfilename": file} for file in repo.commits[sha]]
        self.server.after_listing()
        return self._send(200, json.dumps({"id": name, "modelId": name, "sha": sha, "siblings": siblings}).encode())

    def _file(self, name: str, revision: str, file: str) -> None:
        repo = self.server.repos.get(name)
        sha = repo.commit(revision) if repo else None
        if repo is None or sha is None:
            return self._missing("RepoNotFound" if repo is None else "RevisionNotFound")
        if repo.refusal is not None:
            return self._missing(repo.refusal, 403)
        if file not in repo.commits[sha]:
            return self._missing("EntryNotFound")
        raw = repo.commits[sha][file]
        about = {"X-Repo-Commit": sha, "ETag": f'"{hashlib.sha1(raw).hexdigest()}"'}
        if file.endswith((".safetensors", ".bin", ".h5", ".msgpack")):
            digest = hashlib.sha256(raw).hexdigest()
            about |= {"X-Linked-Size": str(len(raw)), "X-Linked-Etag": f'"{digest}"'}
            elsewhere = self.server.url.replace("127.0.0.1", "localhost")  # another host, as the hub uses for files
            return self._send(302, b"", about | {"Location": f"{elsewhere}/cdn/{digest}/{file}"})
        return self._content(file, raw, about)

    def _content(self, file: str, raw: bytes, about: dict[str, str] | None = None) -> None:
        trouble = self.server.trouble.get(file) if self.command == "GET" else None
        if trouble and trouble.isdigit():
            return self._send(int(trouble), b"")
        start, asked = 0, self.headers.get("Range")
        if asked:
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            about = (about or {}) | {"Content-Range": f"bytes {start}-{len(raw) - 1}/{len(raw)}"}
        if self.command == "GET":
            self.server.asked.append(f"FILE {file}" + (f" from {start}" if start else ""))
        if not trouble:
            return self._send(206 if asked else 200, raw[start:], about)
        self._head(200, len(raw), about)
        self.wfile.write(raw[: len(raw) // 2])
        self.wfile.flush()
        if trouble == "stall":
            self.server.stalled.set()
            self.rfile.read(1)  # until the client has gone
        else:
            del self.server.trouble[file]
        self.close_connection = True
        return None

    def _missing(self, code: str, status: int = 404) -> None:
        self._send(status, b"{}", {"X-Error-Code": code})

    def _head(self, status: int, length: int, about: dict[str, str] | None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(length), "Content-Type": "application/json", **(about or {})}.items():
            self.send_header(key, value)
        self.end_headers()

    def _send(self, status: int, raw: bytes, about: dict[str, str] | None = None) -> None:
        self._head(status, len(raw), about)
        if self.command == "GET":
            self.wfile.write(raw)


@contextmanager
def hub() -> Iterator[Hub]:
    """Start a hub without models."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


FETCH = """
import contextlib, importlib, json, os, signal, sys, traceback
from gptcore.checkpoint import CheckpointError, hub

assert "huggingface_hub" not in sys.modules, "gptcore has loaded huggingface_hub before anything is fetched"
for name in ("httpx2", "httpx", "yaml", "tqdm.auto", "fsspec", "filelock"):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
for line in sys.stdin:
    task = json.loads(line)
    pid = os.fork()
    if not pid:
        signal.alarm(120)  # a fetch that hangs ends as "killed", and does not hang its test
        os.environ.update(task["environ"])
        answers = []
        for name, revision in task["asked"]:
            try:
                answers.append({"folder": str(hub.fetch(name, revision))})
            except CheckpointError as error:
                answers.append({"error": str(error)})
            except BaseException:
                answers.append({"bug": traceback.format_exc()})
        os.write(1, json.dumps(answers).encode() + b"\\n")
        os._exit(0)
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    if status:
        print(json.dumps({"killed": status}), flush=True)
"""
"""Program of the fetching processes. Each task is a new process, because `huggingface_hub` reads its environment once.
Torch and the package's imports, which take longest, are imported only once."""


class Fetcher:
    """Fetching in new processes, the cache in a folder of the caller, with no host but this machine in reach."""

    def __init__(self, log: Path) -> None:
        keep = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
        nowhere |= {name.upper(): value for name, value in nowhere.items()}
        environ = keep | nowhere | dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", FETCH],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environ | {"OMP_NUM_THREADS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
            )

    def start(self, url: str, home: Path, *asked: tuple[str, str | None], **environ: str) -> int:
        """Start to fetch the given names and revisions, one after the other. Return the id of the process."""
        environ = {"HF_ENDPOINT": url, "HF_HOME": str(home)} | environ
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"environ": environ, "asked": asked}) + "\n")
        self.process.stdin.flush()
        return int(self.answer())

    def answer(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()
