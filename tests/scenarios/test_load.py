from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from balancer.policy.manifests import KINDS
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario

if TYPE_CHECKING:
    from tests.scenarios.conftest import Copy

LIBRARY = Path(__file__).parents[2] / "scenarios"
ONE_LOAD = "exactly one of phases, trace, log and locustfile"
DURATION = "a duration with its unit, such as 90s, 40ms, 2m or 1m30s"
NO_REQUEST = "a request above 0, since HorizontalPodAutoscaler live scales on a percentage of it"
RATE = "requests a second such as 240, 240rps or 600/min, not negative"

# (what stands in quick's scenario.yaml, what shall stand there, where the mistake is seen, the rest of the line)
WRONG_SCENARIOS = {
    "misspelt key": (
        "name: surge, duration",
        "name: surge, durration",
        "durration",
        "traffic.phases[1].durration: durration: no such key; did you mean `duration`?",
    ),
    "misspelt section": ("traffic:", "trafic:", "trafic:", "trafic: trafic: no such key; did you mean `traffic`?"),
    "unknown key": (
        "currency: EUR}",
        "currency: EUR, tax: 20%}",
        "tax",
        "cost.tax: tax: no such key; known here: pod_hour, currency",
    ),
    "missing section": ("slo: {p99: 400ms, success: 99.5%}\n", "", "name:", "slo: missing: this field is required"),
    "missing field": (", success: 99.5%}", "}", "slo:", "slo.success: missing: this field is required"),
    "empty section": ("{pod_hour: 0.04, currency: EUR}", "[]", "cost:", "cost: []: a mapping"),
    "unknown unit": ("timeout: 10s", "timeout: 10sec", "10sec", f"traffic.requests[0].timeout: 10sec: {DURATION}"),
    "no unit": ("p99: 400ms", "p99: 400", "p99", f"slo.p99: 400: {DURATION}"),
    "zero duration": (
        "surge, duration: 60s",
        "surge, duration: 0s",
        "0s, rps: 240",
        "traffic.phases[1].duration: 0s: more than 0",
    ),
    "negative rate": ("rps: 240", "rps: -240", "-240", f"traffic.phases[1].rps: -240: {RATE}"),
    "rate that is no number": ("rps: 240", "rps: .nan", ".nan", f"traffic.phases[1].rps: nan: {RATE}"),
    "rate with a wrong unit": ("rps: 240", "rps: 240/h", "240/h", f"traffic.phases[1].rps: 240/h: {RATE}"),
    "duration that is no number": ("p99: 400ms", "p99: .nan", ".nan", f"slo.p99: nan: {DURATION}"),
    "duration without an end": ("p99: 400ms", "p99: .inf", ".inf", f"slo.p99: inf: {DURATION}"),
    "negative duration": ("p99: 400ms", "p99: -400ms", "-400ms", f"slo.p99: -400ms: {DURATION}"),
    "rate without an end": ("rps: 240", "rps: .inf", ".inf", f"traffic.phases[1].rps: inf: {RATE}"),
    "share above one as a number": (
        "success: 99.5%",
        "success: 1.01",
        "1.01",
        "slo.success: 1.01: a share between 0 and 1, or 0% and 100%",
    ),
    "share that is no number": (
        "success: 99.5%",
        "success: .nan",
        ".nan",
        "slo.success: nan: a share between 0 and 1, or 0% and 100%",
    ),
    "negative share": (
        "success: 99.5%",
        "success: -0.1",
        "-0.1",
        "slo.success: -0.1: a share between 0 and 1, or 0% and 100%",
    ),
    "variation that is no number": (
        "cv: 0.5",
        "cv: .nan",
        ".nan",
        'workload.paths["/live"].time.lognormal.cv: nan: a finite number',
    ),
    "price without an end": ("pod_hour: 0.04", "pod_hour: .inf", ".inf", "cost.pod_hour: inf: a finite number"),
    "outage of no time": (
        "cost:",
        "disturbances:\n  - {at: 30s, metrics_outage: 0s}\ncost:",
        "metrics_outage",
        "disturbances[0].metrics_outage: 0s: more than 0",
    ),
    "outage after the end": (
        "cost:",
        "disturbances:\n  - {at: 3m, api_outage: 5s}\ncost:",
        "api_outage",
        "disturbances[0].at: 180s: before the schedule's end at 100s",
    ),
    "reload that is none": (
        "cost:",
        "disturbances:\n  - {at: 30s, reload: false}\ncost:",
        "reload",
        "disturbances[0].reload: false: true",
    ),
    "misspelt reload": (
        "cost:",
        "disturbances:\n  - {at: 30s, relaod: true}\ncost:",
        "relaod",
        "disturbances[0].relaod: relaod: no such key; did you mean `reload`?",
    ),
    "cold that is not slower": (
        "workers: 8",
        "cold: {factor: 1, duration: 5s}",
        "cold",
        "workload.cold.factor: 1: more than 1",
    ),
    "too many proxies": (
        "cluster: {",
        "cluster: {proxies: 51, ",
        "proxies",
        "cluster.proxies: 51: at most 50",
    ),
    "nodes without a core": (
        "cluster: {",
        "cluster: {nodes: {count: 3, cpu: 0}, ",
        "nodes",
        "cluster.nodes.cpu: 0: more than 0",
    ),
    "calls in an order that is none": (
        "bytes: 12KiB",
        "bytes: 12KiB, calls_in: paralel",
        "paralel",
        'workload.paths["/live"].calls_in: paralel: one of sequence, parallel; did you mean `parallel`?',
    ),
    "users of nobody": (
        "  requests:",
        "  users: {count: 0, think: {constant: 1s}}\n  requests:",
        "users",
        "traffic.users.count: 0: at least 1",
    ),
    "ramp of three": (
        "rps: 240",
        "rps: [12, 100, 240]",
        "[12,",
        "traffic.phases[1].rps: [12, 100, 240]: two rates, [from, to]",
    ),
    "ramp of one": ("rps: 240", "rps: [240]", "[240]", "traffic.phases[1].rps: [240]: two rates, [from, to]"),
    "ramp with a negative end": ("rps: 240", "rps: [12, -1]", "-1]", f"traffic.phases[1].rps[1]: -1: {RATE}"),
    "share above one": ("99.5%", "995%", "995%", "slo.success: 995%: a share between 0 and 1, or 0% and 100%"),
    "size with a wrong unit": (
        "12KiB",
        "12Ki",
        "12Ki",
        'workload.paths["/live"].bytes: 12Ki: a size such as 512B, 12KiB or 3MB, not negative',
    ),
    "unknown arrivals": (
        "arrivals: poisson",
        "arrivals: poison",
        "poison",
        "traffic.arrivals: poison: one of poisson, even, {bursty: {burst: 4}}; did you mean `poisson`?",
    ),
    "burst below one": (
        "arrivals: poisson",
        "arrivals: {bursty: {burst: 0.5}}",
        "bursty",
        "traffic.arrivals.bursty.burst: 0.5: at least 1",
    ),
    "negative seed": ("seed: 1", "seed: -1", "seed", "seed: -1: at least 0"),
    "seed that is no whole number": ("seed: 1", "seed: 1.5", "seed", "seed: 1.5: a whole number"),
    "seed in quotes": ("seed: 1", 'seed: "1"', "seed", "seed: 1: a whole number"),
    "name with a space": (
        "name: quick",
        "name: Quick test",
        "name:",
        "name: Quick test: at most 63 lower-case letters, digits and dashes, none of these at an end",
    ),
    "number for a text": (
        "name: surge",
        "name: 7",
        "name: 7",
        "traffic.phases[1].name: 7: a text, in quotes if it looks like a number",
    ),
    "unknown method": (
        "path: /live,",
        "path: /live, method: get,",
        "get",
        "traffic.requests[0].method: get: one of GET, HEAD, POST, PUT, PATCH, DELETE",
    ),
    "path without a slash": (
        "path: /live,",
        "path: live,",
        "path: live",
        "traffic.requests[0].path: live: a path that begins with /, without spaces",
    ),
    "spread without variation": (
        "cv: 0.5",
        "cv: 0",
        "cv: 0}",
        'workload.paths["/live"].time.lognormal.cv: 0: more than 0',
    ),
    "unknown kind of time": (
        "lognormal:",
        "lognormall:",
        "lognormall",
        'workload.paths["/live"].time.lognormall: lognormall: no such key; did you mean `lognormal`?',
    ),
    "two kinds of time": (
        "cv: 0.5}}",
        "cv: 0.5}, constant: 1s}",
        "constant",
        'workload.paths["/live"].time.constant: constant: no such key; known here: lognormal',
    ),
    "more CPU than time": (
        "cpu: 2ms",
        "cpu: 80ms",
        "80ms",
        'workload.paths["/live"].cpu: 0.08s: at most the mean time, 0.06s',
    ),
    "no workers": ("workers: 8", "workers: 0", "workers", "workload.workers: 0: at least 1"),
    "command without a port": (
        "workers: 8",
        "command: [gunicorn, app]",
        "gunicorn",
        "workload.command: gunicorn app: words with {port}, and {host}, to fill in",
    ),
    "overlapping phases": (
        "name: surge,",
        "name: surge, at: 15s,",
        "at: 15s",
        "traffic.phases[1].at: 15s: 20s, where warm-up ends; this makes an overlap",
    ),
    "a gap between phases": (
        "name: surge,",
        "name: surge, at: 25s,",
        "at: 25s",
        "traffic.phases[1].at: 25s: 20s, where warm-up ends; this makes a gap",
    ),
    "late first phase": (
        "name: warm-up,",
        "name: warm-up, at: 1s,",
        "at: 1s",
        "traffic.phases[0].at: 1s: 0s, the first phase; this makes a gap",
    ),
    "two phases of one name": (
        "name: whistle",
        "name: surge ",
        "name: surge ",
        "traffic.phases[2].name: surge: a name that no phase before it has",
    ),
    "too many requests": (
        "rps: 240",
        "rps: 1e9",
        "phases:",
        "traffic.phases: 6e+10 requests in all: at most 200,000,000 in one run",
    ),
    "missing manifest": (
        "[app.yaml]",
        "[ap.yaml]",
        "ap.yaml",
        "manifests[0]: ap.yaml: a file that exists in the directory of scenario.yaml",
    ),
    "manifest outside": (
        "[app.yaml]",
        "[../quick/../../etc/hostname]",
        "hostname",
        "manifests[0]: ../quick/../../etc/hostname: a file that exists in the directory of scenario.yaml",
    ),
    "manifest twice": ("[app.yaml]", "[app.yaml, app.yaml]", "app.yaml", "manifests[1]: app.yaml: each file once"),
    "host that no Ingress serves": (
        "host: tv.example",
        "host: www.example",
        "www.example",
        "traffic.requests[0].host: www.example/live: what an Ingress serves: tv.example/",
    ),
    "host that is none": (
        "host: tv.example",
        "host: '*'",
        "'*'",
        "traffic.requests[0].host: *: a host name, such as tv.example",
    ),
    "path without behaviour": (
        "path: /live",
        "path: /lice",
        "/lice",
        "traffic.requests[0].path: /lice: a path that workload.paths describes; did you mean `/live`?",
    ),
    "behaviour without requests": (
        "  startup:",
        "    /login: {time: {constant: 1s}}\n  startup:",
        "/login",
        'workload.paths["/login"]: /login: a path that requests or calls reach: /live',
    ),
    "disturbance after the end": (
        "cost:",
        "disturbances:\n  - {at: 2m, kill: 1}\ncost:",
        "at: 2m",
        "disturbances[0].at: 120s: before the schedule's end at 100s",
    ),
    "disturbance with a wrong time": (
        "cost:",
        "disturbances:\n  - {at: later, kill: 1}\ncost:",
        "later",
        f"disturbances[0].at: later: {DURATION}",
    ),
    "more killed than there can be": (
        "cost:",
        "disturbances:\n  - {at: 30s, kill: 11}\ncost:",
        "kill",
        "disturbances[0].kill: 11: at most 10, all the pods there can ever be",
    ),
    "misspelt disturbance": (
        "cost:",
        "disturbances:\n  - {at: 30s, kil: 1}\ncost:",
        "kil",
        "disturbances[0].kil: kil: no such key; did you mean `kill`?",
    ),
    "disturbance without a kind": (
        "cost:",
        "disturbances:\n  - {at: 30s}\ncost:",
        "at: 30s",
        (
            "disturbances[0]: {'at': '30s'}: one of `kill: ...`, `slow: ...`, `zone: ...`, `reload: ...`, "
            "`metrics_outage: ...`, `api_outage: ...`, `rollout: ...`"
        ),
    ),
    "slowdown that is none": (
        "cost:",
        "disturbances:\n  - {at: 30s, slow: {factor: 1, duration: 5s}}\ncost:",
        "slow",
        "disturbances[0].slow.factor: 1: more than 1",
    ),
    "missing trace": (
        "requests:",
        "trace: {file: x.csv}\n  requests:",
        "x.csv",
        "traffic.trace.file: x.csv: a CSV file that exists in the directory of scenario.yaml",
    ),
}

