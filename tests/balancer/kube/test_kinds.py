from balancer.kube.kinds import watched


def test_of_secrets_only_those_of_use_are_asked_for() -> None:
    assert {kind.fields for kind in watched("ns", "name") if kind.path == "/api/v1/secrets"} == {
        "type=kubernetes.io/tls",
        "type=Opaque",
    }


def test_of_config_maps_only_our_own_is_asked_for() -> None:
    (found,) = [kind for kind in watched("ns", "mine") if kind.name == "ConfigMap"]
    assert (found.path, found.fields) == ("/api/v1/namespaces/ns/configmaps", "metadata.name=mine")


def test_each_kind_has_a_name_of_its_own() -> None:
    names = [kind.name for kind in watched("ns", "name")]
    assert len(names) == len(set(names)) == 7
