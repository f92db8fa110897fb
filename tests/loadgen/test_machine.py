"""What a generator's machine did while it sent."""

import os
import resource
import socket
import time
from pathlib import Path

import pytest

from loadgen.machine import Watch


def test_a_quiet_machine_shows_no_trouble() -> None:
    watch = Watch()
    watch.sample()
    report = watch.report()
    assert 0 <= report["machine_busy_ratio"] <= 1
    assert 0 < report["descriptors_max"] < report["descriptors_limit"]
    assert report["clock_step_s"] < 0.01
    assert report["suspended_s"] < 0.01


def test_a_pause_between_samples_is_seen() -> None:
    watch = Watch()
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:  # a loop that does not get round to it
        pass
    watch.sample()
    watch.sample()
    assert watch.report()["loop_gap_max_s"] == pytest.approx(0.3, abs=0.1)


def test_a_step_of_the_wall_clock_is_seen_even_when_it_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real, ahead = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    watch = Watch()
    for ahead[0] in (0.0, 3.0, 0.0):
        watch.sample()
    assert watch.report()["clock_step_s"] == pytest.approx(3.0, abs=0.01)


def test_a_suspended_machine_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real, asleep = time.clock_gettime, [0.0]
    monkeypatch.setattr(time, "clock_gettime", lambda clock: real(clock) + asleep[0])
    watch = Watch()
    asleep[0] = 60.0
    assert watch.report()["suspended_s"] == pytest.approx(60.0, abs=0.01)


def test_descriptors_and_sockets_are_counted_at_their_worst() -> None:
    watch = Watch()
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(20)]
    watch.sample()
    most = watch.report()
    for server in held:
        server.close()
    watch.sample()
    assert watch.report()["descriptors_max"] == most["descriptors_max"] > 20
    low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert most["ports_limit"] == int(high) - int(low) + 1
    assert most["ports_used_max"] >= 20


def test_a_sample_costs_well_below_a_millisecond() -> None:
    watch = Watch()
    watch.sample()
    began = time.process_time()
    for _ in range(100):
        watch.sample()
    assert time.process_time() - began < 0.1


def test_a_machine_without_a_descriptor_left_is_told_from_one_with_many() -> None:
    watch = Watch()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        watch.sample()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert watch.report()["descriptors_max"] == lowest_free
