"""What balancer/deploy installs: accepted by a real API server, restricted as it says, and the chart with the real helm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.cluster import apps, inside, objects
from tests.cluster.charts import CHART, DEPLOY, helm
from tests.cluster.kindly import SYSTEM, Cluster, CommandError, run, until

RELEASE, CLASS = "second", "second"
ACCOUNT = f"system:serviceaccount:{SYSTEM}:{inside.NAME}"


def test_chart_is_linted() -> None:
    assert "0 chart(s) failed" in run(helm(), "lint", "--strict", str(CHART))


@pytest.mark.parametrize("folder", ["base", "kind"])
def test_api_server_takes_the_manifests(cluster: Cluster, folder: str) -> None:
    said = cluster.kubectl("apply", "--dry-run=server", "-k", str(DEPLOY / folder))
    assert "deployment.apps/matchday-balancer" in said


def shared(cluster: Cluster) -> set[str]:
    """What belongs to no namespace and a chart could leave behind."""
    kinds = "clusterroles,clusterrolebindings,ingressclasses,apiservices"
    system = cluster.kubectl("get", "rolebindings", "-n", "kube-system", "-o", "name")
    return {*cluster.kubectl("get", kinds, "-o", "name").split(), *system.split()}


def owned(cluster: Cluster, namespace: str) -> set[str]:
    """What stands in a namespace besides what Kubernetes puts into each."""
    kinds = (
        "deployments,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings,poddisruptionbudgets,leases"
    )
    names = cluster.kubectl("get", kinds, "-n", namespace, "-o", "name").split()
    return {name for name in names if not name.endswith(("/kube-root-ca.crt", "/default"))}


@pytest.fixture
def installed(cluster: Cluster) -> Iterator[tuple[str, set[str]]]:
    """The namespace of a release beside the one that is there, and what the cluster shared before."""
    before = shared(cluster)
    with cluster.namespace("helm") as namespace:
        options = "replicas=1,metricsApi.enabled=false,service.type=ClusterIP,drain=0s,grace=1s"
        ingress_class = f"ingressClass.name={CLASS},ingressClass.default=false"
        try:
            run(
                *(helm(), "--kube-context", cluster.context, "install", RELEASE, str(CHART), "-n", namespace),
                *("--set", options, "--set", ingress_class, "--wait", "--timeout", "120s"),
                timeout_s=140,
            )
            yield namespace, before
        finally:
            words = ("uninstall", RELEASE, "-n", namespace, "--wait", "--ignore-not-found")
            run(helm(), "--kube-context", cluster.context, *words)


def test_helm_installs_a_controller_that_serves_and_uninstalls_it_whole(
    cluster: Cluster, installed: tuple[str, set[str]]
) -> None:
    namespace, before = installed
    rule = objects.ingress("app", {"": [objects.path("app")]}, ingress_class=CLASS)
    cluster.apply(objects.deployment("app"), objects.service("app"), rule, namespace=namespace)
    cluster.ready("deployment/app", namespace)
    address = f"/api/v1/namespaces/{namespace}/services/http:{RELEASE}:http/proxy/through-the-chart"

    def answer() -> str:
        try:
            return cluster.kubectl("get", "--raw", address)
        except CommandError as error:
            if any(word in str(error) for word in ("NotFound", "ServiceUnavailable")):
                return ""  # not served yet
            raise

    assert json.loads(until(answer, "an answer through the chart's proxy"))["path"].startswith("/through-the-chart")

    cluster.kubectl("-n", namespace, "delete", "ingress,service,deployment", "app")
    run(helm(), "--kube-context", cluster.context, "uninstall", RELEASE, "-n", namespace, "--wait")
    assert shared(cluster) == before
    # these two the controller made
    own = {f"lease.coordination.k8s.io/{RELEASE}", f"secret/{RELEASE}-serving"}
    until(lambda: owned(cluster, namespace) <= own, "nothing is left behind")


def test_pods_run_as_nobody_on_a_root_they_cannot_write(cluster: Cluster) -> None:
    program = (
        "import os\n"
        "assert os.getuid() == 65532, os.getuid()\n"
        "for place in ('/x', '/tmp/x', '/opt/balancer/x', '/etc/x'):\n"
        "    try: open(place, 'w')\n"
        "    except OSError: continue\n"
        "    raise SystemExit('could write ' + place)\n"
        "words = dict(line.split(':\\t', 1) for line in open('/proc/1/status') if ':\\t' in line)\n"
        "print({name: words[name].strip() for name in ('CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp')})\n"
    )
    for pod in inside.names(cluster):
        for container in ("proxy", "controller"):
            said = cluster.kubectl("-n", SYSTEM, "exec", pod, "-c", container, "--", "python", "-c", program)
            assert "'CapEff': '0000000000000000', 'CapBnd': '0000000000000000', 'NoNewPrivs': '1'" in said
            assert "'Seccomp': '2'" in said


@pytest.mark.parametrize("program", ["/bin/sh", "sh", "bash", "/usr/bin/perl", "apt-get", "pip", "curl"])
def test_image_has_no_shell_and_no_tools(cluster: Cluster, program: str) -> None:
    pod = inside.names(cluster)[0]
    with pytest.raises(CommandError, match=r"not found|no such file"):
        cluster.kubectl("-n", SYSTEM, "exec", pod, "-c", "proxy", "--", program)


def test_proxy_has_no_token(cluster: Cluster) -> None:
    program = "import os; print(os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token'))"
    pod = inside.names(cluster)[0]
    for container, expected in (("proxy", "False"), ("controller", "True")):
        words = ("-n", SYSTEM, "exec", pod, "-c", container, "--", "python", "-c", program)
        assert cluster.kubectl(*words).strip() == expected


def test_namespace_lets_no_privileged_pod_in(cluster: Cluster) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "privileged", "namespace": SYSTEM},
        "spec": {"containers": [{"name": "a", "image": "none:1", "securityContext": {"privileged": True}}]},
    }
    with pytest.raises(CommandError, match="violates PodSecurity"):
        cluster.kubectl("apply", "--dry-run=server", "-f", "-", input=json.dumps(pod))


def may(cluster: Cluster, verb: str, what: str, *more: str) -> bool:
    try:
        return cluster.kubectl("auth", "can-i", verb, what, f"--as={ACCOUNT}", *more).strip() == "yes"
    except CommandError as error:
        if "\nno" in str(error):
            return False
        raise


@pytest.mark.parametrize(
    ("verb", "what", "more"),
    [
        ("watch", "ingresses.networking.k8s.io", ("-A",)),
        ("patch", "ingresses.networking.k8s.io", ("--subresource=status", "-n", "default")),
        ("list", "secrets", ("-A",)),
        ("update", "leases.coordination.k8s.io/matchday-balancer", ("-n", SYSTEM)),
        ("update", "secrets/matchday-balancer-serving", ("-n", SYSTEM)),
        ("get", "configmaps/matchday", ("-n", SYSTEM)),
    ],
)
def test_controller_may_do_what_it_does(cluster: Cluster, verb: str, what: str, more: tuple[str, ...]) -> None:
    assert may(cluster, verb, what, *more)


@pytest.mark.parametrize(
    ("verb", "what", "more"),
    [
        ("delete", "secrets", ("-n", SYSTEM)),
        ("create", "secrets", ("-n", "default")),
        ("update", "secrets/another", ("-n", SYSTEM)),
        ("list", "pods", ("-A",)),
        ("create", "pods", ("--subresource=exec", "-n", SYSTEM)),
        ("update", "deployments.apps", ("-n", SYSTEM)),
        ("update", "ingresses.networking.k8s.io", ("-n", "default")),
        ("patch", "services", ("-n", "default")),
        ("get", "configmaps/another", ("-n", SYSTEM)),
        ("list", "configmaps", ("-n", "default")),
        ("update", "leases.coordination.k8s.io/another", ("-n", SYSTEM)),
        ("patch", "apiservices.apiregistration.k8s.io/v1.apps", ()),
        ("escalate", "clusterroles.rbac.authorization.k8s.io", ()),
        ("impersonate", "users", ()),
        ("get", "nodes", ()),
    ],
)
def test_controller_may_do_nothing_else(cluster: Cluster, verb: str, what: str, more: tuple[str, ...]) -> None:
    assert not may(cluster, verb, what, *more)


def test_dashboard_asks_for_metrics_that_pods_give(cluster: Cluster) -> None:
    text = (DEPLOY / "grafana" / "dashboard.json").read_text()
    pod = inside.names(cluster)[0]
    there = set()
    with apps.serving(cluster, replicas=1):
        for port in (inside.CONTROLLER_PORT, inside.EXPORTER_PORT):
            path = f"/api/v1/namespaces/{SYSTEM}/pods/{pod}:{port}/proxy/metrics"
            there |= set(re.findall(r"^# TYPE (\S+)", cluster.kubectl("get", "--raw", path), re.MULTILINE))
    asked = {name.removesuffix("_bucket") for name in re.findall(r"\b(?:matchday|haproxy)_\w+", text)}
    assert asked - there == set()
