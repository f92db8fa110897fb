"""Warning Events on the objects of users: what was refused, where, and what is allowed.

What stands refused is told once, however often it is found. An Event's name follows from object and problem, so that
a new leader finds the old one's Event and adds to it. Nothing is queued: what was not written yet still stands.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from threading import Lock

import structlog

from balancer.kube.api import MERGE_PATCH, ApiError, ApiUnavailableError, Json, ReadsAndWrites
from balancer.kube.cluster import Refusal
from balancer.kube.reference import CONTROLLER, ObjectRef
from balancer.policy.objects import Problem

REASON = "Refused"
_log = structlog.get_logger()
# Source: Kubernetes 1.34, pkg/apis/core/validation/events.go: NoteLengthLimit
_LONGEST_NOTE_BYTES = 1024
_LONGEST_VALUE = 200
# Source: Kubernetes, object names: a DNS subdomain has 253 characters; some are for the hash
_LONGEST_NAME = 230
_RETRY_LATER = {429, 500, 502, 503, 504}


def place(problem: Problem) -> str:
    """The annotation's name, or the place in the object with dots."""
    path = problem.path
    if path[:2] == ("metadata", "annotations") and len(path) == 3:
        return str(path[2])
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def note(refusal: Refusal) -> str:
    """One line for the user: place, value, what is allowed. Never what a Secret holds."""
    problem = refusal.problem
    shown = _shown(problem.value, secret=refusal.ref.kind == "Secret")
    words = f"{printable(place(problem))}{shown}: {printable(problem.allowed)}"
    encoded = words.encode()
    if len(encoded) <= _LONGEST_NOTE_BYTES:
        return words
    return encoded[: _LONGEST_NOTE_BYTES - 3].decode(errors="ignore") + "…"


def event_name(refusal: Refusal) -> str:
    """The same for the same problem of the same object."""
    ref = refusal.ref
    words = f"{ref.uid} {ref.kind} {ref.namespace} {ref.name} {note(refusal)}"
    return f"{ref.name[:_LONGEST_NAME].rstrip('.-')}.{hashlib.sha256(words.encode()).hexdigest()[:16]}"


class Recorder:
    """Writes Events for what stands refused. `stand` and `write` may be called by different threads.

    Of one object at most `per_object` problems are told. At most `burst` Events are written at once and `per_s` a
    second in the long run. An Event is written anew after `refresh_s`, before the API server forgets it.
    """

    def __init__(
        self,
        api: ReadsAndWrites,
        instance: str,
        *,
        per_object: int = 20,
        burst: int = 200,
        per_s: float = 20.0,
        refresh_s: float = 1800.0,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._instance, self._utc_now, self._clock = api, instance, utc_now, clock
        self._per_object, self._burst, self._per_s, self._refresh_s = per_object, burst, per_s, refresh_s
        self._standing: dict[str, Refusal] = {}
        self._told: dict[str, tuple[float, int]] = {}
        self._tokens, self._filled_s = float(burst), clock()
        self._lock = Lock()

    def stand(self, refusals: Iterable[Refusal]) -> None:
        """All that is refused as of now."""
        standing: dict[str, Refusal] = {}
        by_object: dict[ObjectRef, int] = {}
        for refusal in refusals:
            name = event_name(refusal)
            if name not in standing and by_object.get(refusal.ref, 0) < self._per_object:
                by_object[refusal.ref] = by_object.get(refusal.ref, 0) + 1
                standing[name] = refusal
        with self._lock:
            self._standing = standing
            self._told = {name: told for name, told in self._told.items() if name in standing}

    @property
    def waiting(self) -> int:
        """How many Events are still to be written."""
        return len(self._untold(self._clock()))

    def write(self) -> int:
        """Write what was not told yet, as far as the limits allow; for the leader. Gives how many were written.

        Raises nothing of the API: what it does not take now is tried at the next call.
        """
        now_s = self._clock()
        self._tokens = min(float(self._burst), self._tokens + (now_s - self._filled_s) * self._per_s)
        self._filled_s = now_s
        written = 0
        for name, refusal in self._untold(now_s):
            if self._tokens < 1:
                break
            self._tokens -= 1
            try:
                count = self._tell(name, refusal)
            except ApiUnavailableError as error:
                _log.warning("events not written", waiting=self.waiting, error=str(error))
                break
            except ApiError as error:
                if error.status in _RETRY_LATER:
                    _log.warning("events not written", waiting=self.waiting, error=str(error))
                    break
                # its namespace is going, or it is not allowed: asking again would change nothing
                _log.warning("event refused", object=refusal.ref.name, status=error.status, reason=error.reason)
                count = 1
            with self._lock:
                self._told[name] = (now_s, count)
            written += 1
        return written

    def _untold(self, now_s: float) -> list[tuple[str, Refusal]]:
        with self._lock:
            return [
                (name, refusal)
                for name, refusal in self._standing.items()
                if name not in self._told or now_s - self._told[name][0] >= self._refresh_s
            ]

    def _tell(self, name: str, refusal: Refusal) -> int:
        """Create the Event, or add to the one that is there; gives how often it was told, at least."""
        namespace = refusal.ref.namespace or "default"
        collection = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        with self._lock:
            told = self._told.get(name, (0.0, 1))[1]
        if told == 1:
            try:
                self._api.send("POST", collection, self._event(name, namespace, refusal))
            except ApiError as error:
                if error.status != 409:
                    raise
            else:
                return 2
        series = {"series": {"count": max(told, 2), "lastObservedTime": self._now()}}
        try:
            self._api.send("PATCH", f"{collection}/{name}", series, content_type=MERGE_PATCH)
        except ApiError as error:
            if error.status != 404:
                raise
            self._api.send("POST", collection, self._event(name, namespace, refusal))
            return 2
        return max(told, 2) + 1

    def _event(self, name: str, namespace: str, refusal: Refusal) -> Json:
        ref = refusal.ref
        regarding = {"apiVersion": ref.api_version, "kind": ref.kind, "name": ref.name, "uid": ref.uid}
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": self._now(),
            "type": "Warning",
            "reason": REASON,
            "action": "Configure",
            "note": note(refusal),
            "regarding": {**regarding, "namespace": ref.namespace} if ref.namespace else regarding,
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
        }

    def _now(self) -> str:
        return self._utc_now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def printable(text: str) -> str:
    """The text with everything that is no visible character escaped, so that it stays one line and looks as it is."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _shown(value: object, *, secret: bool) -> str:
    """A value as a note shows it; nothing for no value or what may be secret."""
    text = str(value)
    if value is None or secret or "PRIVATE KEY" in text:
        return ""
    cut = text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
    return f" {printable(cut)!r}" if cut.isprintable() else f" '{printable(cut)}'"
