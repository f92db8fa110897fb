"""Where the real HAProxy sends a request, against what the policy says; and routes that change while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from balancer.haproxy.log import failure_kind
from balancer.policy.objects import BackendRef, Ingress, IngressPath, Manifests, Service, ServicePort
from balancer.policy.routing import match

if TYPE_CHECKING:
    from tests.integration.conftest import Bench

pytestmark = pytest.mark.integration
SERVICES = ("root", "deep", "exact", "wild", "any", "odd")
PATHS = (
    IngressPath("tv.example", "/", "Prefix", BackendRef("root", 80)),
    IngressPath("tv.example", "/live/final/", "Prefix", BackendRef("deep", 80)),
    IngressPath("tv.example", "/live/final", "Exact", BackendRef("exact", 80)),
    IngressPath("*.example", "/live", "ImplementationSpecific", BackendRef("wild", 80)),
    IngressPath(None, "/health", "Prefix", BackendRef("any", 80)),
    IngressPath(None, "/it's;(a)=path,&$!", "Prefix", BackendRef("odd", 80)),
)
REQUESTS = [
    *((host, path) for host in ("tv.example", "TV.Example:8080", "radio.example", "a.b.example", "other.org")
      for path in ("/", "/live", "/live/final", "/live/final/", "/live/final/x", "/live/finals", "/health", "/healthy",
                   "/live/final?minute=90", "/nowhere", "/it's;(a)=path,&$!/x", "/LIVE", "/live//final")),
    ("", "/health"), ("[::1]:80", "/health"), ("127.0.0.1:80", "/live"), (".example", "/live"), ("*.example", "/live"),
    ("*", "/health"), ("-", "/health"), (None, "/health"), (None, "/live"),
]  # fmt: skip


def manifests(paths: Sequence[IngressPath], default: str | None = None) -> Manifests:
    services = tuple(Service(name, "default", {"app": name}, (ServicePort(None, 80, 80),)) for name in SERVICES)
    fallback = None if default is None else BackendRef(default, 80)
    return Manifests(services=services, ingresses=(Ingress("all", "default", tuple(paths), fallback),))


def test_every_request_goes_where_the_policy_says(bench: Bench) -> None:
    async def story() -> None:
        pods = {f"default_{name}_80": await bench.pod(name) for name in SERVICES}
        bench.serve(manifests(PATHS), {backend: (pod.endpoint(),) for backend, pod in pods.items()})
        assert bench.controller is not None
        assert bench.controller.current is not None
        routes = bench.controller.current.routes
        for host, path in REQUESTS:
            route = match(routes, host or "", path)
            answer = await bench.get(path, host)
            expected = "no route" if route is None else pods[route.backend].name
            assert (host, path, answer.body) == (host, path, expected)
            assert answer.status == (404 if route is None else 200)
        lines = await bench.log(len(REQUESTS))
        assert {failure_kind(line) for line in lines if line.status == 404} == {"no_server"}

    asyncio.run(story())


def test_routes_come_change_and_go_without_a_reload(bench: Bench) -> None:
    async def story() -> None:
        pods = {f"default_{name}_80": await bench.pod(name) for name in SERVICES}
        endpoints = {backend: (pod.endpoint(),) for backend, pod in pods.items()}

        async def served() -> list[str]:
            hosts = ("tv.example", "radio.example", "other.org")
            return [(await bench.get("/live/final", host)).body for host in hosts]

        # every backend stays in use, since one that comes or goes is a reload
        known = [IngressPath("known.test", f"/{name}", "Prefix", BackendRef(name, 80)) for name in SERVICES]
        bench.serve(manifests((*PATHS, *known)), endpoints)
        assert await served() == ["exact", "wild", "no route"]
        moved = IngressPath("tv.example", "/live/final", "Exact", BackendRef("odd", 80))
        bench.serve(manifests((*PATHS[:2], moved, *PATHS[3:], *known)), endpoints)
        assert await served() == ["odd", "wild", "no route"]
        everywhere = IngressPath(None, "/", "Prefix", BackendRef("exact", 80))
        bench.serve(manifests((*PATHS[:2], *PATHS[3:], *known, everywhere)), endpoints)
        assert await served() == ["deep", "wild", "exact"]
        assert bench.haproxy.reloads == 0

    asyncio.run(story())


def test_a_default_backend_takes_what_no_rule_does(bench: Bench) -> None:
    async def story() -> None:
        pods = {f"default_{name}_80": await bench.pod(name) for name in SERVICES}
        endpoints = {backend: (pod.endpoint(),) for backend, pod in pods.items()}
        bench.serve(manifests(PATHS, default="any"), endpoints)
        assert (await bench.get("/nowhere", "other.org")).body == "any"
        assert (await bench.get("/live", "tv.example")).body == "root"

    asyncio.run(story())


def test_a_path_without_a_service_is_a_503_and_not_the_next_shorter_path(bench: Bench) -> None:
    async def story() -> None:
        pods = {f"default_{name}_80": await bench.pod(name) for name in SERVICES}
        lost = IngressPath("tv.example", "/lost", "Prefix", BackendRef("nobody", 80))
        bench.serve(manifests((*PATHS, lost)), {backend: (pod.endpoint(),) for backend, pod in pods.items()})
        assert (await bench.get("/live", "tv.example")).body == "root"
        answer = await bench.get("/lost/found", "tv.example")
        assert (answer.status, answer.body) == (503, "no such service")
        assert [line.refused for line in await bench.log(2)] == [None, "no_route"]

    asyncio.run(story())