WRONG_MANIFESTS = {
    "unknown Service": (
        "backend: {service: {name: live",
        "backend: {service: {name: life",
        "life",
        "spec.rules[0].http.paths[0].backend.service.name: life: the name of a Service in namespace default; did you mean `live`?",
    ),
    "unknown port": (
        "port: {name: http}}}}",
        "port: {number: 8080}}}}",
        "8080}}}}",
        "spec.rules[0].http.paths[0].backend.service.port.number: 8080: a port of that Service: http",
    ),
    "Service without pods": (
        "  selector: {app: live}",
        "  selector: {app: web}",
        "app: web",
        "spec.selector: {'app': 'web'}: labels that some Deployment's pods bear",
    ),
    "Service to an unknown port": (
        "targetPort: http",
        "targetPort: web",
        "targetPort",
        "spec.ports[0].targetPort: web: a port of Deployment live: http",
    ),
    "labels that do not fit": (
        "labels: {app: live}",
        "labels: {app: web}",
        "selector: {matchLabels",
        "spec.selector: {'app': 'live'}: labels that its pod template bears: {'app': 'web'}",
    ),
    "HPA of nothing": (
        "kind: Deployment, name: live}",
        "kind: Deployment, name: lives}",
        "lives",
        "spec.scaleTargetRef.name: lives: the name of a Deployment in namespace default; did you mean `live`?",
    ),
    "HPA without CPU request": (
        'resources: {requests: {cpu: 115m}, limits: {cpu: "1"}}',
        "resources: {}",
        "resources",
        f"spec.template.spec.containers[0].resources.requests.cpu: missing: {NO_REQUEST}",
    ),
    "fewest above most": (
        "minReplicas: 2",
        "minReplicas: 12",
        "minReplicas",
        "spec.minReplicas: 12: at most maxReplicas, which is 10",
    ),
    "misspelt kind": (
        "kind: Service",
        "kind: Servise",
        "Servise",
        "kind: Servise: one of Deployment, Service, Ingress, HorizontalPodAutoscaler, ConfigMap",
    ),
    "old apiVersion": (
        "autoscaling/v2",
        "autoscaling/v1",
        "autoscaling/v1",
        "apiVersion: autoscaling/v1: autoscaling/v2 for a HorizontalPodAutoscaler",
    ),
    "no path type": (
        "{path: /, pathType: Prefix,",
        "{path: /,",
        "{path: /,",
        "spec.rules[0].http.paths[0].pathType: missing: Exact, Prefix or ImplementationSpecific",
    ),
    "replicas in words": (
        "replicas: 2\n",
        "replicas: two\n",
        "two",
        "spec.replicas: two: a whole number from 0 to 100000",
    ),
    "unquoted annotation": (
        'pod-maxconn: "4"',
        "pod-maxconn: 4",
        "pod-maxconn",
        'metadata.annotations["haproxy.org/pod-maxconn"]: 4: a text, in quotes if it looks like a number',
    ),
    "no mapping": (
        "apiVersion: v1\nkind: Service",
        "- v1\n---\napiVersion: v1\nkind: Service",
        "- v1",
        "file: ['v1']: a mapping with apiVersion, kind, metadata, ...",
    ),
}


