"""What can go wrong while futures are simulated, as exceptions a caller can tell apart."""


class SimError(Exception):
    """Base of every error the model raises on purpose; its text is one line for a person."""


class ClusterError(SimError):
    """The Dask cluster cannot be reached, has no workers, was lost, or does not run the same model as we do."""
