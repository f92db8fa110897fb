"""What can be wrong with what a user wrote."""


class ScenarioError(Exception):
    """A scenario, manifest, trace or result file that cannot be used.

    The text is one line: `file:line: field: value: what is allowed`.
    """
