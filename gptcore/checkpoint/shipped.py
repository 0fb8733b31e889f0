"""The place of the models that come with gptscope. Only this file knows it; it loads none of them."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped_folder() -> Path:
    """Return the folder: inside the package if installed from a wheel, else `assets/checkpoints` of the repository."""
    installed = _PACKAGE / "checkpoints"
    return installed if installed.is_dir() else _PACKAGE.parent / "assets" / "checkpoints"


def shipped_line(name: str) -> str:
    """Return a line about a shipped model: the first line of text in its card; its name where that is gone."""
    try:
        text = (shipped_folder() / name / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return name
    return next((line for line in text.splitlines() if line and not line.startswith(("#", "---"))), name)


def shipped_models() -> list[str]:
    """Return the names that `load` knows without a path, sorted."""
    folder = shipped_folder()
    return sorted(path.parent.name for path in folder.glob("*/config.json")) if folder.is_dir() else []
