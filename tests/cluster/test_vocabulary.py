"""The manifests for haproxytech's controller that tests/integration/haproxytech keeps, unmodified, on a real cluster.

Each is applied to the namespace `default` as it is, with an IngressClass `haproxy` that is ours; the comment at its top
says what to ask (tests/integration/test_haproxytech_vocabulary.py explains the words). Requests of clients whose
address matters (the files name 127.0.x.y) are made inside the controller's pod, where such addresses are.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import certificates, inside, objects
from tests.cluster.asking import Answer, ask
from tests.cluster.kindly import SYSTEM, Cluster, until
from tests.cluster.test_failures import one_balancer

FILES = sorted((Path(__file__).parents[1] / "integration" / "haproxytech").glob("*.yaml"))
NAMESPACE = "default"
HOST = "shop.example"
CONFIG_MAP = "matchday"
LIVE_S = 20.0
POD_TLS = "vocabulary-pod"
# run in the controller's pod: a request from an address of our choice; prints what came
ASK_INSIDE = """
import http.client, json, sys
address, port, method, path, headers = json.loads(sys.argv[1])
plain = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(address, 0))
plain.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
for name, value in headers.items():
    plain.putheader(name, value)
plain.endheaders()
response = plain.getresponse()
print(json.dumps([response.status, dict(response.getheaders()), response.read().decode()]))
"""


class Story:
    """A file: its objects, and what its comment expects of them."""

    def __init__(self, path: Path) -> None:
        text = path.read_text()
        lines = [line[2:] for line in text.splitlines() if line.startswith("# ")]
        self.expect: Mapping[str, Any] = yaml.safe_load("\n".join(lines[lines.index("expect:") :]))["expect"]
        self.documents: list[objects.Json] = list(yaml.safe_load_all(text))
        self.addresses_matter = "127.0." in text

    def kind(self, kind: str) -> list[objects.Json]:
        return [document for document in self.documents if document["kind"] == kind]

    @property
    def hosts(self) -> list[str]:
        rules = [rule for ingress in self.kind("Ingress") for rule in ingress["spec"].get("rules", ())]
        return [rule["host"] for rule in rules if not rule.get("host", "*").startswith("*")]


class Scene:
    """The objects of one file in the cluster."""

    def __init__(self, cluster: Cluster, told: Story) -> None:
        self.cluster, self.told = cluster, told
        self.cookie, self.last_pod = "", ""

    def start_pods(self) -> None:
        """The pods of every Service, as the comment wants them."""
        for service in self.told.kind("Service"):
            name = service["metadata"]["name"]
            how = self.told.expect.get("pods", {}).get(name, {})
            env = {"delay_s": "DELAY_S", "status": "STATUS", "kind": "KIND"}
            words = {env[key]: str(value) for key, value in how.items() if key in env}
            secret = POD_TLS if how.get("kind") == "tls" else None
            made = objects.deployment(name, how.get("count", 1), drain_s=0.1, env=words, tls_secret=secret)
            self.cluster.apply(made, namespace=NAMESPACE)
        for service in self.told.kind("Service"):
            self.cluster.ready(f"deployment/{service['metadata']['name']}", NAMESPACE)

    def apply(self) -> None:
        for ingress in self.told.kind("Ingress"):
            for entry in ingress["spec"].get("tls", ()):
                secret, _ = certificates.tls_secret(entry["secretName"], *entry["hosts"])
                self.cluster.apply(secret, namespace=NAMESPACE)
        for document in self.told.kind("ConfigMap"):
            self.cluster.kubectl(
                *("-n", SYSTEM, "patch", "configmap", CONFIG_MAP, "--type=merge", "-p"),
                json.dumps({"data": document["data"]}),
            )
        self.cluster.apply(*(d for d in self.told.documents if d["kind"] != "ConfigMap"), namespace=NAMESPACE)
        for host in self.told.hosts:
            until(partial(self._known, host), f"{host} is known", LIVE_S)
        if "becomes" not in self.told.expect:
            until(self._all_in_rotation, "all pods are in rotation", LIVE_S)

    def _known(self, host: str) -> bool:
        return self.get({"host": host}).status != 404

    def _all_in_rotation(self) -> bool:
        (pod,) = inside.names(self.cluster)
        samples = inside.scrape(self.cluster, pod)
        here = {
            sample.labels["service"]: sample.value
            for sample in samples
            if sample.name == "matchday_pods_in_rotation" and sample.labels["namespace"] == NAMESPACE
        }
        wanted = {service["metadata"]["name"]: 1 for service in self.told.kind("Service")}
        wanted |= {name: how.get("count", 1) for name, how in self.told.expect.get("pods", {}).items()}
        return here == wanted

    def get(self, wanted: Mapping[str, Any]) -> Answer:
        """One request from outside."""
        tls = bool(wanted.get("tls"))
        port = self.cluster.https_port if tls else self.cluster.port
        return ask(
            port,
            wanted.get("host", HOST),
            wanted.get("path", "/"),
            method=wanted.get("method", "GET"),
            headers=self._headers(wanted),
            tls=tls,
        )

    def get_inside(self, wanted: Mapping[str, Any]) -> Answer:
        """One request from an address of the pod's own."""
        (pod,) = inside.names(self.cluster)
        headers = {"Host": wanted.get("host", HOST), "Connection": "close", **self._headers(wanted)}
        asked = (wanted.get("from", "127.0.0.1"), 8080, wanted.get("method", "GET"), wanted.get("path", "/"))
        words = ("-n", SYSTEM, "exec", pod, "-c", "controller", "--", "python3", "-c", ASK_INSIDE)
        status, fields, body = json.loads(self.cluster.kubectl(*words, json.dumps([*asked, headers])))
        return Answer(status, {name.lower(): value for name, value in fields.items()}, body)

    def check(self, wanted: Mapping[str, Any]) -> None:
        """Ask, and compare with what is expected."""
        answer = self.get_inside(wanted) if self.told.addresses_matter else self.get(wanted)
        assert answer.status == wanted["status"], (wanted, answer)
        for name, value in wanted.get("answer", {}).items():
            same_header(answer.headers, name, value)
        if "body" in wanted:
            assert answer.pod.rsplit("-", 2)[0] == wanted["body"]
        if wanted.get("same_pod"):
            assert answer.pod == self.last_pod
        self.last_pod = answer.pod
        if wanted.get("keeps_cookie"):
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        if "pod_gets" in wanted:
            said = f"'{wanted['pod_gets']}"
            words = ("-n", NAMESPACE, "logs", "--selector=app=shop", "--tail=-1")
            until(lambda: said in self.cluster.kubectl(*words), said, LIVE_S)
        if "pod_path" in wanted:
            assert answer.seen["path"] == wanted["pod_path"]
        for name, value in wanted.get("pod_sees", {}).items():
            # the file's own pods are named as their Service is; a pod of a cluster has a longer name
            seen = dict(answer.seen["headers"])
            if value is not None and seen.get(name, "").startswith(f"{value}-"):
                seen[name] = value
            same_header(seen, name, value)

    def check_warnings(self) -> None:
        """What is told, and nothing else."""
        uids = {
            self.cluster.get(d["kind"], d["metadata"]["name"], "-n", NAMESPACE)["metadata"]["uid"]
            for d in self.told.documents
            if d["kind"] != "ConfigMap"
        }
        for warning in self.told.expect.get("warnings", ()):
            where = NAMESPACE if "/" in warning else SYSTEM
            name = "shop" if "/" in warning else CONFIG_MAP
            print(inside.warned(self.cluster, where, name, warning))
        notes = [
            event["note"] for event in inside.events(self.cluster, NAMESPACE) if event["regarding"].get("uid") in uids
        ]
        strange = [note for note in notes if not any(w in note for w in self.told.expect.get("warnings", ()))]
        assert strange == []

    def remove(self) -> None:
        """All but the pods; until nobody knows the hosts any more."""
        self.cluster.kubectl("-n", NAMESPACE, "delete", "ingresses", "--all")
        kinds = {"Service", "Secret"}
        listed = [f"{d['kind']}/{d['metadata']['name']}" for d in self.told.documents if d["kind"] in kinds]
        self.cluster.kubectl("-n", NAMESPACE, "delete", "--ignore-not-found", *listed)
        for document in self.told.kind("ConfigMap"):
            nothing = dict.fromkeys(document["data"])
            self.cluster.kubectl(
                *("-n", SYSTEM, "patch", "configmap", CONFIG_MAP, "--type=merge", "-p"), json.dumps({"data": nothing})
            )
        until(lambda: all(self.get({"host": host}).status == 404 for host in self.told.hosts), "forgotten", LIVE_S)

    def _headers(self, wanted: Mapping[str, Any]) -> dict[str, str]:
        headers = dict(wanted.get("headers", {}))
        return {**headers, "Cookie": self.cookie} if wanted.get("sends_cookie") else headers


