"""What the controllers beside the proxies do: endpoints follow readiness, a lag later."""

from __future__ import annotations

from sim.clock import Clock
from sim.controlplane.census import Census
from sim.controlplane.checks import Checks
from sim.controlplane.gate import Gate
from sim.controlplane.replica import Replica
from sim.plane import Plane
from sim.streams import Sequence


class Rotation:
    """Keeps the proxies at what the API server says of one Deployment's pods."""

    def __init__(self, clock: Clock, api: Gate, plane: Plane, checks: Checks, census: Census, lag_s: Sequence) -> None:
        self._clock, self._api, self._plane, self._checks = clock, api, plane, checks
        self._census, self._lag_s = census, lag_s

    def bring_in(self, replica: Replica, *, new: bool = True) -> None:
        """Every proxy sends it requests from now on."""
        assert replica.pod is not None
        replica.in_rotation = True
        self._plane.add(replica.owner.name, replica.pod, new=new)
        self._checks.look(replica)
        self._census.look(replica)

    def take_out(self, replica: Replica) -> None:
        """No proxy sends it new requests from now on."""
        assert replica.pod is not None
        replica.in_rotation = False
        self._checks.forget(replica)
        self._plane.drain(replica.owner.name, replica.pod)
        self._census.look(replica)

    def follow_later(self, replica: Replica) -> None:
        """The pod's readiness has changed."""
        due_s = self._clock.now + self._lag_s[replica.ordinal]
        self._clock.at(due_s, lambda: self._api.send(lambda: self.follow(replica)))

    def follow(self, replica: Replica) -> None:
        """Do what the pod's readiness asks for now."""
        if replica.ready == replica.in_rotation:
            return
        if replica.ready:
            self.bring_in(replica)
        else:
            self.take_out(replica)
