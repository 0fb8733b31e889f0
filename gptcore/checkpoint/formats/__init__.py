"""The file formats of checkpoints, a module each."""