@pytest.mark.parametrize("case", WRONG_SCENARIOS)
def test_one_mistake_in_scenario_yaml_is_one_line(quick: Copy, case: str) -> None:
    old, new, marker, rest = WRONG_SCENARIOS[case]
    quick.edit("scenario.yaml", old, new)
    expected = f"scenario.yaml:{quick.line('scenario.yaml', marker)}: {rest}"
    assert quick.mistakes() == (expected,)


@pytest.mark.parametrize("case", WRONG_MANIFESTS)
def test_one_mistake_in_a_manifest_is_one_line(quick: Copy, case: str) -> None:
    old, new, marker, rest = WRONG_MANIFESTS[case]
    quick.edit("app.yaml", old, new)
    assert quick.mistakes() == (f"app.yaml:{quick.line('app.yaml', marker)}: {rest}",)


def test_exactly_one_kind_of_load(quick: Copy, match_day: Copy) -> None:
    text = (quick.directory / "scenario.yaml").read_text()
    before, _, rest = text.partition("  phases:")
    (quick.directory / "scenario.yaml").write_text(f"{before}  requests:{rest.partition('  requests:')[2]}")
    line = quick.line("scenario.yaml", "traffic:")
    assert quick.mistakes() == (f"scenario.yaml:{line}: traffic: no load: {ONE_LOAD}",)
    match_day.edit("scenario.yaml", "  requests:", "  phases: [{name: x, duration: 1s, rps: 1}]\n  requests:")
    line = match_day.line("scenario.yaml", "traffic:")
    assert match_day.mistakes() == (f"scenario.yaml:{line}: traffic: phases and trace: {ONE_LOAD}",)


