"""The kernel's tables before the first request, and larger copies of those that are full."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from balancer.policy.config import Backend, BackendSettings, ProxyConfig
from balancer.policy.routing import match
from balancer.policy.servers import share
from scenarios.errors import ScenarioError
from scenarios.schema import Scenario
from sim.cluster import Cluster
from sim.dataplane import tables as t
from sim.dataplane.memory import Memory
from sim.destinations import hashed_text, is_denied, repeats
from sim.kinds import Kind
from sim.streams import Cause, Streams
from sim.workload import Behaviour, Distribution, constant, service_time

_MOST_KEYED = 1_000_000
_HASHES = {"source", "uri", "hdr", "url_param"}
_ALGORITHMS = {
    "roundrobin": t.ROUNDROBIN, "static-rr": t.STATIC_RR, "leastconn": t.LEASTCONN, "first": t.FIRST, "random": t.RANDOM,
}  # fmt: skip
_CAUSES: tuple[Cause, ...] = ("service", "outside", "picks", "backoff", "proxy", "users")  # in the order of the keys


class _Lists:
    """Lists of numbers, one after the other."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def add(self, numbers: list[int]) -> int:
        """Where it begins."""
        self.numbers += numbers
        return len(self.numbers) - len(numbers)


class _Samples:
    """Samples of distributions, one after the other; the first number is there for those that have none."""

    def __init__(self) -> None:
        self.parts: list[Any] = [np.zeros(1)]
        self.size = 1

    def add(self, distribution: Distribution) -> tuple[int, int]:
        """Where it begins, and its size."""
        self.parts.append(np.ascontiguousarray(distribution.sample, dtype=np.float64))
        self.size += distribution.sample.size
        return self.size - distribution.sample.size, distribution.sample.size


def new_memory(
    scenario: Scenario, cluster: Cluster, kinds: tuple[Kind, ...], behaviour: Behaviour, streams: Streams
) -> Memory:
    """Everything but the figures' tables and pods: no request, no server yet."""
    lists, samples = _Lists(), _Samples()
    memory = Memory()
    whole, real = memory.root, np.zeros(t.REALS)
    backends = cluster.config.backends
    kind_table = _kind_table(scenario, cluster.config, kinds, lists, samples)
    backend_table = np.zeros(len(backends), t.BACKEND)
    denied: list[Any] = []
    limiters = 0
    for row, backend in zip(backend_table, backends, strict=True):
        _fill_backend(row, backend, cluster.proxies)
        row["denier"] = row["limiter"] = -1
        if backend.settings.allow or backend.settings.deny:
            row["denier"] = len(denied)
            denied.append([is_denied(backend.settings, address) for address in cluster.addresses])
        if backend.settings.rate_limit is not None:
            row["limiter"] = limiters
            limiters += 1
    programs = [_program(kind, backend.settings, lists) for kind in kinds for backend in backends]
    whole[t.PROGRAMS_AT] = lists.add(programs)
    whole[t.ADDRESSES_AT] = lists.add([_number(address) for address in cluster.addresses])
    traffic, workload = scenario.traffic, scenario.workload
    whole[t.PROXIES], whole[t.BACKENDS], whole[t.CLIENTS] = cluster.proxies, len(backends), len(cluster.addresses)
    whole[t.CANCELS], whole[t.KEEP_ALIVE] = workload.cancels, traffic.keep_alive
    whole[t.DISCIPLINE] = t.WORKERS if workload.discipline == "workers" else t.SHARED_CPU
    whole[t.MIX] = len(traffic.requests)
    whole[t.MARGIN] = 64 + max(len(kind.calls) for kind in kinds)
    for single in (t.IDLE_POD, t.STALE_GROUP, t.STALE_SEAT, t.FULL_LANE, t.FREE):
        whole[single] = -1
    real[t.CONNECT_S] = 0.0 if traffic.keep_alive else traffic.connect
    whole[t.OUTSIDE_FAMILY], real[t.OUTSIDE_A] = behaviour.outside.family, behaviour.outside.a
    whole[t.OUTSIDE_AT], whole[t.OUTSIDE_SIZE] = samples.add(behaviour.outside)
    think = service_time(traffic.users.think) if traffic.users is not None else constant(0.0)
    whole[t.THINK_FAMILY], real[t.THINK_A], real[t.THINK_B] = think.family, think.a, think.b
    lanes = _lane_table(kinds, backends, behaviour)
    memory.put(
        real=real,
        keys=np.array([streams.key(cause) for cause in _CAUSES], dtype=np.uint64),
        kinds=kind_table,
        backends=backend_table,
        groups=np.zeros(8, t.GROUP),
        running=np.zeros(cluster.proxies * len(backends), np.int64),
        seats=np.zeros(16, t.SEAT),
        pods=np.zeros(16, t.POD),
        lanes=lanes,
        timers=np.zeros(int(lanes["room"].sum()), t.TIMER),
        counters=np.zeros(limiters * cluster.proxies * len(cluster.addresses), t.COUNTER),
        denied=np.array(denied, dtype=np.bool_).reshape(-1),
        samples=np.concatenate(samples.parts),
        lists=np.array(lists.numbers, dtype=np.int64),
    )
    make_room(memory)
    return memory


