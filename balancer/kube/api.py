"""Access to an API server: the official client finds the server and proves who we are, the answers stay plain JSON.

Objects of the client's models cost ten times the memory and time of the JSON they come from, so none is made.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.config import ConfigException

from balancer.errors import BalancerError

Json = dict[str, Any]

_REQUEST_TIMEOUT_S = 10.0
_CONNECT_TIMEOUT_S = 2.0
# A watch is silent for minutes: whether the server is still there is asked by the kernel, so that a connection that
# died without a word is known within some ten seconds. Source: tcp(7).
_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000),
)
MERGE_PATCH = "application/merge-patch+json"


class ApiError(BalancerError):
    """The API server answered with a refusal. `status` is the HTTP status, `reason` its words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the API server answered {status}: {reason}")
        self.status, self.reason = status, reason


class ApiUnavailableError(BalancerError):
    """The API server did not answer."""


class ContextError(BalancerError):
    """There is no such context, or no way to any cluster at all."""


class ReadsAndWrites(Protocol):
    """What most of this package needs of an API server; `Api` is the real one."""

    def get(self, path: str, **query: object) -> Json:
        """The object or list at `path`. ApiError, ApiUnavailableError."""

    def send(
        self, method: str, path: str, body: object, *, content_type: str = "application/json", **query: object
    ) -> Json:
        """Create, replace, patch or delete. ApiError, ApiUnavailableError."""


class Api:
    """One API server. May be used by several threads at once."""

    def __init__(self, api_client: client.ApiClient) -> None:
        self._client = api_client

    def get(self, path: str, **query: object) -> Json:
        """The object or list at `path`. ApiError, ApiUnavailableError."""
        return self._json("GET", path, None, "application/json", query)

    def send(
        self, method: str, path: str, body: object, *, content_type: str = "application/json", **query: object
    ) -> Json:
        """Create (POST), replace (PUT), change (PATCH) or DELETE. ApiError, ApiUnavailableError."""
        return self._json(method, path, body, content_type, query)

    def text(self, path: str, **query: object) -> str:
        """An answer that is no JSON, such as metrics."""
        with self._asked("GET", path, None, "application/json", query, _REQUEST_TIMEOUT_S) as response:
            return response.data.decode(errors="replace")

    @contextmanager
    def lines(self, path: str, *, read_timeout_s: float, **query: object) -> Iterator[Iterator[bytes]]:
        """An answer that goes on: a watch, a log. The lines as they come; ends when the server ends it.

        ApiUnavailableError, also from the lines, when nothing comes for `read_timeout_s` or the connection breaks.
        """
        with self._asked("GET", path, None, "application/json", query, read_timeout_s, stream=True) as response:
            yield _lines(response)

    def _json(self, method: str, path: str, body: object, content_type: str, query: Mapping[str, object]) -> Json:
        with self._asked(method, path, body, content_type, query, _REQUEST_TIMEOUT_S) as response:
            return cast(Json, json.loads(response.data or b"{}"))

    @contextmanager
    def _asked(
        self,
        method: str,
        path: str,
        body: object,
        content_type: str,
        query: Mapping[str, object],
        read_timeout_s: float,
        *,
        stream: bool = False,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        configuration = self._client.configuration
        headers = {"Accept": "application/json", "Content-Type": content_type, **self._client.default_headers}
        # asked for each time, since it reads a token anew that has been rotated
        token = configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if token:
            headers["Authorization"] = token
        words = urlencode({name: value for name, value in query.items() if value is not None})
        try:
            response = self._client.rest_client.pool_manager.request(
                method,
                f"{configuration.host}{path}?{words}",
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=read_timeout_s),
                preload_content=not stream,
                retries=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise ApiUnavailableError(f"the API server at {configuration.host} does not answer: {error}") from error
        try:
            if response.status >= 400:
                raise ApiError(response.status, _reason(response.data))
            yield response
        finally:
            if stream:
                response.close()
            response.release_conn()


def connect(context: str | None = None, kubeconfig: str | None = None) -> Api:
    """The API server of a kubeconfig's context; of the pod we run in when neither is named and it is one.

    ContextError says which contexts there are.
    """
    configuration = client.Configuration()
    try:
        if context is None and kubeconfig is None:
            try:
                config.load_incluster_config(client_configuration=configuration)
                return _api(configuration)
            except ConfigException:
                configuration = client.Configuration()
        config.load_kube_config(config_file=kubeconfig, context=context, client_configuration=configuration)
    except (ConfigException, OSError, TypeError, ValueError) as error:
        raise ContextError(_no_context(context, kubeconfig, error)) from error
    return _api(configuration)


def _api(configuration: client.Configuration) -> Api:
    configuration.socket_options = [*urllib3.connection.HTTPConnection.default_socket_options, *_ALIVE]
    return Api(client.ApiClient(configuration))


def contexts(kubeconfig: str | None = None) -> tuple[str, ...]:
    """All names, from `kubeconfig` or every file of KUBECONFIG. Files that cannot be read have none.

    The client's own list gives up where no context is the current one, as after kind deleted it.
    """
    files = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return tuple(name for file in files.split(os.pathsep) if file for name in _names(Path(file)))


def _names(file: Path) -> tuple[str, ...]:
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError):
        return ()
    entries = found.get("contexts") if isinstance(found, dict) else None
    return tuple(str(entry["name"]) for entry in entries or ())


def _no_context(context: str | None, kubeconfig: str | None, error: Exception) -> str:
    known = contexts(kubeconfig)
    if context is not None and known and context not in known:
        return f"context {context!r}: one of {', '.join(known)}"
    return f"no way to a cluster: {error}"


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    try:
        for chunk in response.stream(65_536):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ApiUnavailableError(f"the API server broke off: {error}") from error
    if rest:
        yield rest


def _reason(data: bytes) -> str:
    try:
        said = json.loads(data)
    except ValueError:
        return data.decode(errors="replace")[:200]
    return str(said.get("message", said)) if isinstance(said, dict) else str(said)
