"""A button that copies the lines of Python that make a picture."""

from __future__ import annotations

from app.components._assets import check_payload, register

_COPY = register("copy_code")


def copy_code(code: str, *, key: str) -> None:
    """Mount the button.

    Args:
        code: the lines; they are shown when the button is pointed at.
        key: key of the component.
    """
    _COPY(key=key, data=check_payload({"code": code}))
