"""Reader of Hugging Face's `tokenizer.json` for byte-level BPE in GPT-2's style. This file knows that one format.

Such a file can ask for much that GPT-2 does not do. Each option that would change the ids of a text is refused by its
name, and so is each unknown option: a file that passes encodes as the `tokenizers` library does when it reads special
tokens as ordinary text, as this package does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gptcore.tokenizer.bounded import read_json, shown
from gptcore.tokenizer.bpe import GPT2_PATTERN, BPETokenizer
from gptcore.tokenizer.gpt2_files import added_beside
from gptcore.tokenizer.merges import Added, Merge, Source, checked

_SOURCE = Source(
    vocab="model.vocab",
    merges="model.merges",
    entry="entry",
    remedy="the file was changed by hand or is damaged; copy or download it again",
)
_PARTS = {
    *("version", "truncation", "padding", "added_tokens"),
    *("normalizer", "pre_tokenizer", "post_processor", "decoder", "model"),
}
_MODEL: Mapping[str, tuple[object, ...]] = {
    "type": ("BPE", None),  # old files have no type, but vocab and merges
    "dropout": (None, 0),
    "unk_token": (None,),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "fuse_unk": (None, False, True),  # no effect: each byte is a token, so nothing is unknown
    "byte_fallback": (None, False),
    "ignore_merges": (None, False),
}
"""Options with their values that change no id. The first value is the default of a file without the option."""
_BYTE_LEVEL = {"type", "add_prefix_space", "trim_offsets", "use_regex"}
_TEXT_ALONE = [{"Sequence": {"id": "A", "type_id": 0}}]


def read_tokenizer_json(path: str | Path) -> BPETokenizer:
    """Read the tokenizer at `path`. No text encodes to its added tokens, except those that merges make.

    A `tokenizer_config.json` beside it is applied as transformers' `AutoTokenizer` does, or refused.

    Raises:
        ValueError: the file is missing, unreadable or over 64 MiB; it is not a tokenizer of GPT-2's kind, or has an
            option that changes how text becomes ids; its vocabulary and its merges do not belong together.
    """
    data = read_json(Path(path))
    try:
        if not isinstance(data, dict) or not isinstance(data.get("model"), dict):
            raise ValueError("it has no 'model', so Hugging Face's tokenizers did not write it")
        _check_options(data)
        model = data["model"]
        added = [*_added(data), *added_beside(Path(path).parent)]
        ranks, special = checked(model.get("vocab"), _merges(model.get("merges")), added, _SOURCE)
        return BPETokenizer(GPT2_PATTERN, ranks, special)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as GPT-2's kind of tokenizer: {error}") from None


def _check_options(data: Mapping[str, Any]) -> None:
    _check_names(data, _PARTS, "the file")
    if data.get("version", "1.0") != "1.0":
        raise ValueError(f"version is {shown(data['version'])}, and only '1.0' can be read; update gptscope")
    for name in ("truncation", "padding"):
        if data.get(name) is not None:
            raise ValueError(f"{name} is on, which cuts or adds ids of a text; call no_{name}() and save it again")
    model = data["model"]
    _check_names(model, {*_MODEL, "vocab", "merges"}, "model")
    for name, harmless in _MODEL.items():
        if name in model and model[name] not in harmless:
            raise _other(f"model.{name}", model[name], shown(harmless[0]))
    if data.get("normalizer") is not None:
        raise _other("normalizer", data["normalizer"], "null")
    for name in ("pre_tokenizer", "decoder"):
        part = data.get(name)
        if not isinstance(part, dict) or part.get("type") != "ByteLevel":
            raise _other(name, part, "ByteLevel")
        _check_names(part, _BYTE_LEVEL, name)
    cutting = data["pre_tokenizer"]
    for name, value, wanted in (
        ("add_prefix_space", cutting.get("add_prefix_space"), False),
        ("use_regex", cutting.get("use_regex", True), True),
    ):
        if value is not wanted:
            raise _other(f"pre_tokenizer.{name}", value, shown(wanted))
    after = data.get("post_processor")
    if after is not None and not _adds_nothing(after):
        raise _other("post_processor", after, "null, ByteLevel or a template of only the text, which adds no token")


def _adds_nothing(after: object) -> bool:
    if not isinstance(after, dict):
        return False
    kind, single = after.get("type"), after.get("single")
    return kind == "ByteLevel" or (kind == "TemplateProcessing" and single == _TEXT_ALONE)


def _check_names(part: Mapping[str, object], known: set[str], what: str) -> None:
    for name, value in part.items():
        if name not in known and value is not None:
            raise ValueError(f"{what} has {shown(name)}, which is unknown and may change how text becomes ids")


def _other(name: str, got: object, wanted: str) -> ValueError:
    return ValueError(f"{name} is {shown(got)}, which changes how text becomes ids; GPT-2's is {wanted}")


def _merges(merges: object) -> Iterator[Merge]:
    """Yield each merge: a list of two tokens, or, in older files, a text with a space between them."""
    if not isinstance(merges, list):
        raise ValueError(f"model.merges must be a list of pairs, got {shown(merges)}")
    for entry, merge in enumerate(merges):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(p, str) and p for p in parts):
            raise ValueError(f"model.merges, entry {entry}, must be two tokens, got {shown(merge)}")
        yield Merge(entry, *parts)


def _added(data: Mapping[str, Any]) -> Iterator[Added]:
    listed = data.get("added_tokens") or []
    if not isinstance(listed, list):
        raise ValueError(f"added_tokens must be a list, got {shown(listed)}")
    for entry, token in enumerate(listed):
        found = [token.get(name) for name in ("content", "id", "special")] if isinstance(token, dict) else [None]
        if [type(value) for value in found] != [str, int, bool]:
            raise ValueError(
                f"added_tokens, entry {entry}, must have 'content' (text), 'id' (a number) and 'special' (true or "
                f"false), got {', '.join(map(shown, found))}"
            )
        yield Added(*found)
