from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from balancer.kube.api import MERGE_PATCH, Api, ApiError, ApiUnavailableError, ContextError, connect, contexts

KEEPALIVE = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if self.path.startswith("/watch"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b'{"a": 1}\n{"b', b'": 2}\n'):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
            self.connection.close()  # broken off: no last chunk
            self.close_connection = True
            return
        if self.path.startswith("/forbidden"):
            self._answer(403, {"kind": "Status", "message": "you may not"})
            return
        self._answer(200, {"path": self.path, "authorization": self.headers.get("Authorization")})

    def do_PATCH(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, {"type": self.headers["Content-Type"], "body": json.loads(body)})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        return


@contextmanager
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def kubeconfig(directory: Path, server: str) -> str:
    path = directory / "config"
    path.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": server}}],
                "users": [{"name": "u", "user": {"token": "t0k"}}],
                "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("one", "two")],
                "current-context": "one",
            }
        )
    )
    return str(path)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with served() as server:
        yield connect("one", kubeconfig(tmp_path, server))


def test_a_query_is_sent_and_the_token_with_it(api: Api) -> None:
    said = api.get("/x", labelSelector="a=b c", limit=2, resourceVersion=None)
    assert said["path"] == "/x?labelSelector=a%3Db+c&limit=2"
    assert said["authorization"] == "Bearer t0k"


def test_a_patch_carries_its_content_type(api: Api) -> None:
    assert api.send("PATCH", "/x", {"a": None}, content_type=MERGE_PATCH) == {"type": MERGE_PATCH, "body": {"a": None}}


def test_a_refusal_has_status_and_reason(api: Api) -> None:
    with pytest.raises(ApiError, match="you may not") as refusal:
        api.get("/forbidden")
    assert refusal.value.status == 403


def test_a_stream_gives_whole_lines_until_it_breaks_off(api: Api) -> None:
    got: list[bytes] = []
    with pytest.raises(ApiUnavailableError, match="broke off"), api.lines("/watch", read_timeout_s=5) as lines:
        got.extend(lines)
    assert got == [b'{"a": 1}', b'{"b": 2}']


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with served() as server:
        pass
    with pytest.raises(ApiUnavailableError, match="does not answer"):
        connect("one", kubeconfig(tmp_path, server)).get("/x")


def test_an_unknown_context_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")
    assert contexts(path) == ("one", "two")
    with pytest.raises(ContextError, match="context 'three': one of one, two"):
        connect("three", path)


def test_without_any_kubeconfig_there_is_no_way_to_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(ContextError, match="no way to a cluster"):
        connect(None, str(tmp_path / "none"))


def test_the_kernel_watches_over_silent_connections(api: Api) -> None:
    options = api._client.configuration.socket_options
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in options
    idle, every, count = ({o[1]: o[2] for o in options}[o] for o in KEEPALIVE)
    assert idle + every * count <= 12  # seconds until a server that vanished is known to be gone


def test_contexts_of_all_files_are_known_also_where_none_is_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(json.dumps({"contexts": [{"name": name, "context": {}}]}))
    (tmp_path / "broken").write_text("{")
    files = [str(tmp_path / name) for name in ("a", "broken", "b", "missing")]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(files))
    assert contexts() == ("a", "b")
