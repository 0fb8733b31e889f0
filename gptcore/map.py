"""`python -m gptcore.map CONFIG --view attention --layer 0 --to out.svg`: a view of a model's map as a drawing.

CONFIG is a preset's name such as `gpt2`, a JSON file of a config, or whatever `gptcore.load` opens.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from gptcore.checkpoint import CheckpointError, load
from gptcore.config import PRESETS, ConfigError, GPTConfig
from gptcore.export.target import checked_suffix, write_target
from gptcore.graph.architecture import Architecture, architecture
from gptcore.graph.mermaid import to_mermaid
from gptcore.graph.node import ATTENTION, SDPA
from gptcore.tokenizer.bounded import read_json

SUFFIXES = (".svg", ".mmd", ".dot", ".html")
SHORT = {"attention": ATTENTION, "sdpa": SDPA}
"""Short names of views that are not a part of one full name alone."""


def main(arguments: list[str]) -> int:
    """Run the command. Return the exit status: 0, or 1 after a sentence on standard error."""
    options = _parser().parse_args(arguments)
    try:
        target = checked_suffix(options.to, SUFFIXES)
        arch = architecture(config_of(options.config))
        view = view_named(arch, options.view)
        text = _drawn(arch, target.suffix.lower(), options.config, view, options.layer, options.unfold, options.T)
        write_target(target, lambda file: file.write(text.encode()))
    except CheckpointError as error:
        return _sorry(f"{error}; or give a preset: {', '.join(PRESETS)}")
    except (ValueError, IndexError) as error:
        return _sorry(str(error))
    except ModuleNotFoundError as error:
        return _sorry(f"drawing needs the package {error.name}; install it with: pip install 'gptscope[app]'")
    except OSError as error:
        return _sorry(f"{options.to} could not be written: {error.strerror or error}")
    where = "" if arch.views[view].container is None else f" of block {options.layer}"
    print(f"written to {target}: the {view} view{where}")
    return 0


def config_of(text: str) -> GPTConfig:
    """Return the config of a preset, of a JSON file, or of a checkpoint.

    Raises:
        ValueError: it is none of them.

    >>> config_of("gpt2").n_layer, config_of("fairytales").n_layer
    (12, 4)
    """
    if text in PRESETS:
        return PRESETS[text]
    path = Path(text).expanduser()
    if path.suffix.lower() == ".json" and path.is_file():
        return _of_json(path)
    return load(text).config


def view_named(arch: Architecture, text: str) -> str:
    """Return the name of the view that is meant: its name, a part of it that no other has, or a short form.

    Raises:
        ValueError: no view, or more than one, is called so; it lists them.

    >>> arch = architecture(GPTConfig.preset("gpt2"))
    >>> [view_named(arch, text) for text in ("attention", "dot-product", "mlp", "Self-Attention")]
    ['self-attention', 'scaled dot-product attention', 'MLP', 'self-attention']
    >>> view_named(arch, "heads")
    Traceback (most recent call last):
    ValueError: the view must be one of model, block, self-attention, scaled dot-product attention, MLP; got 'heads'
    """
    plain = {_plain(name): name for name in arch.views.names()}
    asked = _plain(text)
    if asked in SHORT:
        return SHORT[asked]
    found = [plain[asked]] if asked in plain else [name for each, name in plain.items() if asked in each]
    if len(found) != 1:
        raise ValueError(f"the view must be one of {', '.join(arch.views.names())}; got {text!r}")
    return found[0]


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("-", " ").replace("_", " ").split())


def _of_json(path: Path) -> GPTConfig:
    """Return the config that a JSON file holds: its fields, or those under "config", as in a gptscope folder."""
    found = read_json(path)
    if isinstance(found, dict) and isinstance(found.get("config"), dict):
        found = found["config"]
    remedy = "give the folder of a checkpoint, whose sizes are then read"
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold the fields of a GPTConfig, got {type(found).__name__}; or {remedy}")
    try:
        return GPTConfig.from_dict(found)
    except ConfigError as error:
        raise ValueError(f"{path} must hold the fields of a GPTConfig ({str(error)[:500]}); or {remedy}") from None


def _drawn(arch: Architecture, suffix: str, title: str, view: str, layer: int, unfold: bool, T: int | None) -> str:
    length = arch.config.block_size if T is None else T
    if suffix == ".mmd":
        return to_mermaid(arch, view, layer, unfold, length) + "\n"
    # imported here: they need packages of the extra `app`
    from gptcore.graph.draw import to_dot
    from gptcore.graph.standalone import page, standalone_svg

    writers: dict[str, Callable[[], str]] = {
        ".svg": lambda: standalone_svg(arch, view, layer, unfold, length),
        ".dot": lambda: to_dot(arch, view, layer, unfold, length).source,
        ".html": lambda: page(arch, f"{title}: {view}", view, layer, unfold, length),
    }
    return writers[suffix]()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gptcore.map", description=__doc__)
    parser.add_argument(
        "config", metavar="CONFIG", help=f"a preset ({', '.join(PRESETS)}), a JSON file of a config, or a checkpoint"
    )
    parser.add_argument(
        "--view", default="model", help="model, block, attention, dot-product or MLP (default: %(default)s)"
    )
    parser.add_argument("--layer", type=int, default=0, help="the block, from 0 (default: %(default)s)")
    parser.add_argument("--unfold", action="store_true", help="in the model's view, draw every block")
    parser.add_argument("-T", type=int, metavar="T", help="the sequence length of the shapes (default: block_size)")
    parser.add_argument(
        "--to", required=True, metavar="FILE", help="the file to write; its suffix decides: .svg, .mmd, .dot or .html"
    )
    return parser


def _sorry(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
