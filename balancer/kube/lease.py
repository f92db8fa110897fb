"""Who writes status and Events: one replica at a time, by a Lease that it renews.

Another's Lease is judged by when we saw it change, never by the times written in it, so clocks need not agree.
Our own lead ends by our own clock, before anybody else may take over. Source: client-go, tools/leaderelection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from balancer.kube.api import ApiError, ApiUnavailableError, Json, ReadsAndWrites

_log = structlog.get_logger()
_CONFLICT, _NOT_FOUND = 409, 404


@dataclass(frozen=True)
class Timing:
    """Seconds. A Lease not renewed for `duration_s` may be taken.

    Its holder stops leading `renew_deadline_s` after it last renewed, so that two never lead at once as long as
    their clocks run at about the same speed.
    """

    duration_s: float = 15.0
    renew_every_s: float = 5.0
    renew_deadline_s: float = 10.0
    retry_every_s: float = 2.0


@dataclass(frozen=True)
class _Seen:
    """The Lease as last read or written, and when we first saw it so."""

    lease: Json
    since_s: float

    @property
    def holder(self) -> str:
        return str(self.lease.get("spec", {}).get("holderIdentity") or "")

    @property
    def version(self) -> str:
        return str(self.lease["metadata"].get("resourceVersion", ""))

    @property
    def duration_s(self) -> float:
        return float(self.lease.get("spec", {}).get("leaseDurationSeconds") or 0)


class Election:
    """One candidate. `step` in one thread; `leading` from any. Times are of a monotonic clock, seconds."""

    def __init__(
        self,
        api: ReadsAndWrites,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api, self._identity, self._clock, self._utc_now = api, identity, clock, utc_now
        self.timing = timing or Timing()
        self._namespace, self._name = namespace, name
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._seen: _Seen | None = None
        self._renewed_s: float | None = None
        self._led = False

    @property
    def leading(self) -> bool:
        """Whether this replica may write now; ends by itself when renewing fails for too long."""
        renewed_s = self._renewed_s
        return renewed_s is not None and self._clock() < renewed_s + self.timing.renew_deadline_s

    @property
    def holder(self) -> str:
        """Whom the Lease named when we last looked; empty for nobody."""
        return self._seen.holder if self._seen else ""

    def step(self, now_s: float) -> float:
        """Renew, take over, or look on; gives the seconds to wait before the next step. Raises nothing of the API."""
        try:
            if self._seen is None or self._seen.holder != self._identity:
                self._look(now_s)
            if self._renewed_s != now_s:
                self._hold_if_free(now_s)
        except ApiError as error:
            if error.status in {_CONFLICT, _NOT_FOUND}:
                # somebody else was faster, or the Lease is gone: look anew
                self._seen = None
            else:
                _log.warning("lease refused", status=error.status, reason=error.reason)
        except ApiUnavailableError as error:
            _log.warning("lease not reached", error=str(error))
        self._tell()
        renewed = self._renewed_s == now_s
        return self.timing.renew_every_s if renewed else self.timing.retry_every_s

    def release(self) -> None:
        """Stop leading and empty the Lease if it is ours, so that another takes it at once."""
        ours, self._renewed_s = self._renewed_s is not None, None
        self._tell()
        if not ours or self._seen is None:
            return
        try:
            self._write(self._seen, "", self._clock())
        except (ApiError, ApiUnavailableError) as error:
            _log.warning("lease not released, others wait until it ends", error=str(error))

    def run(self, stop: threading.Event) -> None:
        """Step until told to stop, then release."""
        while not stop.is_set():
            wait_s = self.step(self._clock())
            stop.wait(wait_s)
        self.release()

    def _look(self, now_s: float) -> None:
        try:
            lease = self._api.get(f"{self._collection}/{self._name}")
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            self._create(now_s)
            return
        if self._seen is None or self._seen.version != str(lease["metadata"].get("resourceVersion", "")):
            self._seen = _Seen(lease, now_s)

    def _hold_if_free(self, now_s: float) -> None:
        seen = self._seen
        if seen is None:
            return
        ended = now_s >= seen.since_s + (seen.duration_s or self.timing.duration_s)
        if seen.holder in {"", self._identity} or ended:
            self._write(seen, self._identity, now_s)
            self._renewed_s = now_s
        else:
            self._renewed_s = None

    def _create(self, now_s: float) -> None:
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": self._spec({}, self._identity),
        }
        self._seen = _Seen(self._api.send("POST", self._collection, lease), now_s)
        self._renewed_s = now_s

    def _write(self, seen: _Seen, holder: str, now_s: float) -> None:
        """ApiError 409 when the Lease is no longer as seen."""
        lease = {**seen.lease, "spec": self._spec(seen.lease.get("spec", {}), holder)}
        self._seen = _Seen(self._api.send("PUT", f"{self._collection}/{self._name}", lease), now_s)

    def _spec(self, before: Json, holder: str) -> Json:
        now = self._utc_now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        changed = before.get("holderIdentity") != holder
        # an empty Lease must look ended to candidates of other makes too
        duration_s = int(self.timing.duration_s) if holder else 1
        return {
            **before,
            "holderIdentity": holder,
            "leaseDurationSeconds": duration_s,
            "renewTime": now,
            "acquireTime": now if changed else before.get("acquireTime", now),
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (1 if changed and holder and before else 0),
        }

    def _tell(self) -> None:
        leading = self.leading
        if leading != self._led:
            self._led = leading
            _log.info("leading" if leading else "not leading", lease=self._name, holder=self.holder)
