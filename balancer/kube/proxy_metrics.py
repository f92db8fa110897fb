"""HAProxy's counters by service, pod and node, read when Prometheus asks: nothing that is gone stays.

Written as text at once: with 2,000 services of three pods the client library's objects take ten times as long, in
which the controller could not turn to endpoints.
"""

from __future__ import annotations

from collections.abc import Callable

from balancer.errors import BalancerError
from balancer.kube.load import BACKEND, SERVER, columns, in_rotation, service_port

_CODES = ("1xx", "2xx", "3xx", "4xx", "5xx")
_RESPONSES = tuple(f"hrsp_{code}" for code in _CODES)
_FAILURES = {"connection": "econ", "response": "eresp", "retry": "wretr", "redispatch": "wredis"}
_COLUMNS = (
    *("type", "pxname", "svname", "status", "weight", "qcur", "scur", "stot", "bin", "bout"),
    *_RESPONSES,
    *_FAILURES.values(),
)
_FAMILIES = {
    "pods_in_rotation": ("gauge", "Pods that get new requests"),
    "queue_length": ("gauge", "Requests that wait in the proxy"),
    "in_flight": ("gauge", "Requests that are in pods"),
    "requests_total": ("counter", "Requests that arrived for a service"),
    "responses_total": ("counter", "Answers to the clients of a service"),
    "bytes_total": ("counter", "Bytes of requests (in) and answers (out) of a service"),
    "failures_total": ("counter", "Connections, answers and attempts toward pods that failed"),
    "pod_in_rotation": ("gauge", "Whether this pod gets new requests"),
    "pod_queue_length": ("gauge", "Requests that wait for this pod"),
    "pod_in_flight": ("gauge", "Requests in this pod"),
    "pod_requests_total": ("counter", "Requests given to a pod"),
    "pod_responses_total": ("counter", "Answers of a pod"),
    "pod_bytes_total": ("counter", "Bytes to (in) and from (out) a pod"),
    "pod_failures_total": ("counter", "Connections, answers and attempts toward a pod that failed"),
}


def proxy_metrics(show_stat: Callable[[], str], node_of: Callable[[str, str], str]) -> str:
    """Prometheus' text format; only matchday_proxy_up where `show_stat` raises BalancerError.

    `node_of` gives the node of (namespace, pod), empty if unknown.
    """
    up = "# HELP matchday_proxy_up Whether HAProxy answers on its socket\n# TYPE matchday_proxy_up gauge\n"
    try:
        text = show_stat()
    except BalancerError:
        return f"{up}matchday_proxy_up 0\n"
    lines: dict[str, list[str]] = {family: [] for family in _FAMILIES}
    servers: dict[str, tuple[int, int, int]] = {}
    for row in columns(text, _COLUMNS):
        kind, proxy, name, status, weight, queued, current = row[:7]
        key = service_port(proxy)
        if key is None:
            continue
        labels = f'namespace="{key.namespace}",service="{key.service}",port="{key.port}"'
        queue, in_flight, pods = servers.get(proxy, (0, 0, 0))
        if kind == SERVER:
            rotates = in_rotation(status, weight)
            servers[proxy] = queue + int(queued), in_flight + int(current), pods + rotates
            labels = f'{labels},pod="{name}",node="{_escaped(node_of(key.namespace, name))}"'
            lines["pod_in_rotation"].append(f"{{{labels}}} {rotates:d}")
            lines["pod_queue_length"].append(f"{{{labels}}} {queued}")
            lines["pod_in_flight"].append(f"{{{labels}}} {current}")
            _add_counters(lines, "pod_", labels, row)
        elif kind == BACKEND:
            lines["pods_in_rotation"].append(f"{{{labels}}} {pods}")
            lines["queue_length"].append(f"{{{labels}}} {queue + int(queued)}")
            lines["in_flight"].append(f"{{{labels}}} {in_flight}")
            _add_counters(lines, "", labels, row)
    return f"{up}matchday_proxy_up 1\n" + "".join(_family(name, samples) for name, samples in lines.items())


def _add_counters(lines: dict[str, list[str]], prefix: str, labels: str, row: tuple[str, ...]) -> None:
    lines[f"{prefix}requests_total"].append(f"{{{labels}}} {row[7]}")
    lines[f"{prefix}bytes_total"] += (f'{{{labels},direction="in"}} {row[8]}', f'{{{labels},direction="out"}} {row[9]}')
    lines[f"{prefix}responses_total"] += [
        f'{{{labels},code="{code}"}} {count}' for code, count in zip(_CODES, row[10:15], strict=True)
    ]
    lines[f"{prefix}failures_total"] += [
        f'{{{labels},what="{what}"}} {count}' for what, count in zip(_FAILURES, row[15:], strict=True)
    ]


def _family(name: str, samples: list[str]) -> str:
    kind, meaning = _FAMILIES[name]
    head = f"# HELP matchday_{name} {meaning}\n# TYPE matchday_{name} {kind}\n"
    return head + "".join(f"matchday_{name}{sample}\n" for sample in samples)


def _escaped(value: str) -> str:
    """Source: Prometheus, exposition formats."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