def _number(address: str) -> int:
    a, b, c, d = (int(part) for part in address.split("."))
    return ((a * 256 + b) * 256 + c) * 256 + d


def _kind_table(
    scenario: Scenario, config: ProxyConfig, kinds: tuple[Kind, ...], lists: _Lists, samples: _Samples
) -> Any:
    table = np.zeros(len(kinds), t.KIND)
    row_of = {backend.name: row for row, backend in enumerate(config.backends)}
    weights = np.array([request.weight for request in scenario.traffic.requests])
    most_keys = max(request.keys for request in scenario.traffic.requests)
    for row, kind in zip(table, kinds, strict=True):
        service = kind.behaviour.service
        row["timeout_s"], row["backoff_s"], row["retries"] = kind.timeout_s, kind.backoff_s, kind.retries
        row["cpu_s"] = kind.behaviour.cpu_s
        row["family"], row["a"], row["b"] = service.family, service.a, service.b
        row["sample_at"], row["sample_size"] = samples.add(service)
        row["calls"], row["parallel"], row["is_call"] = len(kind.calls), kind.parallel, kind.is_call
        row["calls_at"] = lists.add(list(kind.calls))
        row["by_key_at"] = -1
        if _depends_on_key(config, kind):
            if most_keys > _MOST_KEYED:
                raise ScenarioError(
                    f"the path {kind.path} has {most_keys:,} keys that lead to different backends: at most {_MOST_KEYED:,}"
                )
            row["by_key_at"] = lists.add([_backend_row(config, row_of, kind, key) for key in range(most_keys)])
        row["backend"] = _backend_row(config, row_of, kind, 0)
    mix = table[: weights.size]
    mix["up_to"] = np.cumsum(weights) / weights.sum()
    mix["keys"] = [request.keys for request in scenario.traffic.requests]
    return table


def _depends_on_key(config: ProxyConfig, kind: Kind) -> bool:
    """Whether some route looks further into the path than to its first `{key}`."""
    before, key, _ = kind.path.partition("{key}")
    return bool(key) and any(len(r.path) > len(before) and r.path.startswith(before) for r in config.routes)


def _backend_row(config: ProxyConfig, row_of: dict[str, int], kind: Kind, key: int) -> int:
    route = match(config.routes, kind.host, kind.path.replace("{key}", str(key)))
    name = route.backend if route else config.default_backend
    return -1 if name is None else row_of[name]


def _fill_backend(row: Any, backend: Backend, proxies: int) -> None:
    settings = backend.settings
    balance = settings.balance
    if balance.algorithm in _HASHES:
        row["algorithm"] = t.HASH_RING if balance.consistent else t.HASH_MAP
        row["avalanche"] = balance.consistent
    else:
        row["algorithm"] = _ALGORITHMS[balance.algorithm]
    row["draws"], row["balance_factor"] = balance.draws, balance.hash_balance_factor
    row["queue_means_full"] = balance.algorithm in {"roundrobin", "static-rr", "first"}
    row["retries"], row["maxqueue"] = settings.retries, share(settings.pod_maxqueue, proxies)
    row["fullconn"], row["slowstart_s"] = settings.fullconn, math.ceil(settings.slowstart_s)
    row["scan"] = settings.pod_minconn > 0 or settings.slowstart_s > 0
    row["queue_timeout_s"], row["server_timeout_s"] = settings.timeouts.queue_s, settings.timeouts.server_s
    row["connect_timeout_s"] = settings.timeouts.connect_s
    if settings.rate_limit is not None:
        row["limit"] = settings.rate_limit.requests
        row["period_ms"] = max(1, round(settings.rate_limit.period_s * 1000))
    row["repeats_limited"] = repeats(settings, "rate_limited")


