"""The image and .deploy/compose.yaml under Docker, with the tests of `test_front` and those of what a process may."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import Browser

from tests.browser.driver import chromium, wait_for_text
from tests.deploy import front, test_front
from tests.deploy.composed import APPS, Composed, composed, missing
from tests.deploy.test_front import answer, chrome, opened, process_of, ready, type_more, visitor
from tests.training import until

WITHOUT = front.missing() or missing()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.skipif(bool(WITHOUT), reason=WITHOUT or "all is there"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
__all__ = ["chrome"]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    with composed(tmp_path_factory.mktemp("composed"), GPTSCOPE_UPLOAD_MB="2") as made:
        yield made


test_the_page_works = test_front.test_the_page_works_wholly_under_a_prefix_and_the_policy
test_the_password = test_front.test_nobody_gets_in_without_the_password
test_a_pass_is_enough = test_front.test_a_pass_is_enough_where_a_browser_sends_no_password_with_a_websocket
test_the_headers = test_front.test_headers_of_a_page
test_another_name = test_front.test_another_name_gets_a_page_that_tells_the_right_one
test_a_large_file = test_front.test_a_file_larger_than_allowed_is_refused_before_the_app_has_it

LOOK = """
import os, socket, subprocess
for place in ("/x", "/opt/gptscope/x", "/opt/venv/x", "/etc/x", "/data/x", "/tmp/x"):
    try:
        open(place, "w").close()
        os.remove(place)
        print("wrote", place)
    except OSError:
        pass
for host in {hosts}:
    try:
        socket.create_connection(host, 2).close()
        print("reached", host)
    except OSError:
        pass
"""


def test_what_a_process_may(deployed: Composed) -> None:
    for service in APPS.values():
        state = deployed.state(service)
        number = state["State"]["Pid"]
        told = Path(f"/proc/{number}/status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in told if ":\t" in line)
        assert status["Uid"].split() == status["Gid"].split() == ["10001"] * 4
        assert {int(status[f"Cap{kind}"], 16) for kind in ("Prm", "Eff", "Bnd", "Amb")} == {0}
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
        limits = Path(f"/proc/{number}/limits").read_text()
        assert limits.split("Max open files")[1].split()[:2] == ["4096"] * 2
        assert limits.split("Max core file size")[1].split()[:2] == ["0"] * 2
        host = state["HostConfig"]
        assert host["ReadonlyRootfs"] and (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (
            3 << 30,
            3 << 30,
            300,
        )
        assert [each["Destination"] for each in state["Mounts"]] == ["/data"]


def test_a_process_writes_its_volume_and_reaches_nothing_outside(deployed: Composed) -> None:
    with socket.create_server(("0.0.0.0", 0)) as here:  # what this machine has open to all
        port = here.getsockname()[1]
        gates = [network["Gateway"] for service in ("app1", "nginx") for network in networks(deployed, service)]
        hosts = [(gate, port) for gate in {*gates, "172.30.77.1"} if gate] + [("1.1.1.1", 443), ("127.0.0.1", port)]
        hosts.append(("172.30.77.12", 8502))
        said = deployed.inside("app1", "python", "-", stdin=LOOK.format(hosts=hosts)).splitlines()
    assert said == ["wrote /data/x", "wrote /tmp/x", "reached ('172.30.77.12', 8502)"]


def networks(deployed: Composed, service: str) -> list[dict[str, str]]:
    return list(deployed.state(service)["NetworkSettings"]["Networks"].values())


def test_browsers_stay_with_their_process(deployed: Composed, chrome: Browser) -> None:
    before = len(deployed.requests())
    with visitor(chrome) as one, visitor(chrome) as other:
        pages = [opened(each, deployed.address) for each in (one, other)]
        for page in pages:
            page.locator("[data-role=prompt]").fill("The fox")
            wait_for_text(page, "The fox")
        ports = [process_of(one), process_of(other)]
    assert ports[0] != ports[1]
    until(lambda: sum("/_stcore/stream" in path for *_, path in deployed.requests()[before:]) >= 2)
    kept = [each for each in deployed.requests()[before:] if each[0] != "-" and each[1]]
    assert len(kept) > 20 and [each for each in kept if each[0] != each[1]] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to kill a process of a container")
def test_a_killed_process_comes_back_and_its_visitors_go_on(deployed: Composed, chrome: Browser) -> None:
    with visitor(chrome) as context:
        page = opened(context, deployed.address)
        page.locator("[data-role=prompt]").fill("The fox")
        wait_for_text(page, "The fox")
        killed = process_of(context)
        before = deployed.process(APPS[killed])
        started = time.monotonic()
        deployed.kill(killed)
        type_more(page)
        wait_for_text(page, "The fox and", seconds=60)
        print(f"\nthe page went on {time.monotonic() - started:.1f} s after the kill", end="")
        deployed.healthy()
        print(f", the process was well again after {time.monotonic() - started:.1f} s")
        assert deployed.process(APPS[killed]) != before
        deployed.compose("stop", "--timeout=5", *APPS.values())
        found_page = answer(context, deployed.address)
        assert found_page.status == 503 and "gptscope is starting" in found_page.text()
        deployed.compose("start", *APPS.values())
        deployed.healthy()
        ready(context.pages[-1])  # by itself
