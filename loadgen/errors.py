"""What can go wrong in the load generator."""


class LoadError(Exception):
    """The load cannot be sent as asked; the text is one line for a person."""