@pytest.mark.parametrize(
    ("old", "new", "marker", "rest"),
    [
        (
            'since: "19:00"',
            'since: "9:00"',
            "9:00",
            "[1].since: 9:00: a minute of semi-final.csv, such as 18:30; did you mean `19:00`?",
        ),
        (
            'since: "18:30"',
            'since: "18:31"',
            "18:31",
            "[0].since: 18:31: 18:30, the first minute of semi-final.csv, for the first phase",
        ),
        ('since: "20:03"', 'since: "19:30"', "19:30", "[3].since: 19:30: a minute after 19:48, where half-time begins"),
        ("name: half-time", "name: before", "19:48", "[2].name: before: a name that no phase before it has"),
    ],
)
def test_phases_of_a_trace_start_at_its_rows_in_their_order(
    match_day: Copy, old: str, new: str, marker: str, rest: str
) -> None:
    match_day.edit("scenario.yaml", old, new)
    line = match_day.line("scenario.yaml", marker)
    assert match_day.mistakes() == (f"scenario.yaml:{line}: traffic.trace.phases{rest}",)


@pytest.mark.parametrize("count", ["-3", "nan", "NaN", "inf", "-inf", "1e999", "", "x"])
def test_a_count_that_is_none_is_named_with_its_line_in_the_trace(match_day: Copy, count: str) -> None:
    (match_day.directory / "semi-final.csv").write_text(f"minute,requests\n18:30,100\n19:00,{count}\n")
    shown = count or '""'
    assert match_day.mistakes() == (f"semi-final.csv:3: requests: {shown}: a number of requests, not negative",)


