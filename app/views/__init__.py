"""The pages, one per file, each one function."""
