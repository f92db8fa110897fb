from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from pydantic import ValidationError

from scenarios import schema
from scenarios.load import load_scenario
from scenarios.schema import Cluster, Request, Scenario, Section, Traffic

SECTIONS = [
    value
    for value in vars(schema).values()
    if inspect.isclass(value) and issubclass(value, Section) and value is not Section
]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_section_and_field_says_what_it_is(section: type[Section]) -> None:
    assert section.__doc__
    assert all(field.description for field in section.model_fields.values())


def test_what_may_be_left_out_has_the_cluster_defaults_of_kubernetes() -> None:
    assert (Cluster().hpa_sync, Cluster().metrics_resolution, Cluster().start_delay) == (15.0, 15.0, 0.0)


def test_times_are_seconds_inside() -> None:
    request = Request.model_validate({"host": "tv.example", "path": "/", "timeout": "1500ms", "backoff": "2m"})
    assert (request.timeout, request.backoff) == (1.5, 120.0)


def test_a_rate_is_a_number_and_a_ramp_a_pair() -> None:
    traffic = Traffic.model_validate(
        {
            "phases": [
                {"name": "a", "duration": "1s", "rps": 5},
                {"name": "b", "duration": "1s", "rps": [5, "600/min"]},
            ],
            "requests": [{"host": "tv.example", "path": "/"}],
        }
    )
    assert traffic.phases is not None
    assert [phase.rps for phase in traffic.phases] == [5.0, (5.0, 10.0)]


@pytest.mark.parametrize("path", ["/a b", "/a\nHost: x", "/é", "a", "", "/" + "x" * 3000])
def test_a_path_that_would_break_a_request_line_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        Request(host="tv.example", path=path)


@pytest.mark.parametrize("host", ["tv.example\r\nX: y", "tv example", "", "-tv.example", "*.example", "tv.example:x"])
def test_a_host_that_would_break_a_header_is_refused(host: str) -> None:
    with pytest.raises(ValidationError):
        Request(host=host, path="/")


def test_a_section_cannot_be_changed() -> None:
    scenario: Scenario = load_scenario(Path(__file__).parents[2] / "scenarios" / "quick").scenario
    with pytest.raises(ValidationError):
        scenario.seed = 2  # type: ignore[misc]  # what the test is about
