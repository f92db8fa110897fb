"""The compiled data plane behind the seam: fills the kernel's tables, and makes room when they are full."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import simpy

from scenarios.schema import Scenario
from sim.clock import Clock
from sim.cluster import Cluster
from sim.dataplane import advance as kernel
from sim.dataplane.facts import WEIGHT_SCALE
from sim.dataplane.tables import (
    CELL,
    FULL_LANE,
    GROUP,
    HASH_MAP,
    HASH_RING,
    IDLE_POD,
    NOW_S,
    OPEN_COUNT,
    POD,
    PROXIES,
    RANDOM,
    SEAT,
    STALE_GROUP,
    STALE_SEAT,
    STATIC_RR,
)
from sim.fleet import Fleet
from sim.kernel_tables import enlarge_lane, grown, make_room, new_memory
from sim.kinds import Kind
from sim.picks import map_places
from sim.ring import ring_points
from sim.streams import Streams
from sim.workload import Behaviour

_NO_ROOM = 1 << 62


class KernelPod:
    """A pod of the kernel: a row of its table."""

    def __init__(self, plane: KernelPlane, row: int, name: str) -> None:
        self.name, self.row = name, row
        self._plane = plane
        self._started_s = plane.clock.now
        self._idle_events: list[simpy.Event] = []

    @property
    def alive(self) -> bool:
        """Whether it has not been killed."""
        return bool(self._row["alive"])

    @property
    def in_flight(self) -> int:
        """Requests it holds."""
        return int(self._row["jobs"])

    @property
    def accepted(self) -> int:
        """Requests it has taken in."""
        return int(self._row["accepted"])

    def kill(self) -> None:
        """SIGKILL: everything in it breaks."""
        if self.alive:
            self._plane.with_room()
            kernel.kill(self._plane.memory.address, self._plane.clock.now, self.row)
            self._plane.tell_idle()

    def slow(self, factor: float) -> None:
        """Requests that start from now on take so many times as long."""
        self._row["slow"] = factor

    def warm_up(self, factor: float, until_s: float) -> None:
        """Requests that start before `until_s` take `factor` times as long."""
        self._row["cold"], self._row["cold_until_s"] = factor, until_s

    def set_reachable(self, *, reachable: bool) -> None:
        """While out of reach connections hang and answers are lost."""
        self._row["reachable"] = reachable

    def cpu_used_s(self) -> float:
        """CPU seconds since the process started."""
        row, now_s = self._row, self._plane.clock.now
        row["busy_s"] += row["busy_cores"] * (now_s - row["metered_s"])
        row["metered_s"] = now_s
        return float(row["busy_s"] + self._plane.idle_cores * (now_s - self._started_s))

    def when_idle(self) -> simpy.Event:
        """Happens when the last request has left."""
        event = self._plane.clock.event()
        self._idle_events.append(event)
        self._row["watched"] = 1
        return event

    def tell_idle(self) -> None:
        """The last request has left."""
        self._row["watched"] = 0
        for event in self._idle_events:
            event.succeed()
        self._idle_events.clear()

    @property
    def _row(self) -> Any:
        return self._plane.memory.pods[self.row]


class KernelPlane(Fleet[KernelPod]):
    """All proxies and pods of one replication."""

    def __init__(
        self,
        clock: Clock,
        scenario: Scenario,
        cluster: Cluster,
        kinds: tuple[Kind, ...],
        behaviour: Behaviour,
        streams: Streams,
    ) -> None:
        super().__init__(cluster)
        self.clock, self.idle_cores = clock, behaviour.idle_cores
        self.memory = new_memory(scenario, cluster, kinds, behaviour, streams)
        self.pods: list[KernelPod] = []
        self._workers = scenario.workload.workers
        self._limit_milli = {d.name: d.cpu_limit_milli for d in cluster.deployments}
        self._backend_row = {backend.name: row for row, backend in enumerate(self.config.backends)}
        self._groups = self._seats = 0
        self._members: dict[int, list[int]] = {}
        self._free_slots: dict[int, list[int]] = {}
        self._stale: set[int] = set()
        self._seat_of: dict[tuple[int, int], int] = {}
        self._points: dict[int, Any] = {}
        for proxy in range(self.proxies):
            self._start_process(proxy)

    def advance(self, until_s: float) -> int:
        """Let the data plane run; why it stopped, as `tables` names it."""
        self._build_stale_points()
        return kernel.advance(self.memory.address, until_s)

    @property
    def now_s(self) -> float:
        """The time of the last thing that happened in the data plane."""
        return float(self.memory.real[NOW_S])

    def start_users(self, users: int) -> None:
        """Every user begins to think."""
        self.with_room(users)
        self.memory.root[OPEN_COUNT] += users
        kernel.start_users(self.memory.address, self.clock.now, users)

    def with_room(self, rows: int = 0) -> None:
        """Grow what is about to overflow; `rows` attempts will be needed at once."""
        if self.memory.root[FULL_LANE] >= 0:
            enlarge_lane(self.memory, int(self.memory.root[FULL_LANE]))
        make_room(self.memory, rows)

    def tell_idle(self) -> None:
        """Pass on that a watched pod has become idle, if one has."""
        pod = int(self.memory.root[IDLE_POD])
        if pod >= 0:
            self.memory.root[IDLE_POD] = -1
            self.pods[pod].tell_idle()

    def with_points(self) -> None:
        """Build the ring anew of a server that has warmed up a little."""
        root = self.memory.root
        group, seat = int(root[STALE_GROUP]), int(root[STALE_SEAT])
        root[STALE_GROUP] = root[STALE_SEAT] = -1
        self._build_points(group)
        kernel.refill(self.memory.address, self.now_s, seat)

    def new_pod(self, deployment: str, name: str) -> KernelPod:
        """A pod whose process starts now."""
        row = len(self.pods)
        if row == self.memory.pods.size:
            self.memory.put(pods=grown(self.memory.pods, POD))
        limit, pod = self._limit_milli[deployment], self.memory.pods[row]
        pod["alive"] = pod["reachable"] = 1
        pod["slow"] = pod["cold"] = 1.0
        pod["cold_until_s"] = -math.inf
        pod["metered_s"] = pod["updated_s"] = self.clock.now
        pod["limit_cores"] = math.inf if limit is None else limit / 1000
        pod["free"] = self._workers
        for column in ("first_job", "last_job", "first_waiting", "last_waiting", "root"):
            pod[column] = -1
        self.pods.append(KernelPod(self, row, name))
        return self.pods[-1]

    def arrived(self, deployment: str) -> int:
        """Requests that have reached the proxies for this Deployment's backends."""
        return sum(
            int(self.memory.backends[self._backend_row[name]]["arrived"]) for name in self.backends_of(deployment)
        )

    def queued(self, deployment: str) -> int:
        """Requests that wait in the proxies for this Deployment's pods."""
        groups = self.memory.groups[: self._groups]
        mine = np.isin(groups["backend"], [self._backend_row[name] for name in self.backends_of(deployment)])
        return int(groups["queued"][mine].sum() + groups["at_servers"][mine].sum())

    def _start_process(self, proxy: int) -> None:
        memory = self.memory
        count = len(self.config.backends)
        for backend in range(count):
            row = self._groups
            if row == self.memory.groups.size:
                self.memory.put(groups=grown(self.memory.groups, GROUP))
            self._groups += 1
            group = self.memory.groups[row]
            group["backend"], group["proxy"] = backend, proxy
            group["head"] = group["tail"] = group["walk"] = -1
            group["init"], group["next"] = 0, 2
            self._members[row], self._free_slots[row] = [], []
            self.memory.running[proxy * count + backend] = row
            self._lay_out_leaves(row, 8)
        for counters in memory.counters.reshape(-1, memory.root[PROXIES], len(self.cluster.addresses)):
            counters[proxy]["start"] = -1

    def _seat(self, proxy: int, backend: str, pod: KernelPod, id_: int, *, slowly: bool) -> None:
        b = self._backend_row[backend]
        group = int(self.memory.running[proxy * len(self.config.backends) + b])
        seat = self._seat_of.get((group, pod.row))
        if seat is None:
            seat = self._new_seat(group, backend, pod, id_)
        members = self._members[group]
        if len(members) == self.memory.groups[group]["leaves"]:
            self._lay_out_leaves(group, 2 * len(members))
        row = self.memory.seats[seat]
        row["slot"] = self._free_slots[group].pop()
        row["serial"] += 1
        slow_s = int(self.memory.backends[b]["slowstart_s"])
        starts_slowly = slowly and slow_s > 0
        row["joined_s"] = self.clock.now if starts_slowly else math.nan
        row["eweight"] = row["weight"] * (1 if starts_slowly else WEIGHT_SCALE)
        members.append(seat)
        self._stale.add(group)
        self.with_room()
        kernel.bring_in(self.memory.address, self.clock.now, seat)

    def _unseat(self, proxy: int, backend: str, pod: KernelPod) -> None:
        group = int(self.memory.running[proxy * len(self.config.backends) + self._backend_row[backend]])
        seat = self._seat_of.get((group, pod.row))
        if seat is None or seat not in self._members[group]:
            return
        self._members[group].remove(seat)
        self._free_slots[group].append(int(self.memory.seats[seat]["slot"]))
        self._stale.add(group)
        self._build_stale_points()
        self.with_room()
        kernel.take_out(self.memory.address, self.clock.now, seat)

    def _new_seat(self, group: int, backend: str, pod: KernelPod, id_: int) -> int:
        if self._seats == self.memory.seats.size:
            self.memory.put(seats=grown(self.memory.seats, SEAT))
        seat, self._seats = self._seats, self._seats + 1
        row = self.memory.seats[seat]
        row["group"], row["pod"], row["id"] = group, pod.row, id_
        row["weight"] = self.cluster.weight_of(pod.row)
        row["maxconn"], row["minconn"] = self.shares(backend)
        row["head"] = row["tail"] = row["tree"] = -1
        self._seat_of[group, pod.row] = seat
        return seat

    def _lay_out_leaves(self, group: int, leaves: int) -> None:
        """A larger region for a group's tournament tree and round-robin heaps."""
        old = self.memory.leaves
        row = self.memory.groups[group]
        before_at, before = int(row["leaves_at"]), int(row["leaves"])
        region = np.zeros(5 * leaves, CELL)
        region["key"][: 2 * leaves], region["seat"][: 2 * leaves] = _NO_ROOM, -1
        for tree in range(3):
            start = (2 + tree) * leaves
            region[start : start + before] = old[before_at + (2 + tree) * before : before_at + (3 + tree) * before]
        row["leaves_at"], row["leaves"] = old.size, leaves
        self._free_slots[group] += range(leaves - 1, before - 1, -1)
        self.memory.put(leaves=np.concatenate((old, region)))
        for slot in range(before):
            cell = old[before_at + before + slot]
            kernel.lay_leaf(self.memory.address, old.size, leaves, slot, cell["key"], cell["seat"])

    def _build_stale_points(self) -> None:
        """Before anybody picks: several servers that come at once cost one ring."""
        for group in sorted(self._stale):
            self._build_points(group)
        self._stale.clear()

    def _build_points(self, group: int) -> None:
        """The map or ring of a group, for the algorithms that have one."""
        algorithm = int(self.memory.backends[self.memory.groups[group]["backend"]]["algorithm"])
        if algorithm not in (STATIC_RR, RANDOM, HASH_MAP, HASH_RING):
            return
        members = np.array(self._members[group], dtype=np.int64)
        seats = self.memory.seats[members]
        row = self.memory.groups[group]
        old = self._points.get(group)
        points = np.zeros(0, CELL)
        if members.size and algorithm in (STATIC_RR, HASH_MAP):
            places = members[map_places(seats["weight"].tolist())]
            points = np.zeros(places.size, CELL)
            points["seat"] = places
        elif members.size:
            keys, owners = ring_points(tuple(zip(seats["id"].tolist(), seats["eweight"].tolist(), strict=True)))
            points = np.zeros(keys.size, CELL)
            points["key"], points["seat"] = keys, members[owners]
            self.memory.seats["before"][members] = np.cumsum(seats["eweight"]) - seats["eweight"]
            row["weight"] = seats["eweight"].sum()
        if algorithm in (RANDOM, HASH_RING):
            walked = old is not None and 0 <= row["walk"] < old.size and points.size
            last_key = old["key"][row["walk"]] if walked and old is not None else None
            row["walk"] = -1 if last_key is None else np.searchsorted(points["key"], last_key) % points.size
        self._points[group] = points
        at = 0
        for known, of_group in self._points.items():
            self.memory.groups[known]["points_at"], self.memory.groups[known]["points"] = at, of_group.size
            at += of_group.size
        self.memory.put(points=np.concatenate(list(self._points.values())))
