from __future__ import annotations

import base64
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from balancer.kube.api import ApiError
from balancer.kube.serving_certificate import (
    LIFETIME,
    RENEW_BEFORE,
    ServingCertificate,
    ServingPair,
    good_until,
    make_pair,
    server_context,
)
from tests.balancer.kube.certificates import client
from tests.balancer.kube.objects import Json, Objects

NOW = datetime.now(UTC).replace(microsecond=0)
SECRETS = "/api/v1/namespaces/matchday/secrets"
SECRET = SECRETS + "/matchday-balancer-serving"
API_SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io"
HOST = "matchday-balancer-metrics.matchday.svc"


def certificate(api: Objects) -> ServingCertificate:
    return ServingCertificate(api, "matchday", "matchday-balancer-metrics", "matchday-balancer-serving")


def kept(api: Objects) -> dict[str, bytes]:
    return {name: base64.b64decode(value) for name, value in api.objects[SECRET]["data"].items()}


def api_service(name: str = "matchday-balancer-metrics", **spec: object) -> Json:
    return {"spec": {"service": {"namespace": "matchday", "name": name}, **spec}}


def test_the_certificate_names_the_service_and_chains_to_the_bundle() -> None:
    pair = certificate(Objects()).ensure(NOW)
    assert good_until(pair, (HOST,)) == NOW + LIFETIME
    names = x509.load_pem_x509_certificate(pair.certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert HOST in names.value.get_values_for_type(x509.DNSName)


def test_a_missing_secret_is_created_and_then_kept() -> None:
    api = Objects()
    first = certificate(api).ensure(NOW)
    assert api.objects[SECRET]["type"] == "kubernetes.io/tls"
    assert certificate(api).ensure(NOW + timedelta(days=1)) == first
    assert api.writes() == [("POST", SECRETS)]


def test_of_two_replicas_that_race_both_use_the_first_ones() -> None:
    api = Objects()
    winner: list[ServingPair] = []

    class Late(Objects):
        def send(self, method: str, path: str, body: Any, **query: Any) -> Json:
            if not winner:
                winner.append(certificate(api).ensure(NOW))
            return api.send(method, path, body, **query)

        def get(self, path: str, **query: object) -> Json:
            return api.get(path)

    assert certificate(Late()).ensure(NOW) == winner[0]


def test_a_certificate_near_its_end_is_renewed_and_the_old_authority_stays_trusted() -> None:
    api = Objects()
    first = certificate(api).ensure(NOW)
    early = NOW + LIFETIME - RENEW_BEFORE - timedelta(minutes=1)
    assert certificate(api).ensure(early) == first
    second = certificate(api).ensure(early + timedelta(minutes=1))
    assert second != first
    assert first.authorities in second.authorities
    assert kept(api)["ca.crt"] == second.authorities
    third = certificate(api).ensure(early + timedelta(minutes=1) + LIFETIME - RENEW_BEFORE)
    assert third.authorities.count(b"BEGIN") == 2


def test_an_ended_authority_is_no_longer_trusted() -> None:
    api = Objects()
    certificate(api).ensure(NOW)
    assert certificate(api).ensure(NOW + LIFETIME).authorities.count(b"BEGIN") == 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"tls.crt": "bm8=", "tls.key": "bm8=", "ca.crt": "bm8="},
        {"tls.crt": "!", "tls.key": 3, "ca.crt": None},
        None,
    ],
)
def test_a_spoiled_secret_is_made_anew(data: object) -> None:
    api = Objects({SECRET: {"metadata": {"name": "matchday-balancer-serving"}, "data": data}})
    assert good_until(certificate(api).ensure(NOW), (HOST,))


def test_parts_that_do_not_fit_together_are_of_no_use() -> None:
    one, other = make_pair((HOST,), NOW), make_pair((HOST,), NOW)
    assert good_until(one, (HOST,))
    assert good_until(replace(one, key=other.key), (HOST,)) is None
    assert good_until(replace(one, authorities=other.authorities), (HOST,)) is None
    assert good_until(one, ("elsewhere.svc",)) is None


def test_a_refused_write_is_the_callers_to_know() -> None:
    api = Objects()
    api.refuse["POST"] = ApiError(403, "no")
    with pytest.raises(ApiError, match="403"):
        certificate(api).ensure(NOW)


def test_a_secret_that_changes_all_the_time_is_an_error() -> None:
    api = Objects()
    api.refuse["POST"] = ApiError(409, "exists")
    with pytest.raises(ApiError, match="all the time"):
        certificate(api).ensure(NOW)


def test_the_api_server_is_told_whom_to_trust_once() -> None:
    api = Objects({API_SERVICE: api_service(caBundle="b2xk")})
    ours = certificate(api)
    pair = ours.ensure(NOW)
    assert ours.publish(pair, "v1beta1.external.metrics.k8s.io")
    assert base64.b64decode(api.objects[API_SERVICE]["spec"]["caBundle"]) == pair.authorities
    assert not ours.publish(pair, "v1beta1.external.metrics.k8s.io")


def test_somebody_elses_api_service_and_a_missing_one_are_left_alone() -> None:
    api = Objects({API_SERVICE: api_service("prometheus-adapter")})
    pair = make_pair((HOST,), NOW)
    assert not certificate(api).publish(pair, "v1beta1.external.metrics.k8s.io")
    assert not certificate(api).publish(pair, "v1.nothing")
    assert api.writes() == []


def test_a_pair_never_shows_its_key() -> None:
    assert "PRIVATE" not in repr(make_pair((HOST,), NOW)) + str(make_pair((HOST,), NOW))


def test_without_an_authority_for_clients_nobody_could_be_let_in() -> None:
    with pytest.raises(ValueError, match="no authority"):
        server_context(make_pair((HOST,), NOW), "")


def test_clients_must_show_a_certificate() -> None:
    context = server_context(make_pair((HOST,), NOW), client().authority)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1
