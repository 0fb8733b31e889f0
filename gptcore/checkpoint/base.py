"""The Checkpoint that every format is read into, and the one error of a file that cannot be read.

This file knows no format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gptcore.config import GPTConfig
from gptcore.model import GPT
from gptcore.tokenizer import Tokenizer
from gptcore.tokenizer.bounded import one_line


class CheckpointError(ValueError):
    r"""A checkpoint cannot be loaded. The sentence says what was found, what was expected, and what to do.

    The sentence is always one printable line of at most `MOST` characters, whatever names an untrusted file puts into
    it: a longer one loses its middle, and characters that cannot be printed are escaped.

    >>> str(CheckpointError("the key a\nb is unknown"))
    'the key a\\nb is unknown'
    """

    MOST = 2000

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(sentence, self.MOST))


class HeadsUnknownError(CheckpointError):
    """The weights come without a config. `known` holds every field of the GPTConfig except the number of heads."""

    def __init__(self, sentence: str, known: dict[str, Any]) -> None:
        super().__init__(sentence)
        self.known = known


class VocabularyError(CheckpointError):
    """The vocabulary is wrong, and the weights may be right: `load(..., tokenizer="ids")` opens the model with ids."""


class OpenInsteadError(CheckpointError):
    """There is nothing to load at a place, but at others near it: `instead` lists what `load` takes."""

    def __init__(self, sentence: str, instead: Iterable[str]) -> None:
        super().__init__(sentence)
        self.instead = tuple(instead)


class OnTheHubError(OpenInsteadError):
    """There is nothing to load at a place, but a model on the Hugging Face hub is called so: `instead` is its name."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained model with everything that is needed to use it.

    >>> from gptcore.tokenizer import CharTokenizer
    >>> config = GPTConfig(block_size=8, vocab_size=3, n_layer=1, n_head=1, n_embd=4)
    >>> ckpt = Checkpoint(GPT(config).eval(), CharTokenizer("abc"), config, {"iter_num": 0})
    >>> ckpt.tokenizer.encode("cab")
    [2, 0, 1]

    Raises:
        ValueError: `config` is not the model's, or the tokenizer has ids that the model does not have.
    """

    model: GPT
    tokenizer: Tokenizer
    config: GPTConfig
    info: dict[str, Any] = field(default_factory=dict)
    """Plain data: format, source, iter_num, best_val_loss (nats), notices (a list of sentences), as far as known."""

    def __post_init__(self) -> None:
        if self.config != self.model.config:
            raise ValueError(f"the config must be the model's own, {self.model.config}, got {self.config}")
        if self.tokenizer.vocab_size > self.config.vocab_size:
            raise ValueError(
                f"the tokenizer has {self.tokenizer.vocab_size} ids, but the model has only {self.config.vocab_size} "
                "(vocab_size); use the tokenizer that the model was trained with"
            )

    def _repr_html_(self) -> str:
        from gptcore.checkpoint.checkpoint_html import checkpoint_html  # imported here: only notebooks ask for it

        return checkpoint_html(self)
