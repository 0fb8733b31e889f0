"""A stranger's vocabulary in a process apart: `worker` encodes there, `client` waits here, but not for ever."""
