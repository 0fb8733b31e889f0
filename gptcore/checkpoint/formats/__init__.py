"""File formats of checkpoints, one module each."""
