"""A person's state as text: what is written is read, what a stranger writes is refused with a sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.session.actions import Action, ChooseLook, Lock, Restore, SetSampling, Type
from app.session.explorer import Explorer
from app.session.location import Location
from app.session.look import CHOICES, Look
from app.session.map_actions import PickHead, PickWeight, Select
from app.session.state_text import MOST, State, StateError, decode, encode
from gptcore import Checkpoint

ANY = st.text(max_size=80)
COUNT = st.integers(0, 10**9 - 1)
STATES = st.builds(
    State,
    model=ANY,
    prompt=ANY,
    location=st.builds(Location, view=ANY, layer=COUNT, head=COUNT, selected=ANY, weight=st.none() | ANY),
    step=st.none() | COUNT,
    temperature=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    top_k=st.integers(1, 10**9 - 1),
    score=ANY,
    cut_k=st.none() | st.integers(1, 10**9 - 1),
    cut_p=st.none() | st.floats(min_value=0, max_value=1, exclude_max=True),
    seed=COUNT,
    pin=st.none() | st.tuples(COUNT, COUNT),
    lock=st.none() | COUNT,
    look=st.builds(Look, **{name: st.sampled_from(words) for name, words in CHOICES.items()}),
    upload=st.sampled_from(["", "0f" * 32]),
    options=ANY,
    sizes=st.sampled_from(["", "12-12-768-1024-50257-1-1-1024-1-4-0"]),
)


@given(STATES)
def test_what_is_written_is_read(state: State) -> None:
    text = encode(state)
    assert decode(text) == state
    assert re.fullmatch(r"[A-Za-z0-9_.~%+=&-]*", text)


def test_the_text_is_short_and_readable() -> None:
    state = State("fairytales", "There was once a fox", Location(head=2), temperature=0.8)
    assert encode(state) == "model=fairytales&prompt=There+was+once+a+fox&head=2&temperature=0.8"
    assert encode(State("", "")) == ""
    assert decode("") == State("", "")


def test_every_field_is_written() -> None:
    plain = State("m", "p")
    others = [
        replace(plain, model="n"),
        replace(plain, prompt="q"),
        replace(plain, location=Location(view="block")),
        replace(plain, location=Location(layer=1)),
        replace(plain, location=Location(head=1)),
        replace(plain, location=Location(selected="lm_head")),
        replace(plain, location=Location(weight="w")),
        replace(plain, step=0),
        replace(plain, temperature=2.0),
        replace(plain, top_k=20),
        replace(plain, score="first"),
        replace(plain, cut_k=None),
        replace(plain, cut_k=5),
        replace(plain, cut_p=0.0),
        replace(plain, cut_p=0.5),
        replace(plain, seed=1),
        replace(plain, pin=(0, 0)),
        replace(plain, pin=(0, 1)),
        replace(plain, pin=(1, 0)),
        replace(plain, lock=0),
        replace(plain, lock=7),
        *(replace(plain, look=Look().choose(name, word)) for name, words in CHOICES.items() for word in words[1:]),
        replace(plain, upload="0f" * 32),
        replace(plain, options='{"words":false}'),
        replace(plain, sizes="12-12-768-1024-50257-1-1-1024-1-4-0"),
    ]
    assert len({encode(state) for state in (plain, *others)}) == len(others) + 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model=m&prompt=p&admin=1", "no field 'admin', which holds '1'; its fields are v, model"),
        ("model=m&layer=one", r"'layer' of a state holds 'one': input should be a valid integer"),
        ("model=m&layer=-1", "'layer' of a state holds '-1': input should be greater than or equal to 0"),
        ("model=m&layer=1.5", "'layer' of a state holds '1.5'"),
        ("model=m&step=", "'step' of a state holds ''"),
        ("model=m&head=99999999999999999999", "'head' of a state holds"),
        ("model=m&temperature=nan", "'temperature' of a state holds 'nan'"),
        ("model=m&temperature=1e999", "'temperature' of a state holds '1e999'"),
        ("model=m&temperature=0", "'temperature' of a state holds '0': input should be greater than 0"),
        ("model=m&top_k=0", "'top_k' of a state holds '0'"),
        ("model=m&lock=-1", "'lock' of a state holds '-1'"),
        ("model=m&lock=last", "'lock' of a state holds 'last'"),
        ("model=m&form=table", "form is one of tensors, diagram, got 'table'; choose one of them; or take the link"),
        ("model=m&scale=" + "x" * 500, "scale is one of weight, row, value, got 'x"),
        ("model=m&look=diagram", "no field 'look'"),
        ("model=m&upload=../etc", "'upload' of a state holds '../etc'"),
        ("model=m&sizes=big", "sizes are 11 whole numbers with dashes between, got 'big'; or take the link"),
        ("model=m&sizes=0-1-8-8-8-1-1-8-1-4-0", "n_layer is from 1 to 200, got 0; or take the link"),
        ("v=2&model=m", "version '2', wanted 1; make the link anew"),
        ("v=&model=m", "version '', wanted 1"),
        ("model=m&model=n", "each field of a state comes once, got model, model"),
        ("model", "wanted|name=value&name=value, got 'model'; take the whole link"),
        ("model=m&&prompt=p", "name=value&name=value"),
        ("model=%ff", "name=value&name=value"),
        ("model=%ED%A0%80", "name=value&name=value"),
        ("prompt=" + "a" * MOST, rf"at most {MOST:,} characters, got {MOST + 7:,}"),
        (None, "a state is a text, got a NoneType"),
        (b"model=m", "a state is a text, got a bytes"),
        ("\x00=\x00", "no field"),
    ],
)
def test_what_is_no_state_is_refused_with_a_sentence(text: str, told: str) -> None:
    with pytest.raises(StateError, match=told) as caught:
        decode(text)
    assert len(str(caught.value)) < 400  # not all of what a stranger wrote
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60) | st.dictionaries(ANY, ANY, max_size=3).map(urlencode))
def test_any_text_is_a_state_or_refused(text: str) -> None:
    try:
        state = decode(text)
    except StateError:
        return
    assert decode(encode(state)) == state


def test_a_state_that_no_link_can_carry_is_refused() -> None:
    assert decode(encode(State("m", "a" * (MOST - 20)))).prompt == "a" * (MOST - 20)
    with pytest.raises(StateError, match="shorten the prompt"):
        encode(State("m", "ü" * (MOST // 6)))
    with pytest.raises(StateError, match="half of one; take it away"):
        encode(State("m", "\ud83d"))


def test_an_explorer_goes_back_to_its_state(shakespeare: Checkpoint) -> None:
    me = Explorer(shakespeare, source="shakespeare-char")
    start = me.state
    chosen: tuple[Action, ...] = (
        *(Type("To be, or"), PickHead(2, 1), Select("transformer.h.1.mlp.c_fc"), SetSampling(0.5, 20)),
        *(PickWeight("transformer.h.1.mlp.c_fc.weight"), Lock(4), ChooseLook("form", "diagram")),
        *(ChooseLook("scale", "value"), ChooseLook("plot", "links")),
    )
    for action in chosen:
        me.apply(action)
    there = me.state
    rows = me.shown.next_tokens(me.position, me.sampling, me.top_k)
    assert there != start
    assert (there.lock, there.look) == (4, Look("diagram", "value", "links"))
    me.apply(Restore(start))
    assert (me.state, me.notice) == (start, None)
    other = Explorer(shakespeare, "O", source="shakespeare-char")
    other.apply(Restore(decode(encode(there))))
    assert (other.state, other.notice) == (there, None)
    assert (other.typed, other.rev) == ("To be, or", 1)  # the input is brought up to it
    found = other.shown.next_tokens(other.position, other.sampling, other.top_k)
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    assert [row["logit"] for row in found] == pytest.approx([row["logit"] for row in rows], abs=1e-4)
