"""What can be wrong with what a user wrote."""


class ScenarioError(Exception):
    """A scenario, manifest, trace or result file that cannot be used.

    The text is one line a mistake, without a newline at its end: `file:line: field: value: what is allowed`.
    """

    @property
    def lines(self) -> tuple[str, ...]:
        """The mistakes one by one."""
        return tuple(str(self).splitlines())