def test_several_mistakes_come_in_the_order_of_files_and_lines(quick: Copy) -> None:
    quick.edit("app.yaml", "minReplicas: 2", "minReplicas: 20")
    quick.edit("app.yaml", "replicas: 2\n", "replicas: -1\n")
    quick.edit("scenario.yaml", "name: surge,", "name: surge, at: 5s,")
    quick.edit("scenario.yaml", "cpu: 2ms", "cpu: 2s")
    places = [line.split(": ")[0].split(":")[0] + " " + line.split(": ")[1] for line in quick.mistakes()]
    assert places == [
        "scenario.yaml traffic.phases[1].at",
        'scenario.yaml workload.paths["/live"].cpu',
        "app.yaml spec.replicas",
        "app.yaml spec.minReplicas",
    ]


def test_a_wrong_annotation_is_a_warning_with_its_line(quick: Copy) -> None:
    quick.edit("app.yaml", "load-balance: leastconn", "load-balance: leastcon")
    line = quick.line("app.yaml", "leastcon")
    (warning,) = quick.load().warnings
    assert warning.startswith(
        f'{quick.directory}/app.yaml:{line}: metadata.annotations["haproxy.org/load-balance"]: leastcon: roundrobin, '
    )


def test_a_kind_that_is_not_read_is_a_warning(quick: Copy) -> None:
    with (quick.directory / "app.yaml").open("a") as file:
        file.write("---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: live}\n")
    line = quick.line("app.yaml", "PodDisruptionBudget")
    assert quick.load().warnings == (
        f"{quick.directory}/app.yaml:{line}: kind: PodDisruptionBudget: not read; what is: {', '.join(KINDS)}",
    )


