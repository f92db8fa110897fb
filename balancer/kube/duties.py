"""What one replica does for all: Events for what is refused, status of our Ingresses. Nothing here delays traffic."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Lock, Thread

import structlog

from balancer.kube.api import ApiError, ApiUnavailableError, Json, ReadsAndWrites
from balancer.kube.cluster import IngressState, Refusal
from balancer.kube.events import Recorder
from balancer.kube.lease import Election
from balancer.kube.status import Addresses, StatusWriter, addresses

_log = structlog.get_logger()
_LOOK_S = 1.0
_ROUND_S = 5.0


@dataclass(frozen=True)
class Published:
    """Where clients reach us: what the administrator says (`told`), else what our own Service says.

    `nodes` are the addresses of nodes that we run on, for a Service of type NodePort.
    """

    namespace: str
    service: str
    told: Addresses = ()
    nodes: Addresses = ()

    def addresses(self, api: ReadsAndWrites) -> Addresses:
        """Empty while unknown. ApiError, ApiUnavailableError."""
        return addresses(self.told, None if self.told else self._service(api), self.nodes)

    def _service(self, api: ReadsAndWrites) -> Json | None:
        try:
            return api.get(f"/api/v1/namespaces/{self.namespace}/services/{self.service}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise


class Duties:
    """`tell` from the loop that knows what stands; `run` in a thread of its own does the rest.

    `led` is told whether we lead, `last` says at the end whether no other replica remains.
    """

    def __init__(
        self,
        api: ReadsAndWrites,
        election: Election,
        recorder: Recorder,
        published: Published,
        *,
        led: Callable[[bool], None],
        last: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._election, self._recorder, self._published = api, election, recorder, published
        self._led, self._last, self._clock = led, last, clock
        self._status = StatusWriter(api, lambda: election.leading, clock)
        self._told: tuple[Sequence[Refusal], Sequence[IngressState]] | None = None
        self._ingresses: Sequence[IngressState] = ()
        self._known = False
        self._next_round_s = float("-inf")
        self._lock = Lock()
        self._news = Event()

    def tell(self, refusals: Sequence[Refusal], ingresses: Sequence[IngressState]) -> None:
        """All that is refused, and all Ingresses that are ours, as of now. Returns at once."""
        with self._lock:
            self._told = (refusals, ingresses)
        self._news.set()

    def step(self) -> None:
        """One round of what is due. Raises nothing of the API."""
        with self._lock:
            told, self._told = self._told, None
            self._news.clear()
        if told is not None:
            self._recorder.stand(told[0])
            self._ingresses, self._known = told[1], True
            self._next_round_s = float("-inf")
        leading = self._election.leading
        self._led(leading)
        if leading:
            self._recorder.write()
        # before the first news nothing is ours yet, which must not be taken for ours no more
        if self._known and self._clock() >= self._next_round_s:
            self._next_round_s = self._clock() + _ROUND_S
            self._sync_status(leading=leading)

    def run(self, stop: Event) -> None:
        """Stand for election and do what is due until `stop`; then leave things as another replica wants them."""
        resigned = Event()
        candidate = Thread(target=self._election.run, args=(resigned,), name="election", daemon=True)
        candidate.start()
        while not stop.is_set():
            self.step()
            self._news.wait(_LOOK_S)
        if self._election.leading and self._last():
            _log.info("the last replica ends", withdrawn=self._status.withdraw_all())
        resigned.set()
        candidate.join()
        self._led(False)

    def _sync_status(self, *, leading: bool) -> None:
        try:
            published = self._published.addresses(self._api) if leading else ()
        except (ApiError, ApiUnavailableError) as error:
            _log.warning("our Service not read", error=str(error))
            return
        self._status.sync(self._ingresses, published)
