"""The routes of the live page, asked without a browser."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from locust.env import Environment

from loadgen.errors import LoadError
from loadgen.live import attach
from loadgen.openloop import ScheduleUser

HOST = f"127.84.{1 + os.getpid() % 250}.9"
BASE = f"http://{HOST}"
STOPPED: list[str] = []


@pytest.fixture
def environment() -> Iterator[Environment]:
    environment = Environment(user_classes=[ScheduleUser.waiting()])
    runner = environment.create_local_runner()
    yield environment
    runner.quit()
    if environment.web_ui is not None and environment.web_ui.server is not None:
        environment.web_ui.server.stop()


@pytest.fixture
def client(environment: Environment) -> FlaskClient:
    STOPPED.clear()
    view = attach(environment, HOST, 0, stop=lambda: STOPPED.append("stop"))
    view.feed({"t_s": 1.0, "sent": 5, "done": 5, "ok": 5, "phase": "<b>all</b>", "workers": 1, "p95_s": 0.1})
    return client_of(environment)


def client_of(environment: Environment) -> FlaskClient:
    assert environment.web_ui is not None
    assert environment.web_ui.app is not None
    client: FlaskClient = environment.web_ui.app.test_client()
    return client


def state_of(environment: Environment) -> str:
    assert environment.runner is not None
    state: str = environment.runner.state
    return state


def ask(client: FlaskClient, path: str, method: str = "GET", **headers: str) -> Any:
    return client.open(path, method=method, base_url=BASE, headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"})


def test_locusts_page_knows_our_tab_and_our_script(client: FlaskClient) -> None:
    page = ask(client, "/?tab=matchday").get_data(as_text=True)
    assert '"component": "matchday-live"' in page
    assert page.count('<script src="./matchday/live.js" defer></script></head>') == 1


def test_the_page_opens_at_our_tab(client: FlaskClient) -> None:
    answer = ask(client, "/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "./?tab=matchday")


def test_a_runner_that_waits_shows_its_tabs(client: FlaskClient, environment: Environment) -> None:
    assert state_of(environment) == "ready"
    assert '"state": "spawning"' in ask(client, "/?tab=stats").get_data(as_text=True)


def test_data_is_json_and_new_each_time(client: FlaskClient) -> None:
    answer = ask(client, "/matchday/data")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "application/json"
    assert answer.json["rows"] == [[1.0, 5.0, 5.0, 0.1, 0.0]]
    assert ask(client, f"/matchday/data?since={answer.json['cursor']}").json["rows"] == []


def test_the_script_carries_its_style_and_asks_nobody_else(client: FlaskClient) -> None:
    script = ask(client, "/matchday/live.js").get_data(as_text=True)
    assert script.startswith('const STYLE = "')
    assert {line for line in script.splitlines() if "//" in line and "http" in line} == {
        '  const SVG = "http://www.w3.org/2000/svg";'
    }
    assert "innerHTML" not in script


def test_the_page_alone_is_there_too(client: FlaskClient) -> None:
    assert "<matchday-live>" in ask(client, "/matchday").get_data(as_text=True)


def test_every_answer_forbids_what_is_from_elsewhere(client: FlaskClient) -> None:
    for path in ("/?tab=matchday", "/matchday", "/matchday/data", "/stats/requests"):
        headers = ask(client, path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_the_stop_button_stops_the_run_and_leaves_the_runner_to_it(
    client: FlaskClient, environment: Environment
) -> None:
    assert ask(client, "/stop", "POST", Origin=BASE).json["success"] is True
    assert STOPPED == ["stop"]
    assert state_of(environment) == "ready"


def test_left_out_the_stop_button_is_a_sigterm(environment: Environment) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        attach(environment, HOST, 0)
        ask(client_of(environment), "/stop", "POST")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


@pytest.mark.parametrize("path", ["/swarm", "/user"])
def test_no_second_run_can_be_started_from_the_page(client: FlaskClient, environment: Environment, path: str) -> None:
    answer = ask(client, path, "POST", Origin=BASE).json
    assert answer["success"] is False
    assert "frozen" in answer["message"]
    assert state_of(environment) == "ready"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/stop"), ("GET", "/matchday/data"), ("GET", "/stats/requests")])
def test_other_pages_get_nothing_and_stop_nothing(
    client: FlaskClient, method: str, path: str, headers: dict[str, str]
) -> None:
    assert ask(client, path, method, **headers).status_code == 403
    assert STOPPED == []


def test_a_link_from_another_page_opens_the_page(client: FlaskClient) -> None:
    assert ask(client, "/matchday", **{"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_a_name_that_someone_points_to_this_machine_is_refused(client: FlaskClient) -> None:
    assert client.get("/matchday/data", base_url="http://elsewhere.example").status_code == 403
    assert client.get("/matchday/data", base_url="http://localhost").status_code == 200
    assert client.get("/matchday/data", base_url="http://[::1]").status_code == 200


def test_on_an_open_address_others_may_look_and_not_stop(environment: Environment) -> None:
    attach(environment, HOST, 0, stop=lambda: STOPPED.append("stop"))
    STOPPED.clear()
    client = client_of(environment)
    assert client.post("/stop", base_url=BASE, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 403
    assert client.get("/matchday/data", base_url=BASE, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 200
    assert STOPPED == []


def test_the_command_line_is_not_taken_for_locusts(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["loadgen", "run", "--schedule", "s.npz"])
    assert ask(client, "/?tab=stats").status_code == 200
    assert sys.argv[1:] == ["run", "--schedule", "s.npz"]


def test_a_port_that_is_taken_is_one_line(environment: Environment) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LoadError, match=rf"^--live: {HOST}:{port}: Address already in use$"):
            attach(environment, HOST, port)
