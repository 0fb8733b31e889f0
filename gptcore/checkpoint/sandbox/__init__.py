"""The sandbox process in which untrusted pickles are opened: `worker` runs there, `client` here."""
