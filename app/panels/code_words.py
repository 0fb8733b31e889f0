"""Words of Python source with the class of each for colouring, by Python's own tokenizer. No Streamlit."""

from __future__ import annotations

import io
import keyword
import tokenize
from functools import lru_cache

Words = list[tuple[str, str]]
"""A line as pairs (class, text); the texts joined are the line. Classes: keyword, called, string, number, comment."""


@lru_cache(maxsize=64)
def classify(source: str) -> tuple[Words, ...]:
    """Return the words of each line of Python source, without classes if the source does not parse.

    >>> classify("x = None  # no")[0]
    [('', 'x = '), ('keyword', 'None'), ('', '  '), ('comment', '# no')]
    """
    lines = source.splitlines()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return tuple([("", line)] if line else [] for line in lines)
    marks: list[list[tuple[int, int, str]]] = [[] for _ in lines]
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        kind = _kind(token, following)
        if not kind:
            continue
        for row in range(token.start[0], token.end[0] + 1):
            begin = token.start[1] if row == token.start[0] else 0
            end = token.end[1] if row == token.end[0] else len(lines[row - 1])
            marks[row - 1].append((begin, end, kind))
    return tuple(_words(line, found) for line, found in zip(lines, marks, strict=True))


def _kind(token: tokenize.TokenInfo, following: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME:
        if keyword.iskeyword(token.string) or token.string == "self":
            return "keyword"
        return "called" if following.string == "(" else ""
    if token.type == tokenize.STRING or tokenize.tok_name[token.type].startswith("FSTRING"):
        return "string"
    return {tokenize.NUMBER: "number", tokenize.COMMENT: "comment"}.get(token.type, "")


def _words(line: str, marks: list[tuple[int, int, str]]) -> Words:
    words: Words = []
    at = 0
    for begin, end, kind in marks:
        if begin > at:
            words.append(("", line[at:begin]))
        if end > begin:
            words.append((kind, line[begin:end]))
        at = end
    if at < len(line):
        words.append(("", line[at:]))
    return words
