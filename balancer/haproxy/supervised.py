"""A HAProxy that another container of the same pod runs (`balancer.haproxy.supervisor`), told through a shared directory.

It lives on when the controller does not. A controller that comes back takes over what it finds, without a reload.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from balancer.errors import HAProxyUnavailableError
from balancer.haproxy.certificates import CERTIFICATE_LIST, CERTIFICATES
from balancer.haproxy.config import CONFIG_FILE, EXACT_MAP, PREFIX_MAP
from balancer.haproxy.proxy import MASTER_SOCKET, Proxy
from balancer.haproxy.runtime import Master
from balancer.haproxy.stats import Stat
from balancer.policy.config import Backend, ProxyConfig, Route, Server

_SOCKET = re.compile(r"unix@runtime-(\d+)\.sock")
_SERVER = "    server "


class SupervisedProxy(Proxy):
    """HAProxy as seen from the controller's container."""

    def start(self, config: ProxyConfig) -> None:
        """Have this configuration run: by a reload where HAProxy runs already, else the supervisor starts it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._generation, self._files = self._found_generation(), self._found_files()
        if self._master_answers():
            self.reload(config)
            return
        # a HAProxy that is just being started from older files would not answer on the new socket
        self._generation += 1
        self.write(config)
        self.check("HAProxy refuses its configuration")
        self.wait_until_it_answers()

    @property
    def running(self) -> bool:
        """The supervisor's matter: it starts it again at once, so we go on asking."""
        return True

    def why_not(self) -> str:
        """Its messages are in the other container's log."""
        return "see the log of the container `proxy`"

    def worker_pid(self) -> int:
        """Process id of the present worker; another one than before means that HAProxy was started anew."""
        for line in self.runtime.ask(["show info"])[0].splitlines():
            if line.startswith("Pid: "):
                return int(line.removeprefix("Pid: "))
        raise HAProxyUnavailableError("HAProxy does not say its process id")

    def adopt(self, desired: ProxyConfig) -> ProxyConfig | None:
        """What a HAProxy found running serves, if it differs from `desired` in servers and routes at most.

        None when there is none, or it runs by other settings: then it must be reloaded.
        """
        self._generation = self._found_generation()
        files = self._found_files()
        wanted = self.rendered(desired)
        if _without_servers(files) != _without_servers(wanted):
            return None
        try:
            rows = {(stat.proxy, stat.name): stat for stat in self.runtime.stats() if stat.kind == "server"}
            ids = {(row.backend, row.server): row.id for row in self.runtime.connections()}
            answers = self.runtime.ask([f"show map {EXACT_MAP}", f"show map {PREFIX_MAP}"])
        except HAProxyUnavailableError:
            return None
        self._files = files
        conditional = (route for route in desired.routes if route.when is not None)
        routes = (*_routes(answers[0], exact=True), *_routes(answers[1], exact=False), *conditional)
        backends = tuple(_found_backend(backend, rows, ids) for backend in desired.backends)
        return replace(desired, routes=routes, backends=backends)

    def _master_answers(self) -> bool:
        try:
            Master(self.directory / MASTER_SOCKET).ask("show version")
        except HAProxyUnavailableError:
            return False
        return True

    def _found_generation(self) -> int:
        try:
            found = _SOCKET.search((self.directory / CONFIG_FILE).read_text(encoding="ascii"))
        except OSError:
            return 0
        return int(found[1]) if found else 0

    def _found_files(self) -> dict[str, str]:
        names = [CONFIG_FILE, EXACT_MAP, PREFIX_MAP, CERTIFICATE_LIST]
        names += [f"{CERTIFICATES}/{path.name}" for path in (self.directory / CERTIFICATES).glob("*.pem")]
        paths = {name: self.directory / name for name in names}
        return {name: path.read_text(encoding="ascii") for name, path in paths.items() if path.is_file()}


def _without_servers(files: Mapping[str, str]) -> dict[str, str]:
    """What a reload alone could change: neither servers nor maps."""
    kept = {name: text for name, text in files.items() if name not in {EXACT_MAP, PREFIX_MAP}}
    lines = kept.get(CONFIG_FILE, "").splitlines()
    return kept | {CONFIG_FILE: "\n".join(line for line in lines if not line.startswith(_SERVER))}


def _found_backend(
    desired: Backend, rows: Mapping[tuple[str, str], Stat], ids: Mapping[tuple[str, str], int]
) -> Backend:
    """The servers HAProxy has, as far as it tells; what it does not tell of one is what is wished for."""
    wanted = {server.name: server for server in desired.servers}
    servers = []
    for (proxy, name), stat in rows.items():
        if proxy != desired.name:
            continue
        address, _, port = stat.address.rpartition(":")
        known = wanted.get(name, Server(name, 0, address, int(port)))
        servers.append(
            replace(
                known,
                id=ids[proxy, name],
                address=address.strip("[]"),
                port=int(port),
                maxconn=stat.maxconn or 0,
                weight=stat.weight,
                state="drain" if stat.status.startswith(("DRAIN", "MAINT")) else "ready",
            )
        )
    return replace(desired, servers=tuple(servers))


def _routes(answer: str, *, exact: bool) -> tuple[Route, ...]:
    """Routes that give this map again; a line is a pointer, the key and the backend."""
    found = []
    for line in answer.splitlines():
        _, _, rest = line.partition(" ")
        key, _, backend = rest.rpartition(" ")
        host, slash, path = key.partition("/")
        path = slash + path
        if not exact:
            path = path.rstrip("/") or "/"
        found.append(Route(None if host == "*" else host, path, "Exact" if exact else "Prefix", backend))
    return tuple(found)