def same_header(headers: Mapping[str, str], name: str, value: str | None) -> None:
    if value is None:
        assert name not in headers
    elif name == "set-cookie":
        assert headers[name].startswith(f"{value}=")
    else:
        assert headers.get(name) == value


@contextlib.contextmanager
def snippets_allowed(cluster: Cluster) -> Iterator[None]:
    """The controller with `--allow-snippets`, and without it after."""
    deployment = cluster.get("deployment", inside.NAME, "-n", SYSTEM)
    containers = deployment["spec"]["template"]["spec"]["containers"]
    number = next(number for number, container in enumerate(containers) if container["name"] == "controller")
    place = f"/spec/template/spec/containers/{number}/args"

    def set_args(args: list[str]) -> None:
        patch = json.dumps([{"op": "replace", "path": place, "value": args}])
        cluster.kubectl("-n", SYSTEM, "patch", "deployment", inside.NAME, "--type=json", "-p", patch)
        inside.scale(cluster, 1)

    before = list(containers[number]["args"])
    set_args([*before, "--allow-snippets"])
    try:
        yield
    finally:
        set_args(before)


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[Cluster]:
    """One proxy, whose limits are then the whole limits; and the class that the files name."""
    name = {"name": "haproxy"}
    ours = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": name}
    secret, _ = certificates.tls_secret(POD_TLS, "pod.example")
    cluster.apply({**ours, "spec": {"controller": "matchday/ingress"}}, secret, namespace=NAMESPACE)
    try:
        with one_balancer(cluster):
            yield cluster
    finally:
        cluster.kubectl("delete", "ingressclass", "haproxy")
        cluster.kubectl("-n", NAMESPACE, "delete", "deployments", "--all")
        cluster.kubectl("-n", NAMESPACE, "delete", "secret", POD_TLS)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_manifest_for_haproxytechs_controller_works_unmodified(shop: Cluster, path: Path) -> None:
    told = Story(path)
    scene = Scene(shop, told)
    scene.start_pods()
    with contextlib.ExitStack() as stack:
        if told.expect.get("snippets"):
            stack.enter_context(snippets_allowed(shop))
        stack.callback(scene.remove)
        scene.apply()
        for wanted in told.expect.get("requests", ()):
            for _ in range(wanted.get("times", 1)):
                scene.check(wanted)
        if "at_once" in told.expect:
            count = told.expect["at_once"]["requests"]
            with ThreadPoolExecutor(count) as clients:
                answers = list(clients.map(scene.get, [{}] * count))
            assert sorted(answer.status for answer in answers) == told.expect["at_once"]["statuses"]
        if "becomes" in told.expect:
            wanted_status = told.expect["becomes"]["status"]
            until(lambda: scene.get({}).status == wanted_status, f"it becomes {wanted_status}", LIVE_S)
        scene.check_warnings()
