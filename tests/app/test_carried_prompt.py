"""A prompt of the model before: kept where the next one reads it well, else with a word on it and a way to its own."""

from __future__ import annotations

import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.session.actions import TakeExample, Type
from app.session.explorer import Explorer
from app.session.generating import Draw, Undo
from gptcore import Checkpoint, load, shipped_models
from gptcore.tokenizer import LibraryTokenizer
from tests.conftest import random_model

MODELS = {name: load(name) for name in shipped_models()}
FAIRY, NAMES = (
    "There was once a fox and a wolf. The fox said to the wolf",
    "When Mary and John went to the store, John gave a drink",
)


def opened(name: str) -> Explorer:
    return Explorer(MODELS[name], source=name)


def after(before: Explorer, name: str) -> Explorer:
    """The next model on the screen, as the page opens it."""
    refused, rev = before.refused, before.rev + 1
    return Explorer(MODELS[name], before.own_words, refused=refused, source=name, rev=rev, before=before)


def carried(text: str, name: str, to: str) -> Explorer:
    me = opened(name)
    me.apply(Type(text))
    return after(me, to)


def test_the_example_of_one_model_is_no_prompt_of_the_next() -> None:
    for name in MODELS:
        for other in MODELS:
            me = after(opened(name), other)
            assert (me.typed, me.shown.text, me.notice) == (me.example, me.example, None)


@pytest.mark.parametrize(
    ("text", "name", "to"),
    [
        (FAIRY, "fairytales", "shakespeare-char"),
        ("To be, or not to be", "shakespeare-char", "fairytales"),
        (NAMES, "two-names", "fairytales"),
        (NAMES, "fairytales", "two-names"),
        ("The wolf said:", "fairytales", "shakespeare-char"),
        ("abcdabcd", "shakespeare-char", "induction"),
        ("BABA", "two-names", "nano-sort"),
        ("AA", "two-names", "nano-sort"),
    ],
)
def test_a_text_that_the_next_model_reads_well_is_kept_without_a_word(text: str, name: str, to: str) -> None:
    me = carried(text, name, to)
    assert (me.typed, me.shown.text, me.notice) == (text, text, None)


@pytest.mark.parametrize(
    ("text", "name", "to", "why"),
    [
        (FAIRY, "fairytales", "two-names", "cuts the prompt into 31 small tokens"),
        ("xurolifcxuro", "shakespeare-char", "fairytales", "cuts the prompt into 8 small tokens"),
        ("CBACBACBA", "nano-sort", "shakespeare-char", "No text of this model’s kind: loss "),
        ("hello", "fairytales", "induction", "No text of this model’s kind: loss 4.3, a blind guess has 3.3."),
        ("A fox", "fairytales", "two-names", "No text of this model’s kind: loss "),
    ],
)
def test_of_a_text_that_it_reads_badly_it_says_so_and_offers_its_own(text: str, name: str, to: str, why: str) -> None:
    me = carried(text, name, to)
    assert (me.typed, me.shown.text) == (text, text)
    assert me.notice is not None
    assert (me.notice["kind"], me.notice.get("offer")) == ("warning", True)
    assert why in me.notice["text"]
    me.apply(Type(text + "A"))
    assert me.notice is None or not me.notice.get("offer")


def test_an_example_that_is_taken_brings_the_text_back_with_its_drawn_tokens() -> None:
    me = opened("fairytales")
    me.apply(Draw(me.shown.text))
    text, drawn = me.shown.text, me.writing.drawn
    assert drawn
    me.apply(TakeExample())
    assert (me.typed, me.shown.text, dict(me.writing.drawn)) == (me.example, me.example, {})
    me.apply(TakeExample())  # it is there
    me.apply(Undo())
    assert (me.typed, me.shown.text, me.writing.drawn) == (text, text, drawn)


def test_a_text_that_could_not_be_run_is_brought_back_too() -> None:
    me = opened("induction")
    me.apply(Type("abab"))
    me.apply(Type("abab1"))
    me.apply(TakeExample())
    assert (me.typed, me.shown.text, me.notice) == (me.example, me.example, None)
    me.apply(Undo())
    assert (me.typed, me.shown.text) == ("abab1", me.example)
    me.apply(Undo())
    assert (me.typed, me.shown.text) == ("abab", "abab")


def test_a_text_that_the_next_model_cannot_read_is_a_step_back() -> None:
    me = carried(FAIRY, "fairytales", "nano-sort")
    assert (me.typed, me.shown.text) == (me.example, me.example)
    assert me.notice is not None and me.notice["text"].startswith("The prompt could not be kept; ↶ brings it back. ")
    me.apply(Undo())
    assert (me.typed, me.shown.text) == (FAIRY, me.example)
    assert after(me, "fairytales").shown.text == FAIRY


def test_the_unknown_tokens_of_a_text_are_counted() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"to": 0, "be": 1, "?": 2}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    model = random_model(vocab_size=3)
    words = Checkpoint(model, LibraryTokenizer(made.to_str()), model.config, {"prompt": "to be"})
    before = opened("shakespeare-char")
    for text, unknown in (("to be be", None), ("to see be there", "2 of the 4 tokens of this prompt are unknown")):
        before.apply(Type(text))
        me = Explorer(words, before.own_words, before=before)
        assert (unknown in me.notice["text"]) if me.notice and unknown else me.notice is None and not unknown
