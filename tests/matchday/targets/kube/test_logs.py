import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from balancer.kube.api import ApiError, ApiUnavailableError
from matchday.targets.kube.logs import Logs
from tests.matchday.targets.kube.api import Json

OURS, THEIRS, NOTICE = b'id=1 host="tv.example" path="/"', b'id=2 host="shop.example" path="/"', b"[NOTICE] hello"


class Proxies:
    """Two pods; the connection to the second breaks once."""

    def __init__(self) -> None:
        self.broken = False

    def get(self, path: str, **query: object) -> Json:
        return {"items": [{"metadata": {"name": n}, "status": {"phase": "Running"}} for n in ("p1", "p2")]}

    @contextmanager
    def lines(self, path: str, *, read_timeout_s: float, **query: object) -> Iterator[Iterator[bytes]]:
        if "/p2/" in path and not self.broken:
            self.broken = True
            raise ApiUnavailableError("gone")
        if getattr(self, path, False):
            raise ApiError(404, "the pod is no more")
        setattr(self, path, True)
        yield iter([OURS + path.encode(), THEIRS, NOTICE])


def test_all_proxies_are_followed_through_a_break_and_other_hosts_left_out(tmp_path: Path) -> None:
    logs = Logs(Proxies(), tmp_path / "proxy.log", frozenset({"tv.example"}))
    logs.start()
    deadline = time.monotonic() + 10
    while (text := (tmp_path / "proxy.log").read_bytes()).count(b"\n") < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    logs.stop()
    assert text.count(OURS) == 2
    assert text.count(NOTICE) == 2
    assert b"shop.example" not in text
