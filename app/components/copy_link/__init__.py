"""A button that copies the address of what is on the screen."""

from __future__ import annotations

from app.components._assets import check_payload, register

_BUTTON = register("copy_link")


def copy_link(*, key: str, refusal: str = "") -> None:
    """Mount the button; it follows the state that `address` and `explore_panels` are sent.

    Args:
        key: key of the component.
        refusal: the sentence that says why there is no link that others could open; "" where there is one.
    """
    _BUTTON(key=key, data=check_payload({"refusal": refusal}))
