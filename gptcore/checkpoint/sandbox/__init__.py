"""Pickled files are opened in a process apart: `worker` runs there, `client` here."""
