"""Keys of a manifest that are nothing in Kubernetes, but almost one that we read: surely a slip of the finger.

Kubernetes itself refuses or drops them; read silently, a misspelt `readinessProbe` would be a pod without one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from balancer.policy.objects import Problem
from balancer.policy.reader import Path

_SIMILAR = 0.7  # difflib's ratio; `prot` and `port` have 0.75

_NO_SUCH_KEY = "no such key; did you mean `{}`?"


@dataclass(frozen=True)
class Shape:
    """Keys of a mapping, or of each mapping in a list: those we `read`, and `others` Kubernetes knows.

    The value of a key we read has a shape of its own, or None when its keys are the user's or it has none.
    """

    read: Mapping[str, Shape | None] = field(default_factory=dict)
    others: frozenset[str] = frozenset()


def _shape(read: str = "", others: str = "", **inner: Shape) -> Shape:
    return Shape({**dict.fromkeys(read.split()), **inner}, frozenset(others.split()))


# Source: the Kubernetes API reference, the fields of each object named here.
_META = _shape(
    "name namespace annotations labels",
    "creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers generateName generation managedFields"
    " ownerReferences resourceVersion selfLink uid",
)
_AMOUNTS = _shape("cpu", "memory storage ephemeral-storage")
_PROBE = _shape(
    "initialDelaySeconds periodSeconds timeoutSeconds successThreshold failureThreshold",
    "exec grpc terminationGracePeriodSeconds",
    httpGet=_shape("path port", "host httpHeaders scheme"),
    tcpSocket=_shape("port", "host"),
)
_CONTAINER = _shape(
    "",
    "args command env envFrom image imagePullPolicy lifecycle livenessProbe name resizePolicy restartPolicy"
    " restartPolicyRules securityContext startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy"
    " tty volumeDevices volumeMounts workingDir",
    ports=_shape("containerPort name", "hostIP hostPort protocol"),
    resources=_shape("", "claims", requests=_AMOUNTS, limits=_AMOUNTS),
    readinessProbe=_PROBE,
)
_POD = _shape(
    "terminationGracePeriodSeconds",
    "activeDeadlineSeconds affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks"
    " ephemeralContainers hostAliases hostIPC hostNetwork hostPID hostUsers hostname hostnameOverride imagePullSecrets"
    " initContainers nodeName nodeSelector os overhead preemptionPolicy priority priorityClassName readinessGates"
    " resourceClaims resources restartPolicy runtimeClassName schedulerName schedulingGates schedulingGroup"
    " securityContext serviceAccount serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain tolerations"
    " topologySpreadConstraints volumes",
    containers=_CONTAINER,
)
_DEPLOYMENT = _shape(
    "replicas",
    "minReadySeconds paused progressDeadlineSeconds revisionHistoryLimit",
    selector=_shape("matchLabels", "matchExpressions"),
    template=_shape(metadata=_META, spec=_POD),
    strategy=_shape("type", rollingUpdate=_shape("maxSurge maxUnavailable")),
)
_SERVICE = _shape(
    "selector externalName type",
    "allocateLoadBalancerNodePorts clusterIP clusterIPs externalIPs externalTrafficPolicy"
    " healthCheckNodePort internalTrafficPolicy ipFamilies ipFamilyPolicy loadBalancerClass loadBalancerIP"
    " loadBalancerSourceRanges publishNotReadyAddresses sessionAffinity sessionAffinityConfig trafficDistribution",
    ports=_shape("name port targetPort", "appProtocol nodePort protocol"),
)
_BACKEND = _shape("", "resource", service=_shape("name", port=_shape("name number")))
_INGRESS = _shape(
    "ingressClassName",
    tls=_shape("hosts secretName"),
    defaultBackend=_BACKEND,
    rules=_shape("host", http=_shape(paths=_shape("path pathType", backend=_BACKEND))),
)
_TARGET = _shape("averageUtilization averageValue value type")
_NAMED_METRIC = _shape("", "describedObject", metric=_shape("name", "selector"), target=_TARGET)
_SCALING_RULES = _shape(
    "selectPolicy stabilizationWindowSeconds tolerance", policies=_shape("type value periodSeconds")
)
_AUTOSCALER = _shape(
    "minReplicas maxReplicas",
    scaleTargetRef=_shape("apiVersion kind name"),
    metrics=_shape(
        "type",
        "containerResource",
        resource=_shape("name", target=_TARGET),
        pods=_NAMED_METRIC,
        object=_NAMED_METRIC,
        external=_NAMED_METRIC,
    ),
    behavior=_shape(scaleUp=_SCALING_RULES, scaleDown=_SCALING_RULES),
)
_TOP = "apiVersion kind"
SHAPES: Mapping[str, Shape] = {
    "Deployment": _shape(_TOP, "status", metadata=_META, spec=_DEPLOYMENT),
    "Service": _shape(_TOP, "status", metadata=_META, spec=_SERVICE),
    "Ingress": _shape(_TOP, "status", metadata=_META, spec=_INGRESS),
    "HorizontalPodAutoscaler": _shape(_TOP, "status", metadata=_META, spec=_AUTOSCALER),
    "ConfigMap": _shape(f"{_TOP} data", "binaryData immutable", metadata=_META),
}


def misspelt(kind: str, document: Mapping[str, object], index: int) -> Iterator[Problem]:
    """Each key that is almost one we read, in a document of one of the kinds we read; `index` is the document's."""
    yield from _within(SHAPES[kind], document, (), index)


def explained(problem: Problem, slips: Iterable[Problem]) -> Problem:
    """A problem; when something is missing for which a misspelt key stands there, it says so."""
    *parent, name = problem.path or ("",)
    for slip in slips if problem.value is None else ():
        if (slip.document, slip.path[:-1], slip.allowed) == (problem.document, (*parent,), _NO_SUCH_KEY.format(name)):
            return replace(problem, allowed=f"{problem.allowed}; is `{slip.value}` meant?")
    return problem


def _within(shape: Shape, value: object, path: Path, index: int) -> Iterator[Problem]:
    if isinstance(value, list | tuple):
        for number, entry in enumerate(value):
            if isinstance(entry, Mapping):
                yield from _within(shape, entry, (*path, number), index)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            known = shape.read.get(key)
            if known is not None:
                yield from _within(known, inner, (*path, key), index)
            elif isinstance(key, str) and (meant := _meant(key, shape)) is not None:
                yield Problem(index, (*path, key), key, _NO_SUCH_KEY.format(meant))


def _meant(key: str, shape: Shape) -> str | None:
    """The key we read that this one is a slip of; None when Kubernetes knows it, or something else is closer."""
    if key in shape.read or key in shape.others:
        return None
    close = difflib.get_close_matches(key, [*shape.read, *shape.others], n=1, cutoff=_SIMILAR)
    return close[0] if close and close[0] in shape.read else None