def test_a_metric_that_nobody_measures_here_is_a_warning(quick: Copy) -> None:
    entry = "    - {type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 60}}}\n"
    quick.edit("app.yaml", "  behavior:", f"{entry}  behavior:")
    line = quick.line("app.yaml", "memory")
    assert quick.load().warnings == (
        f"{quick.directory}/app.yaml:{line}: spec.metrics[1]: memory: cpu; any other metric counts as unavailable",
    )


def test_manifests_without_a_deployment_cannot_be_rehearsed(quick: Copy) -> None:
    (quick.directory / "app.yaml").write_text("# nothing yet\n")
    rest = "manifests: nothing in them: at least a Deployment, a Service and an Ingress"
    assert quick.mistakes() == (f"scenario.yaml:{quick.line('scenario.yaml', 'manifests')}: {rest}",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "1: file: empty: one scenario"),
        (b"name: a\n---\nname: b\n", "1: file: 2 documents: one scenario"),
        (b"- name\n", "1: file: ['name']: a mapping with name, manifests, traffic, ..."),
        (b"name: quick\ndescription: \xff\n", "2: file: byte 25 is not UTF-8: text in UTF-8"),
        (b"name: quick\n\tseed: 1\n", "2: file: found character '\\t' that cannot start any token: valid YAML"),
        (b"name: quick\nname: quick\n", "2: name: given twice: each key once; it stands in line 1 already"),
        (b"name: quick\nseed: \x00\n", "2: file: a control character: valid YAML"),
    ],
)
def test_a_file_that_is_no_scenario_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "scenario.yaml").write_bytes(content)
    with pytest.raises(ScenarioError) as refused:
        load_scenario(tmp_path)
    assert str(refused.value) == f"{tmp_path}/scenario.yaml:{message}"


def test_a_directory_without_scenario_yaml_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        ScenarioError, match=r"scenario\.yaml:1: file: No such file or directory: a text file that can be"
    ):
        load_scenario(tmp_path)


def test_a_file_of_another_name_is_refused(quick: Copy) -> None:
    with pytest.raises(ScenarioError, match=r"app\.yaml: a scenario directory, or the scenario\.yaml in it"):
        load_scenario(quick.directory / "app.yaml")


def test_directory_and_file_load_the_same(quick: Copy) -> None:
    assert load_scenario(quick.directory / "scenario.yaml") == quick.load()


def test_the_hash_covers_every_byte_of_every_file_and_no_place(match_day: Copy, tmp_path: Path) -> None:
    before = match_day.load().sha256
    shutil.copytree(match_day.directory, tmp_path / "elsewhere")
    assert load_scenario(tmp_path / "elsewhere").sha256 == before
    hashes = {before}
    for name in ("scenario.yaml", "app.yaml", "semi-final.csv"):
        with (match_day.directory / name).open("a") as file:
            file.write("\n")
        hashes.add(match_day.load().sha256)
    assert len(hashes) == 4


def test_a_byte_order_mark_does_no_harm(quick: Copy) -> None:
    file = quick.directory / "scenario.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert quick.load().scenario.name == "quick"


@pytest.mark.parametrize("name", sorted(entry.parent.name for entry in LIBRARY.glob("*/scenario.yaml")))
def test_the_library_loads_without_a_warning(name: str) -> None:
    loaded = load_scenario(LIBRARY / name)
    assert loaded.scenario.name == name
    assert loaded.warnings == ()


def test_a_pipe_in_place_of_the_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scenario.yaml")
    with pytest.raises(ScenarioError, match="1: file: no file: a text file"):
        load_scenario(tmp_path)
