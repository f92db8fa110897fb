from pathlib import Path

import pytest

from balancer.errors import ConfigurationRefusedError
from balancer.haproxy.binary import Binary
from balancer.haproxy.process import HAProxy
from balancer.haproxy.proxy import first_alert
from balancer.policy.config import Backend, BackendSettings, Certificate, ProxyConfig, Route

CONFIG = ProxyConfig("127.0.0.1", 8000, backends=(Backend("live", BackendSettings()),))
CERTIFICATE = Certificate("tv.pem", ("tv.example",), "secret")


@pytest.fixture
def proxy(tmp_path: Path) -> HAProxy:
    (tmp_path / "run").mkdir()
    return HAProxy(
        Binary(Path("/bin/false"), "2.8.0"), tmp_path / "run", tmp_path / "log", bind_port=8000, https_port=8443
    )


def with_tls(*certificates: Certificate) -> ProxyConfig:
    return ProxyConfig("127.0.0.1", 8000, https_port=8443, certificates=certificates)


def test_keys_are_for_nobody_else_to_read_and_go_when_they_are_not_used(proxy: HAProxy) -> None:
    proxy.write(with_tls(CERTIFICATE))
    key = proxy.directory / "certs" / "tv.pem"
    assert (key.read_text(), key.stat().st_mode & 0o077) == ("secret\n", 0)
    proxy.write(with_tls())
    assert not key.exists()


def test_what_haproxy_has_no_words_for_is_refused_before_anything_is_written(proxy: HAProxy) -> None:
    route = Route(None, "/a b", "Exact", "live")
    with pytest.raises(ConfigurationRefusedError, match="no words"):
        proxy.write(ProxyConfig("127.0.0.1", 8000, routes=(route,)))
    assert list(proxy.directory.iterdir()) == []


def test_a_complaint_names_the_backend_whose_section_it_is_about(tmp_path: Path) -> None:
    program = tmp_path / "haproxy"
    program.write_text(
        "#!/bin/sh\nline=$(grep -n '^backend live' haproxy.cfg | cut -d: -f1)\n"
        'echo "[ALERT]    (1) : config : parsing [haproxy.cfg:$((line + 1))] : unknown keyword" >&2; exit 1\n'
    )
    program.chmod(0o755)
    proxy = HAProxy(Binary(program, "2.8.0"), tmp_path, tmp_path / "log", bind_port=8000)
    proxy.write(CONFIG)
    with pytest.raises(ConfigurationRefusedError, match="unknown keyword") as refusal:
        proxy.check("HAProxy did not reload")
    assert refusal.value.backends == {"live"}


def test_of_many_words_the_first_alert_is_told() -> None:
    said = "[NOTICE] (1) : hello\n[ALERT]    (1) : config : one\n[ALERT]    (1) : config : two\n"
    assert first_alert(said) == "config : one"
    assert first_alert("") == "it gives no reason"
