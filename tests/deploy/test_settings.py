"""The files of .deploy/ against each other: every setting is explained once, and nginx takes any of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.front import DEPLOY, SETTINGS, missing, rendered, write_certificate, write_nginx

NAME = re.compile(r"\bGPTSCOPE_[A-Z_]+\b")
CODE = ("start.sh", "nginx/render.sh", "Dockerfile", "compose.yaml", "gptscope@.service")
OF_A_PLACE = {
    "GPTSCOPE_ADDRESS",
    "GPTSCOPE_PORT",
    "GPTSCOPE_HTTP_PORT",
    "GPTSCOPE_HTTPS_PORT",
    "GPTSCOPE_ACME",
    "GPTSCOPE_RUNS",
    "GPTSCOPE_CACHE",
}
"""Settings that nobody need choose: a container and a unit set them, or they are for tests."""
FILES = {"GPTSCOPE_CERTIFICATE": "/nowhere/certificate.pem", "GPTSCOPE_KEY": "/nowhere/key.pem"}


def example() -> dict[str, str]:
    """The settings of the example."""
    lines = (DEPLOY / "env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def environment(folder: Path | None = None, **settings: str) -> dict[str, str]:
    files = FILES
    if folder is not None:
        write_certificate(folder)
        files = {"GPTSCOPE_CERTIFICATE": str(folder / "certificate.pem"), "GPTSCOPE_KEY": str(folder / "key.pem")}
    return {"PATH": os.environ["PATH"], **SETTINGS, **files, **settings}


def test_the_example_tells_every_setting_and_no_other() -> None:
    used = {name for file in CODE for name in NAME.findall((DEPLOY / file).read_text())}
    told = {name for name in example() if name.startswith("GPTSCOPE")}
    assert used - OF_A_PLACE == told
    assert not used & OF_A_PLACE & told


def test_the_compose_file_gives_each_process_its_port_and_address() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    ports = re.findall(r'GPTSCOPE_PORT: "(\d+)"', text)
    places = re.findall(r"ipv4_address: ([\d.]+)", text)
    (told,) = re.findall(r"GPTSCOPE_PROCESSES: (.*)", text)
    assert told.split() == [f"{place}:{port}" for place, port in zip(places, ports, strict=True)]
    assert len({*ports}) == len({*places}) == 4


@pytest.mark.parametrize("name", ["GPTSCOPE_HOST", "GPTSCOPE_SECRET", "GPTSCOPE_KEY"])
def test_what_must_be_set_is_asked_for(name: str) -> None:
    without = {key: value for key, value in environment().items() if key != name}
    with pytest.raises(subprocess.CalledProcessError) as caught:
        rendered(without)
    assert f"{name}: is not set" in caught.value.stderr
    if name != "GPTSCOPE_KEY":  # the app has no use for it
        done = subprocess.run([DEPLOY / "start.sh", "1"], env=without, capture_output=True, text=True, check=False)
        assert done.returncode != 0 and f"{name}: is not set" in done.stderr


def test_nothing_is_left_to_be_filled_in() -> None:
    for prefix in ("/gptscope", ""):
        assert re.findall(r"@[A-Z_]+@", rendered(environment(GPTSCOPE_PREFIX=prefix))) == []


def test_the_pass_is_another_after_each_change_of_the_secret_and_the_passwords(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    found = set()
    for secret, text in (("a", "class:x"), ("b", "class:x"), ("a", "class:y")):
        passwords.write_text(text)
        settings = environment(GPTSCOPE_SECRET=secret, GPTSCOPE_PASSWORDS=str(passwords))
        found |= {*re.findall(r"gptscope_pass=(\w+)", rendered(settings))}
    assert len(found) == 3 and all(len(each) == 32 for each in found)


CASES: list[dict[str, str]] = [
    {},
    {"GPTSCOPE_PREFIX": ""},
    {"GPTSCOPE_PREFIX": "/a/b/", "GPTSCOPE_HOST": "class.localhost school.localhost", "GPTSCOPE_PASSWORDS": ""},
    {"GPTSCOPE_PROCESSES": "127.0.0.1:8501"},
    {"GPTSCOPE_PROCESSES": " ".join(f"127.0.0.1:{port}" for port in range(8501, 8517))},
]


@pytest.mark.skipif(bool(missing()), reason=missing() or "all is there")
@pytest.mark.parametrize("settings", CASES)
def test_nginx_takes_it(settings: dict[str, str], tmp_path: Path) -> None:
    command = write_nginx(tmp_path, environment(tmp_path, **settings))
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr.replace("the listen ... http2", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze: apt-get install systemd")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "gptscope@.service").read_text().replace("/opt/gptscope/.deploy/start.sh", "/bin/true")
    (tmp_path / "gptscope@.service").write_text(text)
    command = ["systemd-analyze", "verify", str(tmp_path / "gptscope@8501.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
