"""Where the models that come with gptscope lie. This file alone knows; it reads none of them."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped_folder() -> Path:
    """Inside the package when it was installed from a wheel; the repository's `assets/` when it runs from there."""
    installed = _PACKAGE / "checkpoints"
    return installed if installed.is_dir() else _PACKAGE.parent / "assets" / "checkpoints"


def shipped_line(name: str) -> str:
    """What a shipped model is, in a line: the first line of its card's text."""
    text = (shipped_folder() / name / "README.md").read_text(encoding="utf-8")
    return next((line for line in text.splitlines() if line and not line.startswith(("#", "---"))), name)


def shipped_models() -> list[str]:
    """The names that `load` knows without a path, sorted."""
    folder = shipped_folder()
    return sorted(path.parent.name for path in folder.glob("*/config.json")) if folder.is_dir() else []
