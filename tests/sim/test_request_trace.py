from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scenarios.attachments import Attachments, Table
from scenarios.figures import FATES
from scenarios.load import LoadedScenario, load_scenario
from scenarios.messages import Messages
from scenarios.schema import Data
from scenarios.traffic import build_schedule
from sim.predict import one_future
from sim.request_trace import COLUMNS, RequestTrace, trace_requests, write_csv
from sim.streams import Streams

FLASH = Path(__file__).parents[2] / "scenarios" / "flash-crowd"


@pytest.fixture(scope="module")
def crowd() -> LoadedScenario:
    """Retries and 40 source addresses."""
    return load_scenario(FLASH)


@pytest.fixture(scope="module")
def trace(crowd: LoadedScenario) -> RequestTrace:
    return trace_requests(crowd, seed=1, calibration=None, same_arrivals=False)


@pytest.fixture(scope="module")
def with_users(tmp_path_factory: pytest.TempPathFactory) -> LoadedScenario:
    """The same with keys in its path, and people who think."""
    directory = tmp_path_factory.mktemp("users") / "crowd"
    shutil.copytree(FLASH, directory)
    file = directory / "scenario.yaml"
    text = file.read_text().replace("path: /tickets,", 'path: "/tickets/{key}", keys: 9,')
    text = text.replace("    /tickets: {", '    "/tickets/{key}": {')
    text = text.replace("traffic:\n", "traffic:\n  users: {count: 5, think: {exponential: {mean: 2s}}}\n")
    file.write_text(text)
    return load_scenario(directory)


def rows(trace: RequestTrace) -> list[dict[str, str]]:
    file = io.StringIO()
    write_csv(trace, file)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def test_a_trace_is_of_the_very_future_that_was_predicted(crowd: LoadedScenario, trace: RequestTrace) -> None:
    predicted = one_future(crowd, None, 1, False, 0)
    good = np.bincount(trace.fate, minlength=len(FATES))[0]
    assert good / len(trace) == predicted.total.success_ratio
    assert (trace.end_s - trace.intended_s)[trace.fate == 0].max() == predicted.total.latency_s.max
    assert trace.attempts.max() > 1


def test_requests_are_in_order_with_the_schedules_own_clients(crowd: LoadedScenario, trace: RequestTrace) -> None:
    schedule = build_schedule(crowd, Streams(1, 0).schedule_seed())
    assert (trace.intended_s == schedule.intended_s).all()
    assert (trace.client == schedule.client).all()
    assert (trace.target == schedule.request).all()
    assert len(set(trace.client.tolist())) > 1


def test_same_arrivals_are_those_of_the_seed(crowd: LoadedScenario) -> None:
    alike = trace_requests(crowd, seed=1, calibration=None, same_arrivals=True, replication=3)
    assert (alike.intended_s == build_schedule(crowd, 1).intended_s).all()


def test_a_row_says_what_became_of_a_request(trace: RequestTrace) -> None:
    written = rows(trace)
    assert tuple(written[0]) == COLUMNS
    assert len(written) == len(trace)
    assert Counter(row["fate"] for row in written) == Counter(FATES[fate] for fate in trace.fate.tolist())
    for row in written[:: len(written) // 50]:
        assert float(row["latency_s"]) == pytest.approx(float(row["end_s"]) - float(row["intended_s"]), abs=2e-6)
        assert row["client"].startswith("127.0.")
        assert row["pod"].startswith("tickets-")


def test_a_request_that_no_pod_had_has_none_in_its_row(trace: RequestTrace) -> None:
    lost = replace(
        trace,
        **{name: getattr(trace, name)[:1] for name in ("intended_s", "end_s", "target", "key", "client", "attempts")},
        fate=np.array([FATES.index("no_server")], np.int8),
        pod=np.array([-1], np.int32),
    )
    (row,) = rows(lost)
    assert (row["fate"], row["pod"]) == ("no_server", "")


def test_users_requests_have_their_keys_and_each_user_an_address_of_its_own(with_users: LoadedScenario) -> None:
    trace = trace_requests(with_users, seed=1, calibration=None, same_arrivals=False)
    schedule = build_schedule(with_users, Streams(1, 0).schedule_seed())
    of_users = ~np.isin(trace.intended_s, schedule.intended_s)
    assert of_users.sum() == len(trace) - schedule.key.size > 20
    assert 1 < len(set(trace.client[of_users].tolist())) <= 5
    assert set(trace.key[of_users].tolist()) <= set(range(9))
    assert len(set(trace.key[of_users].tolist())) > 5
    assert (trace.key[~of_users] == schedule.key).all()
    first = int(np.flatnonzero(trace.target == 0)[0])
    assert rows(trace)[first]["path"] == f"/tickets/{trace.key[first]}"


def with_path(loaded: LoadedScenario, **changed: object) -> Messages:
    """Messages of the same mix with something else in every request."""
    traffic = loaded.scenario.traffic
    requests = tuple(request.model_copy(update=changed) for request in traffic.requests)
    scenario = loaded.scenario.model_copy(update={"traffic": traffic.model_copy(update={"requests": requests})})
    tables = {"d.csv": Table(("kind",), (("a toy",),))}
    return Messages(replace(loaded, scenario=scenario, attachments=Attachments(tables=tables)))


def test_a_path_with_a_comma_is_quoted(crowd: LoadedScenario, trace: RequestTrace) -> None:
    odd = replace(trace, messages=with_path(crowd, path='/a,"b"/{key}'))
    assert rows(odd)[0]["path"] == '/a,"b"/0'


def test_parameters_stand_in_the_path_as_they_are_sent(crowd: LoadedScenario, trace: RequestTrace) -> None:
    odd = replace(trace, messages=with_path(crowd, path="/shop/{kind}", data=Data(file="d.csv")))
    assert rows(odd)[0]["path"] == "/shop/a%20toy"
