"""A stranger's states: whatever is sent for a component or a widget, there is no error page, and the page lives on.

Each state goes the way of a browser's. The usual run takes one of many; all of them, some thousands, take minutes:
`python -m pytest -n0 -m slow tests/app/test_forged_states.py`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.testing.v1 import AppTest

from app.guard import outside
from app.training import jobs
from tests.app import forged
from tests.browser.driver import ROOT

EACH = {"explore_panels": 97, "in_words": 41, "supposed_sizes": 41, "head_card": 41}
"""The usual run takes each so manieth state: a prime, so that it meets other values in each field."""
OTHERS = 19


def _words() -> None:
    from app import components
    from app.guard import gate
    from app.state import opening
    from app.views.in_words import words

    gate.stand()
    components.runtime()
    if opening.ready():
        words()


def _supposed_sizes() -> None:
    from app import components
    from app.guard import gate
    from app.state import opening
    from app.views.supposed_sizes import supposed_sizes

    gate.stand()
    components.runtime()
    if opening.ready():
        supposed_sizes()


def _training() -> None:
    from app import components
    from app.guard import gate
    from app.state import opening
    from app.views.training import training

    gate.stand()
    components.runtime()
    if opening.ready():
        training()


def _lab() -> None:
    from app import components
    from app.guard import gate
    from app.state import opening
    from app.views.lab import lab

    gate.stand()
    components.runtime()
    if opening.ready():
        lab()


def _picker() -> None:
    from app.guard import gate
    from app.state import opening
    from app.views import picker

    gate.stand()
    if opening.ready():
        picker._choose()


class Target:
    """A page without a browser, which is opened anew where it broke."""

    def __init__(self, script: Callable[[], None] | None, section: str = "") -> None:
        self._script, self._section = script, section
        self.open()

    def open(self) -> None:
        """Open the page, at its section."""
        script = self._script
        app = AppTest.from_function(script) if script else AppTest.from_file(ROOT / "app/main.py")
        app.default_timeout = 60
        self.app = app.run()
        if self._section:
            state = WidgetState(id=next(name for name in self.widgets() if name.endswith("training section")))
            state.string_array_value.data.append(self._section)
            self.send(state)
        assert not self.app.exception

    def send(self, state: WidgetState) -> None:
        """Send a state as a browser does, and let the page be drawn."""
        self.app._run(WidgetStates(widgets=[state]))

    def components(self) -> dict[str, str]:
        """Return the id of each component, by its name."""
        protos = [element.proto for element in self.app.get("bidi_component")]
        return {proto.component_name.removeprefix("gptscope_"): proto.id for proto in protos}

    def widgets(self) -> list[str]:
        """Return the ids of all that takes a state."""
        found = [getattr(getattr(node, "proto", None), "id", "") for node in self.app._tree]
        return [name for name in found if isinstance(name, str) and name.startswith("$$")]

    def attack(self, states: Iterator[tuple[str, WidgetState]]) -> tuple[int, list[str]]:
        """Send states one by one; return their number, and what each that broke the page was."""
        broken, count = [], 0
        for what, state in states:
            before, count = len(self.widgets()), count + 1
            self.send(state)
            if self.app.exception or not before or "explorer" not in self.app.session_state:
                broken.append(f"{what}: {self.app.exception[0].message if self.app.exception else 'the page is lost'}")
                self.open()
        return count, broken

    def filled(self, text: str) -> str:
        """Put in what the page knows, so that nothing else is wrong with an event."""
        me, self._seq = self.app.session_state["explorer"], getattr(self, "_seq", 100) + 1
        session = self.app.session_state.get("session", "")
        known = {'"@seq"': str(self._seq), '"@text"': json.dumps(me.shown.text), "@node": me.location.selected}
        known |= {'"@source"': json.dumps(me.source), "@session": session}
        for name, value in known.items():
            text = text.replace(name, value)
        return text

    def states(self, name: str, cases: Iterator[forged.Forged]) -> Iterator[tuple[str, WidgetState]]:
        """Yield the states of a component, each when its turn comes."""
        for case in cases:
            yield f"{name}: {case.what}", WidgetState(id=self.components()[name], json_value=self.filled(case.json))

    def of_widgets(self) -> Iterator[tuple[str, WidgetState]]:
        """Yield states of all kinds for each widget and component of the page."""
        for widget in self.widgets():
            for what, state in forged.of_other_kinds(widget):
                yield f"{widget[-30:]}: {what}", state


@pytest.fixture(autouse=True)
def quiet(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the model with a training; start nothing that would outlive the test; print no errors but the test's."""
    monkeypatch.setattr("sys.argv", ["app/main.py", str(trained)])
    monkeypatch.setenv("GPTSCOPE_SHARED", "0")

    def refuse(*_: object, **__: object) -> None:
        raise jobs.JobError("no training starts here; start it elsewhere")

    for name in ("start", "ask", "resume", "delete", "keep"):
        monkeypatch.setattr(jobs, name, refuse)
    logging.getLogger("streamlit").setLevel(logging.CRITICAL)


