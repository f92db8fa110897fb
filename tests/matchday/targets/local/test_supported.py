from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from matchday.targets.local.supported import refuse_locustfile, refuse_unsupported, unsupported
from scenarios.errors import ScenarioError
from scenarios.load import load_scenario

LIBRARY = Path(__file__).parents[4] / "scenarios"
WHY = "not on the local target; use matchday predict"
CPU = "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}"
# (what stands in quick's scenario.yaml, what shall stand there, what is said of it)
BEYOND = {
    "users": (
        "  requests:",
        "  users: {count: 50, think: {constant: 1s}}\n  requests:",
        "traffic.users: 50 users",
    ),
    "TLS": ("  requests:", "  tls: {server_name: tv.example}\n  requests:", "traffic.tls: tv.example"),
    "calls": (
        "bytes: 12KiB}",
        "calls: [{host: tv.example, path: /a}]}\n    /a: {time: {constant: 5ms}}",
        'workload.paths["/live"].calls: tv.example/a',
    ),
    "cold pods": (
        "  workers: 8",
        "  cold: {factor: 3, duration: 5s}",
        "workload.cold: 3 times slower at first",
    ),
    "cancelled work": ("  workers: 8", "  cancels: true", "workload.cancels: true"),
    "several proxies": ("cluster: {", "cluster: {proxies: 2, ", "cluster.proxies: 2"),
    "nodes": ("cluster: {", "cluster: {nodes: {count: 2, cpu: 4}, ", "cluster.nodes: 2 nodes"),
    "a lost zone": (
        "cluster: {",
        "disturbances: [{at: 30s, zone: {duration: 5s}}]\ncluster: {nodes: {count: 2, cpu: 4, zones: 2}, ",
        "disturbances[0].zone: zone",
    ),
    "a reload": ("cost:", "disturbances: [{at: 30s, reload: true}]\ncost:", "disturbances[0].reload: reload"),
    "lost metrics": (
        "cost:",
        "disturbances: [{at: 30s, metrics_outage: 5s}]\ncost:",
        "disturbances[0].metrics_outage: metrics_outage",
    ),
    "a lost API": (
        "cost:",
        "disturbances: [{at: 30s, api_outage: 5s}]\ncost:",
        "disturbances[0].api_outage: api_outage",
    ),
    "a rollout": ("cost:", "disturbances: [{at: 30s, rollout: live}]\ncost:", "disturbances[0].rollout: rollout"),
}


def copied(tmp_path: Path, old: str, new: str, name: str = "scenario.yaml") -> Path:
    directory = shutil.copytree(LIBRARY / "quick", tmp_path / "quick", dirs_exist_ok=True)
    text = (directory / name).read_text()
    assert text.count(old) == 1
    (directory / name).write_text(text.replace(old, new))
    return directory


@pytest.mark.parametrize("name", sorted(entry.parent.name for entry in LIBRARY.glob("*/scenario.yaml")))
def test_the_library_can_be_rehearsed(name: str) -> None:
    loaded = load_scenario(LIBRARY / name)
    assert unsupported(loaded.scenario) == ()
    refuse_unsupported(loaded)


@pytest.mark.parametrize("case", BEYOND)
def test_what_only_the_model_can_do_is_named(tmp_path: Path, case: str) -> None:
    old, new, said = BEYOND[case]
    loaded = load_scenario(copied(tmp_path, old, new))
    assert f"{said}: {WHY}" in unsupported(loaded.scenario)
    with pytest.raises(ScenarioError) as refused:
        refuse_unsupported(loaded)
    lines = [line.removeprefix(f"{loaded.directory}/scenario.yaml:") for line in refused.value.lines]
    assert [line.split(": ", 1)[1] for line in lines].count(f"{said}: {WHY}") == 1
    assert all(line.split(":")[0].isdecimal() for line in lines)


def test_several_are_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    directory = copied(tmp_path, "cluster: {", "cluster: {proxies: 2, nodes: {count: 2, cpu: 4}, ")
    copied_text = (directory / "scenario.yaml").read_text()
    (directory / "scenario.yaml").write_text(copied_text.replace("  workers: 8", "  cancels: true"))
    with pytest.raises(ScenarioError) as refused:
        refuse_unsupported(load_scenario(directory))
    fields = [line.split(": ")[1] for line in refused.value.lines]
    assert fields == ["workload.cancels", "cluster.proxies", "cluster.nodes"]


def test_a_metric_that_only_the_model_measures_is_named_in_its_manifest(tmp_path: Path) -> None:
    metric = "{type: External, external: {metric: {name: matchday_in_flight}, target: {type: Value, value: 5}}}"
    loaded = load_scenario(copied(tmp_path, CPU, metric, "app.yaml"))
    with pytest.raises(ScenarioError, match=rf"app\.yaml:\d+: spec\.metrics\[0\]: matchday_in_flight: {WHY}"):
        refuse_unsupported(loaded)


def test_killed_and_slowed_pods_are_rehearsed(tmp_path: Path) -> None:
    both = "disturbances: [{at: 30s, kill: 1}, {at: 40s, slow: {factor: 3, duration: 5s}}]"
    loaded = load_scenario(copied(tmp_path, "cost:", f"{both}\ncost:"))
    assert unsupported(loaded.scenario) == ()
    refuse_unsupported(loaded)


def test_users_of_a_locustfile_are_sent_to_the_verb_that_drives_them(tmp_path: Path) -> None:
    directory = shutil.copytree(LIBRARY / "quick", tmp_path / "quick")
    text = (directory / "scenario.yaml").read_text()
    before, _, rest = text.partition("  phases:")
    users = "  locustfile: {file: locustfile.py, phases: [{name: all, duration: 9s, users: [1, 5]}]}\n"
    (directory / "scenario.yaml").write_text(f"{before}{users}{rest[rest.index('workload:') :]}")
    loaded = load_scenario(directory)
    for refuse in (refuse_unsupported, refuse_locustfile):
        with pytest.raises(
            ScenarioError, match=r"scenario\.yaml:\d+: traffic\.locustfile: locustfile\.py: .*use matchday load"
        ):
            refuse(loaded)
