"""The packages of the container: all of those that the app needs, each version by its hashes."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.browser.driver import ROOT
from tests.deploy.front import DEPLOY

ENTRY = re.compile(r"^([a-z0-9-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)
PLACE = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux", "extra": ""}


def locked() -> dict[str, Version]:
    return {name: Version(version) for name, version, _ in ENTRY.findall(text())}


def text() -> str:
    return (DEPLOY / "requirements.txt").read_text()


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(each) for each in project["dependencies"] + project["optional-dependencies"]["app"]]


def test_every_line_is_a_version_with_its_hashes() -> None:
    rest = re.sub(r"(?m)^ *#.*\n", "", ENTRY.sub("", text()))
    assert rest.strip() == ""
    assert len(locked()) > 40


def test_they_are_what_the_project_asks_for() -> None:
    found = locked()
    for each in wanted():
        version = found[canonicalize_name(each.name)]
        assert each.specifier.contains(version), f"{each} is {version}: write requirements.txt anew"
    assert found["torch"].local == "cpu"


def test_what_they_need_is_among_them() -> None:
    found = locked()
    looked = 0
    for name, version in found.items():
        try:
            here = distribution(name)
        except PackageNotFoundError:
            continue
        if Version(here.version) != version:
            continue  # another version may need something else
        looked += 1
        for each in map(Requirement, here.requires or []):
            if each.marker is None or each.marker.evaluate(PLACE):
                needed = canonicalize_name(each.name)
                assert needed in found and each.specifier.contains(found[needed], prereleases=True), f"{name}: {each}"
    assert looked > 10


def test_the_image_has_the_python_that_they_are_for() -> None:
    assert "CPython 3.11" in text()
    bases = re.findall(r"^FROM python:(\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert [base.startswith("3.11-") for base in bases] == [True, True]
