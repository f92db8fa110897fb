from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from numba import types

from sim import compilation
from sim.dataplane import advance as kernel

SMALL = """
import sys
from sim import compilation
from sim.dataplane import advance as kernel
compilation.is_compiled = lambda: False
compilation._ENTRIES = [getattr(kernel, name) for name in sys.argv[1:]]
compilation.compile_kernel()
hits = [sum(entry.stats.cache_hits.values()) for entry in compilation._ENTRIES]
print(*hits)
"""


def process(cache: Path, *entries: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SMALL, *entries],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
    )


def test_processes_that_start_with_a_cold_cache_all_work_and_leave_it_whole(tmp_path: Path) -> None:
    together = [process(tmp_path, *entries) for entries in (("close_area", "start_users"), ("start_users",))]
    assert [len(one.communicate(timeout=100)[0].split()) for one in together] == [2, 1]
    assert [one.returncode for one in together] == [0, 0]
    later = process(tmp_path, "start_users", "close_area")
    assert later.communicate(timeout=100)[0].split() == ["1", "1"]


def test_every_entry_is_compiled_for_what_it_is_called_with() -> None:
    compilation.compile_kernel()
    assert compilation.is_compiled()
    hints = compilation.signature(kernel.kill)
    assert hints == (types.int64, types.float64, types.int64)


def test_a_compiled_kernel_is_not_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "is_compiled", lambda: True)
    monkeypatch.setattr(compilation, "_ENTRIES", (None,))
    compilation.compile_kernel()


def test_one_compiles_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_cache", lambda: tmp_path / "kernel")
    entered = threading.Event()

    def compile_too() -> None:
        with compilation._one_at_a_time():
            entered.set()

    other = threading.Thread(target=compile_too)
    with compilation._one_at_a_time():
        other.start()
        assert not entered.wait(0.2)
    assert entered.wait(10)
    other.join()


def test_without_a_place_to_lock_each_compiles_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(compilation, "_cache", lambda: tmp_path / "file" / "kernel")
    with compilation._one_at_a_time(), compilation._one_at_a_time():
        pass
