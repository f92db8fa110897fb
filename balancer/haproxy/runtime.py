"""A running HAProxy's stats socket: commands in batches over one connection, each answer looked at."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from balancer.errors import ConfigurationRefusedError, HAProxyUnavailableError, RuntimeCommandError
from balancer.haproxy.commands import Line, deletion, lines
from balancer.haproxy.stats import ServerConnections, Stat, parse_servers_conn, parse_stat
from balancer.haproxy.text import name
from balancer.policy.plan import DeleteServer, RuntimeCommand

_PROMPT = b"\n> "
# A socket's path may have 108 bytes. Source: unix(7).
_LONGEST_PATH = 100
# Of so many backends each is asked for alone, of more all in one go.
_FEW = 50


class Runtime:
    """Client of one stats socket. Blocking; every wait ends after `timeout_s`."""

    def __init__(self, path: Path, timeout_s: float = 5.0) -> None:
        self.path = path
        self._timeout_s = timeout_s

    def ask(self, commands: Sequence[str | Line]) -> list[str]:
        """The answers, without the blank lines around them. HAProxyUnavailableError when it does not answer."""
        try:
            with _connected(self.path, self._timeout_s) as connection:
                connection.sendall(b"prompt\n")
                _until_prompt(connection)
                return [self._ask_one(connection, command) for command in commands]
        except OSError as error:
            raise HAProxyUnavailableError(f"HAProxy does not answer on {self.path.name}: {error}") from error

    def apply(self, commands: Sequence[RuntimeCommand]) -> tuple[DeleteServer, ...]:
        """Carry out commands in their order; give the deletions that must wait since the server is not idle yet.

        RuntimeCommandError when one was refused; the others are done all the same, but nothing is deleted.
        """
        deletions = [command for command in commands if isinstance(command, DeleteServer)]
        said = [line for command in commands if not isinstance(command, DeleteServer) for line in lines(command)]
        self._obeyed(said)
        return self._delete(deletions) if deletions else ()

    def stats(self, backend: str | None = None) -> tuple[Stat, ...]:
        """All frontends, backends and servers, or those of one backend."""
        what = "show stat" if backend is None else f"show stat {name(backend)} 6 -1"
        return parse_stat(self.ask([what])[0])

    def connections(self, backend: str | None = None) -> tuple[ServerConnections, ...]:
        """HAProxy's connections to each server."""
        what = "show servers conn" if backend is None else f"show servers conn {name(backend)}"
        return parse_servers_conn(self.ask([what])[0])

    def _obeyed(self, said: Sequence[Line]) -> None:
        for line, answer in zip(said, self.ask(said) if said else (), strict=True):
            if not line.accepts(answer):
                raise RuntimeCommandError(f"HAProxy refused `{line.text}`: {answer or 'no answer'}")

    def _delete(self, deletions: Sequence[DeleteServer]) -> tuple[DeleteServer, ...]:
        """Delete those that are idle; what HAProxy still refuses then is put back as it was, draining."""
        waiting = []
        servers = {(stat.proxy, stat.name): stat for stat in self._servers({d.backend for d in deletions})}
        for command in deletions:
            stat = servers.get((command.backend, command.name))
            if stat is None:
                continue
            if not stat.idle:
                waiting.append(command)
                continue
            said = deletion(command)
            answers = self.ask([line.text for line in said])
            if not said[-1].accepts(answers[-1]):
                where = f"{name(command.backend)}/{name(command.name)}"
                address, _, port = stat.address.rpartition(":")
                self.ask(
                    [f"set server {where} addr {address.strip('[]')} port {port}", f"set server {where} state drain"]
                )
                waiting.append(command)
        return tuple(waiting)

    def _servers(self, backends: set[str]) -> list[Stat]:
        """The servers of some backends; of thousands of others nothing is read."""
        if len(backends) > _FEW:
            return [stat for stat in self.stats() if stat.kind == "server"]
        answers = self.ask([f"show stat {name(backend)} 4 -1" for backend in sorted(backends)])
        return [stat for answer in answers for stat in parse_stat(answer)]

    @staticmethod
    def _ask_one(connection: socket.socket, command: str | Line) -> str:
        line = Line(command) if isinstance(command, str) else command
        if "\n" in line.text or "\n\n" in line.payload:
            raise RuntimeCommandError(f"HAProxy takes one line at a time: {line.text!r}")
        ending = f"\n{line.payload}\n\n" if line.payload else "\n"
        connection.sendall((line.text + ending).encode())
        # each line of a payload is asked for with a prompt of its own
        return _until_prompt(connection).lstrip("+ ") if line.payload else _until_prompt(connection)


class Master:
    """Client of the master's socket: reloads, and the workers that still finish their requests."""

    def __init__(self, path: Path, timeout_s: float = 30.0) -> None:
        self.path = path
        self._timeout_s = timeout_s

    def ask(self, command: str) -> str:
        """One answer. HAProxyUnavailableError when there is none."""
        try:
            with _connected(self.path, self._timeout_s) as connection:
                connection.sendall(command.encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65_536), b"")).decode(errors="replace").strip()
        except OSError as error:
            raise HAProxyUnavailableError(f"HAProxy's master does not answer: {error}") from error

    def reload(self) -> None:
        """Put a new worker in place of the present one. ConfigurationRefusedError when HAProxy says that it failed.

        Until 2.6 it says nothing and goes on at its own pace.
        """
        answer = self.ask("reload")
        if answer and "Success=1" not in answer:
            alerts = [line for line in answer.splitlines() if "[ALERT]" in line]
            raise ConfigurationRefusedError(f"HAProxy did not reload: {(alerts or [answer])[0]}")

    def old_workers(self) -> tuple[int, ...]:
        """Process ids of replaced workers that are not done."""
        _, _, old = self.ask("show proc").partition("# old workers")
        return tuple(int(line.split()[0]) for line in old.splitlines() if line[:1].isdecimal())

    def worker_stats(self, pid: int) -> tuple[Stat, ...]:
        """`show stat` of one worker; empty when it has gone meanwhile."""
        return parse_stat(self.ask(f"@!{pid} show stat"))


@contextmanager
def _connected(path: Path, timeout_s: float) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        if len(os.fsencode(path)) <= _LONGEST_PATH:
            connection.connect(os.fspath(path))
            yield connection
            return
        directory = os.open(path.parent, os.O_PATH)
        try:
            connection.connect(f"/proc/self/fd/{directory}/{path.name}")
        finally:
            os.close(directory)
        yield connection


def _until_prompt(connection: socket.socket) -> str:
    answer = b"\n"
    while not answer.endswith(_PROMPT):
        received = connection.recv(65_536)
        if not received:
            raise ConnectionResetError("it closed the connection")
        answer += received
    return answer.removesuffix(_PROMPT).decode(errors="replace").strip()
