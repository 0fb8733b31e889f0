"""The one error of training data. This file imports nothing, so that every file of this package can raise it."""


class DataError(ValueError):
    """A data set is missing, has the wrong content, or is too small to train on."""
