"""`python -m gptcore.checkpoint inspect|convert PATH`: print what a checkpoint holds, or write it in our own format."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from gptcore.analysis.parity import parity
from gptcore.capture.capture import capture
from gptcore.capture.trace import Trace
from gptcore.checkpoint import Checkpoint, CheckpointError, HeadsUnknownError, load, save
from gptcore.config import ConfigError, GPTConfig

POSITIONS = 16
"""Number of tokens in the run that the parity line compares."""


def main(arguments: list[str]) -> int:
    """Run the command. Return the exit status: 0, or 1 after a sentence on standard error."""
    options = _parser().parse_args(arguments)
    try:
        config = GPTConfig.from_dict(json.loads(options.config)) if options.config else None
        ckpt = load(options.path, config=config, tokenizer=options.tokenizer, revision=options.revision)
        for line in described(ckpt):
            print(line)
        if options.command == "convert":
            try:
                save(ckpt, options.folder)
            except OSError as error:
                return _sorry(f"{options.folder} could not be written: {error.strerror or error}; nothing was written")
            print(f"written to {options.folder}")
    except HeadsUnknownError as error:
        known = json.dumps({**error.known, "n_head": 0}).replace('"n_head": 0', '"n_head": HEADS')
        return _sorry(f"{error}; here: --config '{known}'")
    except (CheckpointError, ConfigError) as error:
        return _sorry(str(error))
    except ValueError as error:
        return _sorry(f"{error}; nothing was written")
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        sys.stdout = None  # so that Python does not flush it at exit
    return 0


def described(ckpt: Checkpoint) -> Iterator[str]:
    """Yield lines about a checkpoint: sizes, origin, notices, and the parity of two paths through the code."""
    weights = list(ckpt.model.parameters())
    size = sum(weight.nbytes for weight in weights)
    yield f"{ckpt.info['source']}: {ckpt.info['format']}"
    yield f"config: {', '.join(f'{name}={value!r}' for name, value in ckpt.config.to_dict().items())}"
    yield f"parameters: {sum(weight.numel() for weight in weights):,} ({size / 1e6:,.1f} MB in memory)"
    yield f"tokenizer: {type(ckpt.tokenizer).__name__}, {ckpt.tokenizer.vocab_size:,} ids"
    for name, text in (("iter_num", "iterations"), ("best_val_loss", "best validation loss")):
        if name in ckpt.info:
            yield f"{text}: {ckpt.info[name]}"
    for notice in ckpt.info["notices"]:
        yield f"notice: {notice}"
    trace = _grown(ckpt)
    yield (
        f"parity: {parity(ckpt.model, trace):.2e} largest difference of the logits between fused attention, grown "
        f"token by token, and the teaching attention, over {trace.T} tokens"
    )


def _grown(ckpt: Checkpoint) -> Trace:
    """Return a trace of tokens spread over the vocabulary, extended token by token."""
    T, V = min(POSITIONS, ckpt.config.block_size), ckpt.config.vocab_size
    ids = [i * V // T for i in range(T)]
    trace = capture(ckpt.model, ids[:1])
    for t in range(2, T + 1):
        trace = capture(ckpt.model, ids[:t], previous=trace)
    return trace


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gptcore.checkpoint", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="inspect|convert")
    inspect = commands.add_parser("inspect", help="print config, parameter count, notices and a parity line")
    convert = commands.add_parser("convert", help="the same, and write the checkpoint in gptscope's own format")
    for command in (inspect, convert):
        command.add_argument("path", help="a file or folder, a shipped model's name, or owner/name on the hub")
        command.add_argument("--config", help="the model's sizes as JSON, for files without a config")
        command.add_argument("--tokenizer", help="a vocabulary's file or folder, or openwebtext for GPT-2's")
        command.add_argument("--revision", help="branch, tag or commit of a model on the hub")
    convert.add_argument(
        "folder", help="where to write; an existing gptscope folder is replaced, anything else is never overwritten"
    )
    return parser


def _sorry(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
