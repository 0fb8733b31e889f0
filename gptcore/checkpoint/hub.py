"""From a model's name on the Hugging Face hub to a folder on this disk. This file knows names of files, no format.

Only the files that a GPT-2 needs are downloaded, all of one commit, into the cache of `huggingface_hub`; files in the
cache are reused. That package is optional (extra `hub`) and imported only when a model is fetched.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Collection
from pathlib import Path

from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.parts import first_five

CONFIG = "config.json"
TOKENIZER = ("tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Containers of weights, the better one first. If the weights are in parts, an index is there: name + `.index.json`."""
MOST_INDEX_BYTES = 2**22
OWNERS = {
    **dict.fromkeys(("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"), "openai-community"),
    "distilgpt2": "distilbert",
}
"""Models that the hub knew without an owner once, as many texts still call them, and the owner of each."""


def whole_name(text: str) -> str | None:
    """Return owner/name of a model that is often called by its name alone; None for any other text.

    >>> whole_name("gpt2-medium"), whole_name("distilgpt2"), whole_name("GPT-2"), whole_name("gpt3")
    ('openai-community/gpt2-medium', 'distilbert/distilgpt2', 'openai-community/gpt2', None)
    """
    name = text.strip().lower().replace("gpt-2", "gpt2")
    return f"{OWNERS[name]}/{name}" if name in OWNERS else None


def looks_like_hub_name(text: str) -> bool:
    """Return True if `text` is spelled like a name on the hub, owner/name. A path such as runs/mine is, too.

    >>> [looks_like_hub_name(text) for text in ("openai-community/gpt2", "gpt2", "./gpt2", "a/b/c", "a/..", "a/b.git")]
    [True, False, False, False, False, False]
    """
    part = r"\w([\w.-]{0,94}\w)?"
    return bool(re.fullmatch(rf"(?!.*(\.\.|--|\.git$)){part}/{part}", text, re.ASCII))


def fetch(name: str, revision: str | None = None) -> Path:
    """Return the cache's folder with the model `name` (owner/name) as it is on the hub now; download missing files.

    `revision` is a branch, a tag or a commit; by default the main branch. If the hub does not answer, a complete
    earlier download of this name and revision is used.

    Raises:
        CheckpointError: no such model or revision, no access, no network, no space, or no files of a GPT-2.
    """
    odd = revision is not None and not re.fullmatch(r"(?![-/])(?!.*\.\.)[^\s\\:]+", revision)
    if odd or not looks_like_hub_name(name):
        raise CheckpointError(
            f"a model on the hub is owner/name, its revision a branch, a tag or a commit; got {name!r} and {revision!r}"
        )
    try:
        from huggingface_hub import errors
    except ImportError as error:
        raise CheckpointError(
            f"fetching {name} from the Hugging Face hub needs the package huggingface_hub ({error}); run "
            "pip install 'gptscope[hub]', or download the folder elsewhere and give its path"
        ) from error
    begun = False
    try:
        sha, listing = _listed(name, revision)
        begun = True
        return _downloaded(name, revision, sha, listing)
    except CheckpointError:
        raise
    except Exception as error:  # network errors: huggingface_hub has changed its network library, so its errors, twice
        hidden = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) else None
        cause = hidden if isinstance(hidden, Exception) else error
        if refusal := _refusal(cause, name, revision):
            raise CheckpointError(refusal) from error
        if folder := _cached(name, revision):
            return folder
        pinned = f" --revision {revision}" if revision else ""
        raise CheckpointError(
            f"{name} cannot be downloaded ({_told(cause)}), and the cache holds no complete copy; "
            f"{'try again (finished parts are kept), or ' if begun else ''}download it on a machine with network, "
            f"`hf download {name}{pinned} --local-dir folder`, and load that folder's path"
        ) from error


