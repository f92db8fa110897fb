from pathlib import Path

from cryptography import x509

from balancer.kube.default_certificate import self_signed


def test_it_says_what_it_is_and_lasts() -> None:
    certificate = x509.load_pem_x509_certificate(self_signed(Path("/nowhere")).pem.encode())
    assert "no certificate for this host" in certificate.subject.rfc4514_string()
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days >= 3650


def test_a_controller_that_comes_back_shows_the_same(tmp_path: Path) -> None:
    first = self_signed(tmp_path)
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / first.name).write_text(first.pem)
    assert self_signed(tmp_path) == first


def test_every_pod_makes_its_own() -> None:
    assert self_signed(Path("/nowhere")) != self_signed(Path("/nowhere"))
