from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios.served import Served

if TYPE_CHECKING:
    from tests.scenarios.conftest import Copy


def test_a_host_leads_to_the_deployment_behind_its_service(quick: Copy) -> None:
    served = Served.by(quick.load().manifests)
    assert served.deployment("tv.example", "/anything") == ("default", "live")
    assert served.deployment("radio.example", "/") is None
    assert served.allowed() == "what an Ingress serves: tv.example/"


def test_a_default_backend_serves_what_no_rule_does(quick: Copy) -> None:
    quick.edit("app.yaml", "  rules:", "  defaultBackend: {service: {name: live, port: {number: 80}}}\n  rules:")
    assert Served.by(quick.load().manifests).deployment("radio.example", "/") == ("default", "live")


def test_of_many_rules_the_first_four_are_named(quick: Copy) -> None:
    rule = "          - {path: /, pathType: Prefix, backend: {service: {name: live, port: {name: http}}}}\n"
    more = "".join(rule.replace("path: /,", f"path: /{n},") for n in range(5))
    quick.edit("app.yaml", rule, rule + more)
    assert Served.by(quick.load().manifests).allowed() == (
        "what an Ingress serves: tv.example/0, tv.example/1, tv.example/2, tv.example/3, ..."
    )


def test_a_parameter_that_an_ingress_looks_at_is_told_from_one_it_does_not(quick: Copy) -> None:
    rule = "          - {path: /, pathType: Prefix, backend: {service: {name: live, port: {name: http}}}}\n"
    quick.edit("app.yaml", rule, rule + rule.replace("path: /,", "path: /shop/toys,"))
    served = Served.by(quick.load().manifests)
    assert served.looks_beyond("/shop/{kind}")
    assert not served.looks_beyond("/shop/toys/{kind}")
    assert not served.looks_beyond("/shop")
