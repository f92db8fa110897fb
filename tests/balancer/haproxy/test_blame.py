import subprocess
from pathlib import Path

import pytest

from balancer.haproxy.binary import find_binary
from balancer.haproxy.blame import blamed
from balancer.haproxy.config import CONFIG_FILE, Process, render
from balancer.policy.config import Backend, BackendSettings, ProxyConfig


def complaint(directory: Path, text: str) -> str:
    for name in ("exact.map", "prefix.map"):
        (directory / name).touch()
    (directory / CONFIG_FILE).write_text(text)
    command = [str(find_binary().path), "-c", "-f", CONFIG_FILE]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return done.stderr


def configuration(**snippets: str) -> str:
    backends = (Backend(name, BackendSettings(snippet=(line,))) for name, line in snippets.items())
    return render(ProxyConfig("127.0.0.1", 8000, backends=tuple(backends)), Process("s.sock", 100))[CONFIG_FILE]


@pytest.mark.parametrize(
    "line",
    [
        "http-request brew tea", "acl x nonsense(1)", "stick on", "timeout server soon", "option nonsense", "stick on 'src",
        "use-server nobody if TRUE", "stick store-request src table nowhere", "http-request track-sc0 src table nowhere",
    ],
)  # fmt: skip
def test_the_backend_with_the_bad_snippet_is_named_and_no_other(tmp_path: Path, line: str) -> None:
    text = configuration(good="http-request set-header X-A b", bad=line, also_good="stick-table type ip size 10")
    assert blamed(complaint(tmp_path, text), text) == {"bad"}


def test_nobody_is_blamed_when_nothing_is_wrong(tmp_path: Path) -> None:
    text = configuration(good="stick-table type ip size 10")
    assert blamed(complaint(tmp_path, text), text) == frozenset()


def test_a_complaint_of_anything_else_blames_nobody() -> None:
    text = configuration(good="stick on src")
    assert (
        blamed("[ALERT] (1) : config : parsing [haproxy.cfg:1] : no\n[ALERT] (1) : [haproxy.cfg:999] no", text)
        == frozenset()
    )
    assert blamed("[ALERT] (1) : config : Proxy 'http': no", text) == frozenset()