COMPONENTS: dict[str, tuple[Callable[[], None] | None, Callable[[], Iterator[forged.Forged]]]] = {
    "explore_panels": (None, forged.of_live),
    "reconnect": (None, lambda: forged.of_alone(forged.ALONE["reconnect"])),
    "address": (None, lambda: forged.of_alone(forged.ALONE["address"])),
    "parity_badge": (None, lambda: forged.of_alone(forged.ALONE["parity_badge"])),
    "in_words": (_words, lambda: forged.of_alone(forged.WORDS)),
    "head_card": (_lab, lambda: forged.of_alone(forged.CARD)),
    "head_ranking": (_lab, lambda: forged.of_alone(forged.LIST)),
    "supposed_sizes": (_supposed_sizes, lambda: forged.of_alone(forged.SUPPOSED_SIZES)),
}
PAGES: dict[str, tuple[Callable[[], None] | None, str]] = {
    "Explore": (None, ""),
    "the picker": (_picker, ""),
    "the lab": (_lab, ""),
    "curves": (_training, "Curves of a training"),
    "a new training": (_training, "Train a small model"),
    "the prompt": (_training, "This prompt, as training sees it"),
}


def component_attack(name: str, every: int) -> tuple[int, list[str]]:
    script, cases = COMPONENTS[name]
    target = Target(script)
    found = target.attack(target.states(name, islice(cases(), 0, None, every)))
    if name == "explore_panels":  # the page still answers a key
        rev = target.app.session_state["explorer"].rev
        state = {"prompt": {"text": "bad", "seq": 10**6, "rev": rev}}
        target.send(WidgetState(id=target.components()["explore_panels"], json_value=json.dumps(state)))
        assert target.app.session_state["explorer"].shown.text == "bad"
    return found


def widget_attack(page: str, every: int) -> tuple[int, list[str]]:
    target = Target(*PAGES[page])
    return target.attack(islice(target.of_widgets(), 0, None, every))


@pytest.mark.parametrize("name", COMPONENTS)
def test_no_state_of_a_component_breaks_its_page(name: str) -> None:
    count, broken = component_attack(name, EACH.get(name, OTHERS))
    assert broken == []
    assert count > 2


@pytest.mark.parametrize("page", PAGES)
def test_no_state_of_any_kind_breaks_a_page(page: str) -> None:
    count, broken = widget_attack(page, 61)
    assert broken == []
    assert count > 2


@pytest.mark.slow
def test_none_of_all_forged_states_breaks_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    attacks: list[tuple[str, Callable[[str, int], tuple[int, list[str]]]]] = [
        *((name, component_attack) for name in COMPONENTS),
        *((page, widget_attack) for page in PAGES),
    ]
    total, broken = 0, list[str]()
    for name, attack in attacks:
        count, found = attack(name, 1)
        total, broken = total + count, broken + found
        with capsys.disabled():
            print(f"\n{name}: {count} forged states, {len(found)} broke the page", end="")
    assert broken == []
    assert total >= 1300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["map", "select"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({field for events in forged.PANELS.values() for event in events for field in event})
PANEL = st.fixed_dictionaries({"seq": st.integers(1, 10**6) | JSON}, optional=dict.fromkeys(FIELDS, JSON))


def test_no_reports_at_random_break_the_page() -> None:
    target = Target(None)

    @settings(max_examples=40, deadline=None)
    @given(st.dictionaries(st.sampled_from(sorted(forged.PANELS)), PANEL | JSON, max_size=4))
    def attack(reports: dict[str, Any]) -> None:
        state = WidgetState(id=target.components()["explore_panels"], json_value=json.dumps(reports))
        assert target.attack(iter([("at random", state)])) == (1, [])

    attack()


def test_the_gate_keeps_what_a_widget_had() -> None:
    target = Target(_training, "Train a small model")
    data = next(name for name in target.widgets() if name.endswith("plan data"))
    target.send(WidgetState(id=data, string_value="induction"))
    assert target.app.session_state["plan data"] == "induction"
    target.send(WidgetState(id=data, int_value=2))
    assert not target.app.exception
    assert target.app.session_state["plan data"] == "induction"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[" * 100_000, "nested far too deep"),
        ('{"a":' * 13 + "1" + "}" * 13, "at most 12 levels"),
        ("[" + "1," * 30_000 + "1]", "at most 20,000 values"),
        ('"' + "x" * 10**6 + '"', "at most 1,000,000 characters"),
        ("NaN", "NaN is no number of JSON"),
        ("1" * 5000, "a number of 5,000 digits"),
        ("{", "Expecting property name"),
    ],
)
def test_what_no_page_sends_is_refused_before_anybody_reads_it(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        outside.read(text)
