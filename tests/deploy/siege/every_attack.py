"""All attacks but the files, in their order."""

from __future__ import annotations

from tests.app.test_forged_frames import FRAMES, MESSAGES
from tests.deploy.siege.connections import (
    foreign_host,
    foreign_origin,
    frame_attack,
    message_attack,
    no_pass,
    state_attacks,
)
from tests.deploy.siege.crowds import (
    guesses,
    handshakes,
    large_files,
    pages_at_once,
    slow_files,
    slow_headers,
    slow_readers,
    too_many_pages,
)
from tests.deploy.siege.odd_requests import paths, requests
from tests.deploy.siege.place import Attack
from tests.deploy.siege.work import (
    emptied_caches,
    every_model,
    keys_in_a_hurry,
    long_text,
    longer_text,
    whole_pages_in_a_hurry,
)


def attacks() -> list[Attack]:
    """Return all attacks but the files, in their order."""
    return [
        *paths(),
        *requests(),
        Attack("a live connection of another origin", foreign_origin),
        Attack("a live connection by another name", foreign_host),
        Attack("a live connection without a password", no_pass),
        *(message_attack(what, message) for what, message in MESSAGES.items()),
        *(frame_attack(what, frame) for what, frame in FRAMES.items()),
        *state_attacks(),
        Attack("0.9 MB typed", long_text),
        Attack("10 MB typed", longer_text),
        Attack("the caches of all emptied, eight times", emptied_caches),
        Attack("keys in a hurry", keys_in_a_hurry),
        Attack("whole pages in a hurry", whole_pages_in_a_hurry),
        Attack("every model, and paths", every_model),
        Attack("forty pages at once", pages_at_once),
        Attack("more pages than an address may have", too_many_pages),
        Attack("slow headers", slow_headers),
        Attack("slow files", slow_files),
        Attack("slow readers", slow_readers),
        Attack("sixteen of the largest files at once", large_files),
        Attack("300 handshakes", handshakes),
        Attack("600 guesses of the password", guesses),
    ]