def _listed(name: str, revision: str | None) -> tuple[str, list[str]]:
    """Return the commit that the revision points to now, and the names of its files."""
    from huggingface_hub import constants, model_info

    # without a timeout, the caller would wait minutes behind a firewall that drops packets
    info = model_info(name, revision=revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    return str(info.sha), sorted(sibling.rfilename for sibling in info.siblings or ())


def _downloaded(name: str, revision: str | None, sha: str, listing: Collection[str]) -> Path:
    from huggingface_hub import hf_hub_download

    def local(file: str) -> Path:
        return Path(hf_hub_download(name, file, revision=sha))

    weights = _weights(name, listing, local)
    for file in (CONFIG, *(file for file in TOKENIZER if file in listing), *weights):  # the weights last: see _cached
        local(file)
    folder = local(CONFIG).parent
    if (known := _cached(name, revision)) is None or known.name != folder.name:
        # files fetched by commit hash alone do not teach the cache the branch, which `_cached` needs when offline
        with contextlib.suppress(Exception):
            hf_hub_download(name, CONFIG, revision=revision)
    return folder


def _cached(name: str, revision: str | None) -> Path | None:
    """Return the cache's folder for this revision if it is complete, without network. The weights come last."""
    from huggingface_hub import try_to_load_from_cache

    try:
        config = try_to_load_from_cache(name, CONFIG, revision=revision)
        if not isinstance(config, str):  # None, or a marker that the commit has no such file
            return None
        folder = Path(config).parent
        _weights(name, [path.name for path in folder.iterdir() if path.is_file()], folder.joinpath)
    except (CheckpointError, OSError):
        return None
    return folder


def _weights(name: str, listing: Collection[str], local: Callable[[str], Path]) -> list[str]:
    """Return the files of the weights: one, or an index, which `local` fetches, and the parts that it names."""
    for single in WEIGHTS if CONFIG in listing else ():
        if single in listing:  # in transformers' order
            return [single]
        if (index := f"{single}.index.json") in listing:
            return [index, *_parts(name, local(index), Path(single).suffix, listing)]
    raise CheckpointError(
        f"{name} on the hub holds {first_five(listing) or 'nothing'}; expected is a GPT-2 as transformers writes it, "
        f"{CONFIG} with {' or '.join(WEIGHTS)}: choose another model"
    )


def _parts(name: str, index: Path, suffix: str, listing: Collection[str]) -> list[str]:
    """Return the files that an untrusted index names. Only listed files with the index's own suffix are accepted."""
    try:
        content = json.loads(index.read_bytes()) if index.stat().st_size <= MOST_INDEX_BYTES else {}
        parts = list(dict.fromkeys(content["weight_map"].values()))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        parts = []
    plain = re.compile(rf"\w[\w.-]*{re.escape(suffix)}")
    odd = [str(part) for part in parts if part not in listing or not plain.fullmatch(part)]
    if odd or not parts:
        raise CheckpointError(
            f"{index.name} of {name} names as parts of the weights {first_five(odd) or 'nothing'}; expected are "
            f"{suffix} files beside it: choose another model, or tell its owner"
        )
    return parts


def _refusal(error: Exception, name: str, revision: str | None) -> str | None:
    """Return the sentence for an error that the user can resolve; None if the network or the hub itself failed."""
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{name}"
    if isinstance(error, errors.GatedRepoError):  # a subclass of RepositoryNotFoundError
        return f"{name} is gated, its owner grants access: ask for it at {page}, then log in with `hf auth login`"
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"the Hugging Face hub has no model {name!r} that you may see; check the spelling, or the path if you "
            "meant one; for a private or gated model, log in with `hf auth login`"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{name} has no revision {revision!r}; expected is a branch, tag or commit: {page}/commits lists them"
    if isinstance(error, errors.HfHubHTTPError):
        status = getattr(error.response, "status_code", 500)
        if status == 429 or status >= 500:  # too many requests (a class behind one address), or the hub is down
            return None
        return f"the Hugging Face hub refuses {name} ({_told(error)}); log in anew with `hf auth login`, or see {page}"
    local = isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError | TimeoutError)
    if local or "No space left" in str(error):  # the package's Rust part raises its own error without errno
        return (
            f"{name} cannot be written to {constants.HF_HUB_CACHE} ({_told(error)}); make room there, make it "
            "writable, or set HF_HOME to another folder"
        )
    return None


def _told(error: Exception) -> str:
    """Return the kind of an error and the start of its message."""
    return first_five([f"{type(error).__name__}: {str(error).strip()}".split("\n")[0][:200]])
