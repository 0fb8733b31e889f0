"""The sandbox process of a stranger's vocabulary: `worker` encodes there, `client` waits here, but not for ever."""
