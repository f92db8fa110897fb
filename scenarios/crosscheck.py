"""What no single field of scenario.yaml can show: phases that overlap, paths nobody serves, workload without a use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from scenarios.access_log import AccessLog
from scenarios.call_check import reached_paths
from scenarios.log_arrivals import log_duration_s
from scenarios.mistakes import Mistakes, near_miss
from scenarios.placeholders import placeholders
from scenarios.schema import LOADS, Log, Phase, Scenario, SlowDisturbance, Trace
from scenarios.served import Served
from scenarios.service_time import mean_s
from scenarios.trace import Rows
from scenarios.yaml_marks import FieldPath

# Memory does not grow with requests, but time does: at three million a second this is a minute a replication.
_MOST_REQUESTS = 200_000_000


def check_traffic(scenario: Scenario, trace: Rows | None, log: AccessLog | None, mistakes: Mistakes) -> None:
    """The load against itself and its trace, and whether disturbances fall into it."""
    traffic = scenario.traffic
    given = [kind for kind in LOADS if getattr(traffic, kind) is not None]
    if len(given) != 1:
        allowed = "exactly one of phases, trace, log and locustfile"
        mistakes.scenario(("traffic",), " and ".join(given) or "no load", allowed)
        return
    if not traffic.requests and traffic.locustfile is None:
        mistakes.scenario(("traffic", "requests"), None, "at least one request")
        return
    at: FieldPath = ("traffic", given[0])
    if traffic.phases is not None:
        _check_phases(traffic.phases, mistakes)
        duration_s = sum(phase.duration for phase in traffic.phases)
        count = sum(p.duration * (p.rps if isinstance(p.rps, float) else sum(p.rps) / 2) for p in traffic.phases)
    elif traffic.log is not None:
        assert log is not None
        _check_log(traffic.log, log, mistakes)
        duration_s, count = log_duration_s(traffic.log, log), len(log.time_s) * traffic.log.scale
    elif traffic.locustfile is not None:
        _check_names((*at, "phases"), [phase.name for phase in traffic.locustfile.phases], mistakes)
        return
    else:
        assert traffic.trace is not None
        assert trace is not None
        _check_names((*at, "phases"), [phase.name for phase in traffic.trace.phases], mistakes)
        _check_trace(traffic.trace, trace, mistakes)
        duration_s = traffic.trace.interval * len(trace) / traffic.trace.speed
        count = _trace_count(traffic.trace, trace)
    if traffic.users is not None:
        paths = scenario.workload.paths.values()
        cycle_s = mean_s(traffic.users.think) + min(mean_s(behaviour.time) for behaviour in paths)
        most = count + traffic.users.count * duration_s / cycle_s
    else:
        most = count
    if count < 1 and traffic.users is None:
        mistakes.scenario(at, f"{count:.2g} requests in all", "rates that make at least one request")
    if most > _MOST_REQUESTS:
        mistakes.scenario(at, f"{most:.3g} requests in all", f"at most {_MOST_REQUESTS:,} in one run")
    if traffic.connect > 0 and traffic.keep_alive:
        mistakes.scenario(("traffic", "connect"), f"{traffic.connect:g}s", "only with keep_alive: false")
    for index, disturbance in enumerate(scenario.disturbances):
        if disturbance.at >= duration_s:
            allowed = f"before the schedule's end at {duration_s:g}s"
            mistakes.scenario(("disturbances", index, "at"), f"{disturbance.at:g}s", allowed)


def check_requests(scenario: Scenario, served: Served, mistakes: Mistakes) -> None:
    """The request mix against what the Ingresses serve, and against the workload."""
    if scenario.traffic.locustfile is not None:
        return  # its users ask for what they like
    paths = scenario.workload.paths
    for index, request in enumerate(scenario.traffic.requests):
        at: FieldPath = ("traffic", "requests", index)
        if served.deployment(request.host, request.path) is None:
            mistakes.scenario((*at, "host"), f"{request.host}{request.path}", served.allowed())
        elif request.data is not None and served.backend(request.host, request.path) in served.hashed:
            allowed = "a backend that does not pick pods by a hash of the request, for the model knows no parameters"
            mistakes.scenario((*at, "data"), request.data.file, allowed)
        elif request.data is not None and served.looks_beyond(request.path):
            allowed = "a path whose first parameter is not looked at by any Ingress, for the model knows no parameters"
            mistakes.scenario((*at, "path"), request.path, allowed)
        if request.path not in paths:
            allowed = f"a path that workload.paths describes{near_miss(request.path, paths)}"
            mistakes.scenario((*at, "path"), request.path, allowed)
        if "{key}" in request.path and request.keys == 1:
            mistakes.scenario((*at, "keys"), None if "keys" not in request.model_fields_set else 1, "more than 1")
        if (
            request.keys > 1
            and not any("key" in names for names in placeholders(request).values())
            and not request.data
        ):
            mistakes.scenario((*at, "path"), request.path, "a path with {key}, since `keys` is given")
    used = reached_paths(scenario)
    if all(path in paths for path in used):
        for path in paths:
            if path not in used:
                allowed = f"a path that requests or calls reach: {', '.join(used)}"
                mistakes.scenario(("workload", "paths", path), path, allowed)


def check_workload(scenario: Scenario, mistakes: Mistakes) -> None:
    """The workload against itself."""
    for path, behaviour in scenario.workload.paths.items():
        mean = mean_s(behaviour.time)
        if behaviour.cpu > mean:
            at = ("workload", "paths", path, "cpu")
            mistakes.scenario(at, f"{behaviour.cpu:g}s", f"at most the mean time, {mean:g}s")
    command = scenario.workload.command
    if command is not None and not any("{port}" in word for word in command):
        mistakes.scenario(("workload", "command"), " ".join(command), "words with {port}, and {host}, to fill in")
    for index, disturbance in enumerate(scenario.disturbances):
        if command is not None and isinstance(disturbance, SlowDisturbance):
            allowed = "kill; only the stand-in's pods can be slowed, and workload.command replaces it"
            mistakes.scenario(("disturbances", index, "slow"), "slow", allowed)


def _check_names(at: FieldPath, names: Sequence[str], mistakes: Mistakes) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            mistakes.scenario((*at, index, "name"), name, "a name that no phase before it has")


def _check_phases(phases: Sequence[Phase], mistakes: Mistakes) -> None:
    at: FieldPath = ("traffic", "phases")
    _check_names(at, [phase.name for phase in phases], mistakes)
    end_s = 0.0
    for index, phase in enumerate(phases):
        start_s = end_s if phase.at is None else phase.at
        if not math.isclose(start_s, end_s, rel_tol=1e-9, abs_tol=1e-6):
            before = f"where {phases[index - 1].name} ends" if index else "the first phase"
            how = "an overlap" if start_s < end_s else "a gap"
            mistakes.scenario((*at, index, "at"), f"{start_s:g}s", f"{end_s:g}s, {before}; this makes {how}")
        end_s = start_s + phase.duration


def _check_trace(trace: Trace, rows: Rows, mistakes: Mistakes) -> None:
    if trace.scale_to_peak_rps is not None and trace.scale != 1.0:
        mistakes.scenario(("traffic", "trace", "scale"), trace.scale, "either scale or scale_to_peak_rps")
    row_of: Mapping[str, int] = {label: row for row, (label, _) in enumerate(rows)}
    last = -1
    for index, phase in enumerate(trace.phases):
        at: FieldPath = ("traffic", "trace", "phases", index, "since")
        row = row_of.get(phase.since)
        if row is None:
            hint = near_miss(phase.since, row_of) if len(row_of) <= 10_000 else ""
            mistakes.scenario(at, phase.since, f"a minute of {trace.file}, such as {rows[0][0]}{hint}")
        elif index == 0 and row != 0:
            mistakes.scenario(at, phase.since, f"{rows[0][0]}, the first minute of {trace.file}, for the first phase")
        elif row <= last:
            before = trace.phases[index - 1]
            mistakes.scenario(at, phase.since, f"a minute after {before.since}, where {before.name} begins")
        else:
            last = row


def _check_log(log: Log, read: AccessLog, mistakes: Mistakes) -> None:
    at: FieldPath = ("traffic", "log", "phases")
    _check_names(at, [phase.name for phase in log.phases], mistakes)
    end_s = log_duration_s(log, read) * log.speed
    before_s = -1.0
    for index, phase in enumerate(log.phases):
        if index == 0 and phase.at != 0.0:
            mistakes.scenario((*at, index, "at"), f"{phase.at:g}s", "0s for the first phase")
        elif not before_s < phase.at < end_s:
            allowed = f"after the phase before it, and before the log's end at {end_s:g}s"
            mistakes.scenario((*at, index, "at"), f"{phase.at:g}s", allowed)
        before_s = phase.at


def _trace_count(trace: Trace, rows: Rows) -> float:
    counts = [count for _, count in rows]
    if trace.scale_to_peak_rps is None:
        return sum(counts) * trace.scale
    return sum(count / max(counts) for count in counts) * trace.scale_to_peak_rps * trace.interval / trace.speed
