"""A way that messages take, and that can be cut: to the API server, or to the nodes of a zone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Action = Callable[[], object]


class Gate:
    """While it is shut, actions wait in their order; each must check, once it runs, whether it still matters."""

    def __init__(self) -> None:
        self._shut = 0
        self._waiting: deque[Action] = deque()

    @property
    def is_open(self) -> bool:
        """Whether an action would run at once."""
        return not self._shut

    def send(self, action: Action) -> None:
        """Run `action` now, or when the gate opens."""
        if self._shut:
            self._waiting.append(action)
        else:
            action()

    def shut(self) -> None:
        """Cut it; of overlapping cuts each must end."""
        self._shut += 1

    def reopen(self) -> None:
        """End one cut, and let what waited run if it was the last."""
        self._shut -= 1
        while self._waiting and not self._shut:
            self._waiting.popleft()()
