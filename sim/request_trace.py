"""What became of every request of one replication, as columns, and as CSV.

Nobody keeps a row a request unless this is asked for: the figures are added up as requests end.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from scenarios.calibration import Calibration
from scenarios.figures import FATES
from scenarios.load import LoadedScenario
from scenarios.messages import Messages
from scenarios.schema import Traffic
from scenarios.traffic import schedule_blocks
from sim.cluster import client_addresses
from sim.dataplane.draws import child
from sim.dataplane.facts import USERS
from sim.predict import run_replication
from sim.streams import Streams
from sim.weather import Weather
from sim.workload import declared

COLUMNS = ("request", "intended_s", "host", "path", "client", "fate", "attempts", "pod", "end_s", "latency_s")
_BLOCK = 1 << 14


@dataclass(frozen=True)
class RequestTrace:
    """n requests in order of their intended times.

    intended_s  (n,) float64, seconds from the schedule's first moment
    end_s       (n,) float64, when the client knew
    target      (n,) int32, index into `hosts`, and the request of the mix for `messages`
    key         (n,) int64, what fills `{key}` of the path, or the row of its parameters
    client      (n,) int32, index into `clients`, which are source addresses
    fate        (n,) int8, index into FATES
    attempts    (n,) int16
    pod         (n,) int32, index into `pods` of the last that had it; -1: none had
    """

    messages: Messages
    hosts: tuple[str, ...]
    clients: tuple[str, ...]
    pods: tuple[str, ...]
    intended_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    target: NDArray[np.int32]
    key: NDArray[np.int64]
    client: NDArray[np.int32]
    fate: NDArray[np.int8]
    attempts: NDArray[np.int16]
    pod: NDArray[np.int32]

    def __len__(self) -> int:
        return self.intended_s.size


def trace_requests(
    loaded: LoadedScenario, *, seed: int, calibration: Calibration | None, same_arrivals: bool, replication: int = 0
) -> RequestTrace:
    """Run one replication of a prediction again, and keep every request of its clients; calls between pods are not."""
    tally = run_replication(loaded, calibration, seed, same_arrivals, replication, tracing=True)
    records = tally.records[np.lexsort((tally.records["who"], tally.records["intended_s"]))]
    traffic, streams = loaded.scenario.traffic, Streams(seed, replication)
    blocks = list(schedule_blocks(loaded, seed if same_arrivals else streams.schedule_seed()))
    who, scheduled = records["who"], sum(block.key.size for block in blocks)
    key, client = np.zeros(who.size, np.int64), np.zeros(who.size, np.int32)
    arrived = who < scheduled
    if blocks:
        key[arrived] = np.concatenate([block.key for block in blocks])[who[arrived]]
        client[arrived] = np.concatenate([block.client for block in blocks])[who[arrived]]
    for row, user_key, user_client in _of_users(loaded, streams, records):
        key[row], client[row] = user_key, user_client
    return RequestTrace(
        messages=Messages(loaded),
        hosts=tuple(request.host for request in traffic.requests),
        clients=client_addresses(traffic.clients),
        pods=tuple(tally.pods),
        intended_s=records["intended_s"].copy(),
        end_s=records["end_s"].copy(),
        target=records["kind"].astype(np.int32),
        key=key,
        client=client,
        fate=records["fate"].astype(np.int8),
        attempts=records["attempts"].astype(np.int16),
        pod=records["pod"].astype(np.int32),
    )


def _of_users(loaded: LoadedScenario, streams: Streams, records: Any) -> Iterator[tuple[int, int, int]]:
    """(row, key, client) of every request of the closed-loop population, which no schedule knows."""
    traffic: Traffic = loaded.scenario.traffic
    if traffic.users is None:
        return
    weather = Weather(streams, declared(loaded.scenario))
    rows = {who: row for row, who in enumerate(records["who"].tolist())}
    kinds = records["kind"].tolist()
    for user in range(traffic.users.count):
        client = int(weather.of_user(3, USERS + user) * traffic.clients)
        turn = 0
        while (row := rows.get(who := child(USERS + user, turn, 0))) is not None:
            yield row, int(weather.of_user(2, who) * traffic.requests[kinds[row]].keys), client
            turn += 1


def write_csv(trace: RequestTrace, file: TextIO) -> None:
    """`COLUMNS`, a row a request, some thousands at a time. Times have microseconds; no pod is an empty field."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for start in range(0, len(trace), _BLOCK):
        writer.writerows(_rows(trace, slice(start, start + _BLOCK)))


def _rows(trace: RequestTrace, part: slice) -> Iterator[Sequence[object]]:
    pods = (*trace.pods, "")  # -1 is the last
    columns = (
        trace.intended_s, trace.target, trace.key, trace.client, trace.fate, trace.attempts, trace.pod, trace.end_s,
    )  # fmt: skip
    rows = zip(*(column[part].tolist() for column in columns), strict=True)
    for number, (intended_s, target, key, client, fate, attempts, pod, end_s) in enumerate(rows, start=part.start):
        yield (
            number, f"{intended_s:.6f}", trace.hosts[target], trace.messages.path(target, key), trace.clients[client],
            FATES[fate], attempts, pods[pod], f"{end_s:.6f}", f"{end_s - intended_s:.6f}",
        )  # fmt: skip
