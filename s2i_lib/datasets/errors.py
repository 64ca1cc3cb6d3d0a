"""What goes wrong with data."""


class DatasetError(ValueError):
    """A data set that is unknown, missing or incomplete; the message says how to get it."""