def _program(kind: Kind, settings: BackendSettings, lists: _Lists) -> int:
    """How the hash of such a request comes about in this backend."""
    balance = settings.balance
    if balance.algorithm == "source":
        return lists.add([t.SOURCE_KEY])
    text = hashed_text(balance.algorithm, balance.argument, kind.host, kind.path)
    if text is None:
        return lists.add([t.NO_KEY])
    parts = [list(part.encode()) for part in text.split("{key}")]
    code = list(itertools.chain.from_iterable([*part, t.KEY_DIGITS] for part in parts))[:-1]
    return lists.add([t.TEXT_KEY, *code, t.PROGRAM_END])


def _lane_table(kinds: tuple[Kind, ...], backends: tuple[Backend, ...], behaviour: Behaviour) -> Any:
    """Clients' time-outs by kind, queue time-outs by backend, server time-outs by backend."""
    outside = behaviour.outside
    longest_s = max(outside.a, float(outside.sample[-1]))
    waits = [max(0.0, kind.timeout_s - (0.0 if kind.is_call else longest_s)) for kind in kinds]
    waits += [backend.settings.timeouts.queue_s for backend in backends]
    waits += [backend.settings.timeouts.server_s for backend in backends]
    lanes = np.zeros(len(waits), t.LANE)
    lanes["wait_s"], lanes["room"] = waits, 256
    lanes["at"] = np.arange(len(waits)) * 256
    return lanes


def grown(table: Any, dtype: np.dtype[Any]) -> Any:
    """Twice the rows; the new ones are zero."""
    return np.concatenate((table, np.zeros(max(16, table.size), dtype)))


def enlarge_lane(memory: Memory, lane: int) -> None:
    """Twice the room in one lane, in a region of its own."""
    row = memory.lanes[lane]
    room, count = int(row["room"]), int(row["count"])
    places = int(row["at"]) + (int(row["head"]) + np.arange(count)) % room
    region = np.zeros(2 * room, t.TIMER)
    region[:count] = memory.timers[places]
    row["at"], row["room"], row["head"] = memory.timers.size, 2 * room, 0
    memory.root[t.FULL_LANE] = -1
    memory.put(timers=np.concatenate((memory.timers, region)))


def make_room(memory: Memory, rows: int = 0) -> None:
    """See to `rows` free attempts and more, room for what they schedule, and for the records of a trace."""
    root = memory.root
    if root[t.FREE_COUNT] < root[t.MARGIN] + rows:
        size = memory.attempts.size
        wanted = max(256, 2 * size, size + 2 * (int(root[t.MARGIN]) + rows))
        more = (1 << (wanted - 1).bit_length()) - size  # a power of two in all, for the ring of pending ones
        new = np.zeros(more, t.ATTEMPT)
        new["serial"] = -1
        new["next"] = np.arange(size + 1, size + more + 1)
        new["next"][-1] = root[t.FREE]
        root[t.FREE] = size
        root[t.FREE_COUNT] += more
        pending = np.zeros(size + more, np.int64)
        order = (root[t.PENDING_HEAD] + np.arange(root[t.PENDING_COUNT])) % max(1, size)
        pending[: order.size] = memory.pending[order]
        root[t.PENDING_HEAD] = 0
        memory.put(attempts=np.concatenate((memory.attempts, new)), pending=pending)
    needed = int(root[t.EVENTS] + 4 * root[t.MARGIN] + 2 * (memory.attempts.size - root[t.FREE_COUNT])) + 1
    if needed > memory.events.size:
        more = max(2 * needed, 1024) - memory.events.size
        memory.put(events=np.concatenate((memory.events, np.zeros(more, t.EVENT))))
    if root[t.TRACING] and root[t.RECORD_COUNT] >= memory.records.size:
        memory.put(records=grown(memory.records, t.RECORD))
