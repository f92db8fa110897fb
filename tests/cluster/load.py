"""An open-loop load of its own process: so many requests a second over keep-alive connections, every one recorded.

Run as a script it prints a line when it has begun, sends until its time is over or its standard input is closed, waits
for the answers that are out, and writes one JSON line a request to a file. Nothing is sent twice. Times are those of
the machine's monotonic clock, so they compare with those of other processes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ANSWER_TIMEOUT_S = 15.0
CONNECTIONS = 20
REQUESTS_A_CONNECTION = 150
MOST_REQUESTS = 100_000


@dataclass(frozen=True)
class Request:
    """One request. `status` 0: no answer, and `error` says why."""

    began_s: float
    took_s: float
    status: int
    pod: str = ""
    error: str = ""
    reused: bool = False


class Load:
    """What a load sent while it ran."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    @property
    def failed(self) -> list[Request]:
        return [request for request in self.requests if request.status != 200]

    def summary(self) -> str:
        """Counts, and the errors in words."""
        began = min((request.began_s for request in self.requests), default=0.0)
        kinds = Counter(f"{request.status} {request.error}".strip() for request in self.failed)
        took = sorted(request.took_s for request in self.requests)
        worst = f", slowest {took[-1] * 1e3:.0f} ms, p99 {took[len(took) * 99 // 100] * 1e3:.0f} ms" if took else ""
        when = ", ".join(f"{request.began_s - began:.2f}" for request in self.failed[:10])
        tail = f": {dict(kinds)} at s {when}" if self.failed else ""
        return f"{len(self.failed)} of {len(self.requests)} requests failed{tail}{worst}"

    def gap_s(self) -> float:
        """The longest time without a good answer between two good ones."""
        good = sorted(request.began_s + request.took_s for request in self.requests if request.status == 200)
        return max((after - before for before, after in itertools.pairwise(good)), default=0.0)


@contextlib.contextmanager
def load(port: int, host: str, directory: Path, *, rps: float = 200.0, most_s: float = 300.0) -> Iterator[Load]:
    """Requests to a host while the block runs; they can be looked at after it."""
    record = directory / f"load-{time.monotonic_ns()}.jsonl"
    words = (sys.executable, __file__, str(port), host, str(rps), str(most_s), str(record))
    running = Load()
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "begun\n"
            yield running
            assert process.poll() is None, "the load ended before the test: give it more time"
        finally:
            process.stdin.close()
            process.wait(ANSWER_TIMEOUT_S + 5)
            if record.exists():
                running.requests = [Request(**json.loads(line)) for line in record.read_text().splitlines()]


class _Sender:
    def __init__(self, port: int, host: str, path: str = "/") -> None:
        self.port = port
        self.head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self.idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter, int]] = deque()
        self.open = 0
        self.requests: list[Request] = []

    async def send(self) -> None:
        began = time.monotonic()
        used = 0
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                reader, writer, used = await self._connection()
                try:
                    status, pod = await self._ask(reader, writer, used)
                except BaseException:
                    self._close(writer)
                    raise
            error = ""
        except (OSError, asyncio.IncompleteReadError, ValueError) as failure:
            status, pod, error = 0, "", type(failure).__name__
        self.requests.append(Request(began, time.monotonic() - began, status, pod, error, used > 0))

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, int]:
        while self.idle and (self.open >= CONNECTIONS or self.idle[0][2] >= REQUESTS_A_CONNECTION):
            reader, writer, used = self.idle.popleft()
            if used < REQUESTS_A_CONNECTION and not reader.at_eof() and not writer.is_closing():
                return reader, writer, used
            self._close(writer)
        self.open += 1
        try:
            return *(await asyncio.open_connection("127.0.0.1", self.port)), 0
        except BaseException:
            self.open -= 1
            raise

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, used: int) -> tuple[int, str]:
        writer.write(self.head)
        first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest if line)}
        await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection", "").lower() == "close":
            self._close(writer)
        else:
            self.idle.append((reader, writer, used + 1))
        return int(first.split()[1]), headers.get("x-pod", "")

    def _close(self, writer: asyncio.StreamWriter) -> None:
        self.open -= 1
        writer.close()


async def _run(sender: _Sender, rps: float, most_s: float) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    began = time.monotonic()
    print("begun", flush=True)
    out: set[asyncio.Task[None]] = set()
    for number in range(min(int(rps * most_s), MOST_REQUESTS)):
        await asyncio.sleep(max(0.0, began + number / rps - time.monotonic()))
        if over.is_set():
            break
        task = asyncio.ensure_future(sender.send())
        out.add(task)
        task.add_done_callback(out.discard)
    if out:
        await asyncio.wait(out)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("host")
    parser.add_argument("rps", type=float)
    parser.add_argument("most_s", type=float)
    parser.add_argument("record", type=Path)
    asked = parser.parse_args()
    sender = _Sender(asked.port, asked.host)
    asyncio.run(_run(sender, asked.rps, asked.most_s))
    asked.record.write_text("".join(json.dumps(vars(request)) + "\n" for request in sender.requests))


if __name__ == "__main__":
    main()
