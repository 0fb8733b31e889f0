"""The one error of training data. Imports nothing, so that every file of this package can raise it."""


class DataError(ValueError):
    """A data set that is not there, not what it should be, or too small to train on."""
