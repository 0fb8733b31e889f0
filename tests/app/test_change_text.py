"""The text of changes: every list comes back as it was, old links still read, and hostile text is refused in words."""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from app.session import changes
from app.session.changes import Change, ChangeList, Other, Wish
from app.session.changes.text import drawn
from app.session.state_text import StateError, decode
from gptcore import Edit, architecture
from tests.lopsided import lopsided

ARCH = architecture(lopsided().config)
NAMES = [node.id for node in ARCH.nodes if node.axes[:1] == ("B",) and node.id != "transformer.h"]
PLACES = some.dictionaries(some.sampled_from(["head", "position", "channel"]), some.integers(0, 10**6 - 1))


@some.composite
def wishes(draw: some.DrawFn) -> Wish:
    """Draw a change of any kind; whether a model has it does not matter here."""
    name = draw(some.sampled_from(NAMES))
    places: dict[str, Any] = draw(PLACES)
    kind = draw(some.sampled_from(["zero", "scale", "set", "cut", "row", "mean", "resample", "patch"]))
    if kind in ("mean", "resample", "patch"):
        text = draw(some.text(max_size=60))
        number_of = draw(some.integers(0, 999)) if kind == "resample" else 0
        source = draw(some.sampled_from(["", *NAMES])), draw(some.none() | some.integers(0, 999))
        return Other(name, kind, text, number_of, **places, of=source[0], at=source[1])  # type: ignore[arg-type]
    if kind == "row":
        row = draw(some.lists(some.integers(0, 1000), min_size=1, max_size=40))
        return drawn("transformer.h.0.attn.pattern", row, draw(some.integers(0, 9)), len(row) - 1)
    if kind == "cut":
        return Edit(name, "set", -math.inf, head=1, position=3, key=2)
    number = draw(some.floats(0 if kind == "scale" else -1e6, 1e6))
    return Edit(name, kind, None if kind == "zero" else number, **places)  # type: ignore[arg-type]


LISTS = some.lists(some.builds(Change, wishes(), some.booleans()), max_size=6, unique_by=lambda change: change.key)


@given(LISTS, some.booleans(), some.booleans())
def test_every_list_comes_back_from_its_text(listed: list[Change], keeps: bool, muted: bool) -> None:
    whole = ChangeList(tuple(listed), keeps, muted) if listed else ChangeList()
    text = changes.to_text(whole)
    assert re.fullmatch(r"[A-Za-z0-9._~:% -]*", text)
    assert changes.of_text(text) == whole
    assert changes.of_text(dict(parse_qsl(urlencode({"changes": text}))).get("changes", "")) == whole


OLD = {
    "2.attn.z_zero_h1 0.mlp_zero_off": (
        Change(Edit("transformer.h.2.attn.z", "zero", head=1)),
        Change(Edit("transformer.h.0.mlp", "zero"), False),
    ),
    "0.attn.masked_set-inf_h1_p4_k2": (
        Change(Edit("transformer.h.0.attn.masked", "set", -math.inf, head=1, position=4, key=2)),
    ),
    "2.attn.z_scale0.5_h3": (Change(Edit("transformer.h.2.attn.z", "scale", 0.5, head=3)),),
}


@pytest.mark.parametrize("text", OLD)
def test_links_of_before_still_read(text: str) -> None:
    assert changes.of_text(text) == ChangeList(OLD[text])
    assert changes.to_text(ChangeList(OLD[text])) == text


@given(some.text(max_size=80))
@example("keep-patterns")
@example("0.mlp_zero keep-patterns keep-patterns")
@example("0.mlp_mean:%FF")
@example("0.mlp_patch:%ED%A0%80")
@example("0.attn.pattern_row" + "9" * 5000 + "_h0_p0")
@example("0.attn.pattern_row1000_h0_p0_c3")
@example("0.attn.pattern_row500..500_h0_p2")
@example("0.mlp_resample")
@example("0.resid_post_patch:a_p1_f2_n0.resid_pre")
@example("0.resid_post_patch:a_p1_f99_nnothing")
@example("0.mlp_zero_f1")
@example("0.mlp_mean3")
@example("0.mlp_zero:a")
@example("0.mlp_set1e999")
@example("0.mlp_set1e5e5")
@example("0.mlp_mean:" + "a" * 1001)
def test_any_text_is_changes_or_is_refused_in_a_sentence(text: str) -> None:
    try:
        listed = changes.of_text(text)
        changes.check(listed.changes, ARCH)
    except ValueError as error:
        refused = str(error)
    else:
        refused = ""
        assert changes.of_text(changes.to_text(listed)) == listed
    assert len(refused) < 500 and (not refused or re.search("[;:]|, got ", refused))


REFUSED: dict[str, tuple[Wish, str]] = {
    "a patch of nothing": (Other("transformer.h.0.mlp", "patch"), "got none"),
    "half a character": (Other("transformer.h.0.mlp", "mean", "\ud800"), "half of one"),
    "a place of a mean": (Other("transformer.h.0.mlp", "mean", "a", position=1, at=2), "leave that out"),
    "a tensor of heads": (
        Other("transformer.h.0.mlp", "patch", "a", position=1, of="transformer.h.0.attn.z", at=2),
        "no tensor like",
    ),
    "a place behind the context": (Other("transformer.h.0.mlp", "patch", "a", position=1, at=13), "0 to 12"),
    "a book": (Other("transformer.h.0.mlp", "mean", "a" * 1001), "at most"),
    "another text's scores": (Other("transformer.h.0.attn.scores", "mean", "a", head=0), "a change switches"),
    "a factor of a pattern": (Edit("transformer.h.0.attn.pattern", "scale", 0.5, head=0), "a change switches"),
    "a row of another text": (
        Other("transformer.h.0.attn.pattern", "mean", "a", head=0, position=1),
        "a change switches",
    ),
    "the layers as one": (Edit("transformer.h", "zero"), "no tensor"),
    "the ids": (Edit("idx", "zero", position=1), "a change switches"),
    "a channel too many": (Edit("transformer.h.0.mlp.gelu", "zero", channel=80), "channels 0 to 79"),
    "a position behind the context": (Edit("transformer.h.0.resid_post", "zero", position=13), "0 to 12"),
    "an infinite number": (Edit("transformer.h.0.mlp", "set", math.inf, position=1), "from -1e"),
    "a whole stream": (Edit("transformer.h.0.resid_post", "zero"), "a change switches"),
    "an added number": (Edit("transformer.h.0.mlp", "add", 1.0), "got add"),
    "a row with too much": (drawn("transformer.h.0.attn.pattern", [600, 600], 0, 1), "add up to 1000"),
    "a row with too few": (drawn("transformer.h.0.attn.pattern", [1000], 0, 1), "reads 2 keys"),
    "a row of scores": (drawn("transformer.h.0.attn.scores", [1000], 0, 0), "a change switches"),
    "a row of no head": (drawn("transformer.h.0.attn.pattern", [1000], 4, 0), "heads 0 to 3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_model_can_do_is_refused_in_words(name: str) -> None:
    wish, words = REFUSED[name]
    with pytest.raises(ValueError, match=re.escape(words)):
        changes.check([Change(wish)], ARCH)


def test_a_link_with_a_hostile_change_is_refused_as_a_state() -> None:
    with pytest.raises(StateError, match="link"):
        decode("changes=" + "x" * 300)
