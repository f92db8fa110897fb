import pytest

from balancer.errors import BalancerError
from balancer.haproxy.certificates import certificate_files, list_entry, pem_lines
from balancer.policy.config import Certificate

PEM = "-----BEGIN CERTIFICATE-----\r\nAA==\r\n-----END CERTIFICATE-----\n\n\n-----BEGIN PRIVATE KEY-----\nBB==\n"


def test_the_list_says_for_which_hosts_each_stands_and_the_first_is_for_all_others() -> None:
    files = certificate_files(
        (Certificate("default.pem", (), "x"), Certificate("tv.pem", ("tv.example", "*.tv.example"), "y"))
    )
    assert files == {
        "certificates.list": "certs/default.pem\ncerts/tv.pem tv.example *.tv.example\n",
        "certs/default.pem": "x\n",
        "certs/tv.pem": "y\n",
    }


def test_blank_lines_which_would_end_it_on_the_socket_are_left_out() -> None:
    lines = pem_lines(Certificate("tv.pem", (), PEM)).split("\n")
    assert lines == [
        "-----BEGIN CERTIFICATE-----", "AA==", "-----END CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----", "BB==",
    ]  # fmt: skip


@pytest.mark.parametrize("host", ["tv.example\nevil", "two words", ""])
def test_no_host_can_add_a_word_or_a_line(host: str) -> None:
    with pytest.raises(BalancerError):
        list_entry(Certificate("tv.pem", (host,), "x"))
