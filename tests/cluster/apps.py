"""The test application behind the ingress, in a namespace of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.cluster import objects
from tests.cluster.asking import Answer, ask
from tests.cluster.kindly import Cluster, until

NAME = "app"
READY_S = 90.0


@dataclass(frozen=True)
class App:
    """A Deployment, its Service and its Ingress, all named `app`, for one host."""

    cluster: Cluster
    namespace: str
    host: str

    def kubectl(self, *args: str) -> str:
        return self.cluster.kubectl("-n", self.namespace, *args)

    def pods(self) -> list[dict[str, Any]]:
        """All, also those that end."""
        return list(self.cluster.get("pods", "-n", self.namespace)["items"])

    def scale(self, replicas: int) -> None:
        """So many pods, all ready, and none of those that were too many left."""
        self.kubectl("scale", f"deployment/{NAME}", f"--replicas={replicas}")
        self.settled(replicas)

    def settled(self, replicas: int) -> None:
        """Wait until the rollout is over and the old pods are gone."""
        self.cluster.ready(f"deployment/{NAME}", self.namespace)
        until(lambda: len(self.pods()) == replicas, f"{replicas} pods", READY_S, 0.5)

    def ask(self, path: str = "/", *, tls: bool = False, **more: Any) -> Answer:
        return ask(self.cluster.https_port if tls else self.cluster.port, self.host, path, tls=tls, **more)


@contextlib.contextmanager
def serving(
    cluster: Cluster, replicas: int = 2, *, drain_s: float = 3.0, annotations: Mapping[str, str] | None = None
) -> Iterator[App]:
    """The application, once it answers."""
    with cluster.namespace("app") as namespace:
        app = App(cluster, namespace, f"app.{namespace}.test")
        cluster.apply(
            *objects.application(NAME, app.host, replicas, drain_s=drain_s, annotations=annotations),
            namespace=namespace,
        )
        app.settled(replicas)
        until(lambda: app.ask().status == 200, f"{app.host} answers")
        yield app
