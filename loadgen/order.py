"""What is to be sent where: a scenario, a schedule, a target. It travels to workers on other machines as bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from loadgen.errors import LoadError
from loadgen.http import Clients, tls_context
from loadgen.openloop import MOST_OUTSTANDING, Sender
from scenarios.load import LoadedScenario, load_scenario
from scenarios.messages import Messages
from scenarios.schema import Request
from scenarios.traffic import Schedule, load_schedule, save_schedule

_MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class Order:
    """A schedule of a scenario's requests for the server at `host`:`port`; a bound on those outstanding, for each sender."""

    loaded: LoadedScenario
    schedule: Schedule
    host: str
    port: int
    seed: int
    most_outstanding: int = MOST_OUTSTANDING

    @property
    def requests(self) -> tuple[Request, ...]:
        """The mix, by number of its kind."""
        return self.loaded.scenario.traffic.requests

    def sender(self, epoch: float, share: int = 0, of: int = 1) -> Sender:
        """Who sends one share, from `epoch` (monotonic) on."""
        traffic, directory = self.loaded.scenario.traffic, self.loaded.directory
        tls = server_name = None
        if traffic.tls is not None:
            tls = tls_context(None if traffic.tls.ca is None else str(directory / traffic.tls.ca))
            server_name = traffic.tls.server_name or traffic.requests[0].host.partition(":")[0]
        clients = Clients(
            self.host,
            self.port,
            traffic.clients,
            keep_alive=traffic.keep_alive,
            tls=tls,
            server_name=server_name,
        )
        return Sender(
            self.schedule,
            traffic.requests,
            Messages(self.loaded),
            clients,
            epoch=epoch,
            seed=self.seed,
            share=share,
            of=of,
            most_outstanding=self.most_outstanding,
        )

    def packed(self) -> dict[str, Any]:
        """All of it as bytes and plain values; LoadError when a scenario's directory is too large to send."""
        directory = self.loaded.directory
        files = {str(p.relative_to(directory)): p for p in sorted(directory.rglob("*")) if p.is_file()}
        if sum(path.stat().st_size for path in files.values()) > _MOST_BYTES:
            raise LoadError(f"{directory}: more than {_MOST_BYTES >> 20} MiB, too much to send to workers")
        schedule = io.BytesIO()
        save_schedule(self.schedule, schedule)
        return {
            "files": {name: path.read_bytes() for name, path in files.items()},
            "sha256": self.loaded.sha256,
            "schedule": schedule.getvalue(),
            "host": self.host,
            "port": self.port,
            "seed": self.seed,
            "most_outstanding": self.most_outstanding,
        }

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any], room: TemporaryDirectory[str]) -> Order:
        """The same order on another machine; its files are kept in `room`. LoadError when it is not the same."""
        directory = Path(room.name)
        for name, content in packed["files"].items():
            path = (directory / name).resolve()
            if not path.is_relative_to(directory.resolve()):
                raise LoadError(f"{name}: a file outside of the scenario's directory")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        loaded = load_scenario(directory)
        if loaded.sha256 != packed["sha256"]:
            raise LoadError("the scenario is read otherwise here than by the master: are both the same matchday?")
        schedule = load_schedule(io.BytesIO(packed["schedule"]))
        return cls(loaded, schedule, packed["host"], packed["port"], packed["seed"], packed["most_outstanding"])
