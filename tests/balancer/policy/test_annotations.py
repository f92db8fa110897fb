from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.annotations import OLD_NAMES, PREFIXES, VOCABULARY, Layer, settings_from
from balancer.policy.config import BackendSettings, Balance, Header, HealthCheck, RateLimit, Timeouts
from balancer.policy.values import NOBODY


def config_map(**words: str) -> Layer:
    return Layer(0, ("data",), {word.replace("_", "-"): value for word, value in words.items()}, bare=True)


def ingress(entries: Mapping[str, str]) -> Layer:
    return Layer(1, ("metadata", "annotations"), entries)


def service(entries: Mapping[str, str]) -> Layer:
    return Layer(2, ("metadata", "annotations"), entries)


def read(words: Mapping[str, str]) -> tuple[BackendSettings, list[tuple[str | int, object, str]]]:
    settings, problems = settings_from([ingress({f"haproxy.org/{word}": value for word, value in words.items()})])
    return settings, [(problem.path[-1], problem.value, problem.allowed) for problem in problems]


def test_every_word_of_the_vocabulary_does_what_it_says() -> None:
    settings, problems = read(
        {
            "load-balance": "uri",
            "hash-type": "consistent",
            "hash-balance-factor": "150",
            "pod-maxconn": "4",
            "pod-minconn": "2",
            "fullconn": "100",
            "pod-maxqueue": "8",
            "slow-start": "30s",
            "timeout-queue": "3s",
            "timeout-connect": "1s",
            "timeout-server": "20s",
            "timeout-tunnel": "1h",
            "rate-limit-requests": "10",
            "rate-limit-period": "2s",
            "rate-limit-size": "1k",
            "rate-limit-status-code": "429",
            "rate-limit-whitelist": "10.9.0.0/16",
            "allow-list": "10.0.0.0/8",
            "deny-list": "10.1.0.0/16",
            "request-set-header": "X-A b",
            "response-set-header": "X-C d",
            "check": "true",
            "check-http": "/ready",
            "check-interval": "500ms",
            "timeout-check": "2s",
        }
    )
    assert problems == []
    assert settings == BackendSettings(
        balance=Balance("uri", consistent=True, hash_balance_factor=150),
        pod_maxconn=4,
        pod_minconn=2,
        fullconn=100,
        pod_maxqueue=8,
        slowstart_s=30.0,
        timeouts=Timeouts(connect_s=1.0, server_s=20.0, queue_s=3.0, tunnel_s=3600.0),
        rate_limit=RateLimit(10, 2.0, 1000, 429, ("10.9.0.0/16",)),
        allow=("10.0.0.0/8",),
        deny=("10.1.0.0/16",),
        request_headers=(Header("X-A", "b"),),
        response_headers=(Header("X-C", "d"),),
        check=HealthCheck(interval_s=0.5, http_path="/ready", timeout_s=2.0),
    )


def test_default_gives_way_to_config_map_to_ingress_to_service() -> None:
    key = "haproxy.org/timeout-queue"
    layers = [config_map(timeout_queue="1s"), ingress({key: "2s"}), service({key: "3s"})]
    heard = [settings_from(layers[:n])[0].timeouts.queue_s for n in range(4)]
    assert heard == [5.0, 1.0, 2.0, 3.0]


def test_a_wrong_value_leaves_its_place_to_the_weaker_layer_and_costs_nothing_else() -> None:
    strong = {"haproxy.org/timeout-queue": "3 fortnights", "haproxy.org/pod-maxconn": "4"}
    settings, problems = settings_from([config_map(timeout_queue="1s"), service(strong)])
    assert (settings.timeouts.queue_s, settings.pod_maxconn) == (1.0, 4)
    assert [(p.document, p.path, p.value) for p in problems] == [
        (2, ("metadata", "annotations", "haproxy.org/timeout-queue"), "3 fortnights")
    ]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_all_three_prefixes_are_understood_and_haproxy_org_counts_first(prefix: str) -> None:
    settings, problems = settings_from([ingress({f"{prefix}pod-maxconn": "7"})])
    assert (settings.pod_maxconn, problems) == (7, ())
    both = ingress({"haproxy.org/pod-maxconn": "1", "ingress.kubernetes.io/pod-maxconn": "2"})
    assert settings_from([both])[0].pod_maxconn == 1


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_old_names_still_work_and_new_ones_count_first(old: str, new: str) -> None:
    field = "allow" if new == "allow-list" else "deny"
    assert getattr(read({old: "10.0.0.1"})[0], field) == ("10.0.0.1/32",)
    assert getattr(read({old: "10.0.0.1", new: "10.0.0.2"})[0], field) == ("10.0.0.2/32",)


def test_a_misspelt_word_is_told_with_the_one_that_was_meant() -> None:
    _, problems = read({"pod-maxcon": "4"})
    assert problems == [("haproxy.org/pod-maxcon", "4", "an annotation matchday knows; did you mean `pod-maxconn`?")]
    _, told = settings_from([config_map(time_out_queue="1s")])
    assert [problem.path for problem in told] == [("data", "time-out-queue")]


def test_foreign_annotations_are_passed_over() -> None:
    layer = ingress({"kubernetes.io/ingress.class": "x", "pod-maxconn": "4", "example.com/pod-maxconn": "x"})
    assert settings_from([layer]) == (BackendSettings(), ())


def test_an_unreadable_allow_list_lets_nobody_in_and_a_partly_readable_one_whom_it_names() -> None:
    assert read({"allow-list": "office"})[0].allow == (NOBODY,)
    settings, problems = read({"allow-list": "10.0.0.1 office", "deny-list": "street"})
    assert (settings.allow, settings.deny) == (("10.0.0.1/32",), ())
    assert len(problems) == 2


def test_timeouts_of_the_whole_proxy_stand_in_the_config_map_only() -> None:
    settings, problems = read({"timeout-client": "1s"})
    assert settings == BackendSettings()
    assert [allowed for _, _, allowed in problems] == ["in the ConfigMap only, since it holds for the whole proxy"]
    assert settings_from([config_map(timeout_client="1s")])[0].timeouts.client_s == 1.0


def test_a_rate_limit_without_a_number_of_requests_limits_nothing_and_says_so() -> None:
    settings, problems = read({"rate-limit-period": "5s"})
    assert settings.rate_limit is None
    assert [name for name, _, _ in problems] == ["haproxy.org/rate-limit-period"]


@pytest.mark.parametrize("words", [{"pod-maxconn": "4"}, {"fullconn": "100"}, {}])
def test_a_pods_calm_limit_without_its_two_companions_has_no_effect_and_says_so(words: Mapping[str, str]) -> None:
    settings, problems = read({"pod-minconn": "2", **words})
    assert settings.pod_minconn == 0
    assert "haproxy.org/pod-minconn" in [name for name, _, _ in problems]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"pod-maxconn": "4", "load-balance": "leastconn"}, False),
        ({"pod-maxconn": "4", "load-balance": "source"}, False),
        ({"load-balance": "leastconn"}, True),
        ({"pod-maxconn": "4"}, True),
    ],
)
def test_a_bound_on_a_queue_where_nobody_waits_says_that_it_has_no_effect(words: Mapping[str, str], told: bool) -> None:
    _, problems = read({"pod-maxqueue": "2", **words})
    assert [name for name, _, _ in problems] == ["haproxy.org/pod-maxqueue"] * told


def test_fullconn_alone_says_that_it_has_no_effect() -> None:
    _, problems = read({"fullconn": "100", "pod-maxconn": "4"})
    assert [name for name, _, _ in problems] == ["haproxy.org/fullconn"]


@pytest.mark.parametrize(
    "words",
    [
        {"load-balance": "static-rr"},
        {"load-balance": "uri", "hash-type": "map-based"},
        {"load-balance": "leastconn", "hash-type": "consistent"},
        {"load-balance": "uri", "hash-type": "map-based", "hash-balance-factor": "150"},
    ],
)
def test_a_choice_that_costs_reloads_or_has_no_effect_is_told(words: Mapping[str, str]) -> None:
    settings, problems = read(words)
    assert settings.balance.algorithm == words["load-balance"]
    assert problems


words = st.sampled_from([*VOCABULARY, *OLD_NAMES, "nonsense"])


@given(
    st.dictionaries(words, st.text() | st.sampled_from(["5s", "4", "uri", "10.0.0.0/8", "X-A b", "true"]), max_size=6)
)
def test_no_annotation_raises_and_none_touches_what_another_says(entries: dict[str, str]) -> None:
    together, _ = read(entries)
    alone, _ = read({"pod-maxconn": "4"})
    with_one_more, _ = read({**entries, "pod-maxconn": "4"})
    assert with_one_more.pod_maxconn == alone.pod_maxconn
    assert with_one_more.timeouts == together.timeouts


def test_the_reference_page_has_every_word_and_its_meaning() -> None:
    page = (Path(__file__).parents[3] / "docs" / "annotations.md").read_text()
    rows = [line.split(" | ")[:2] for line in page.splitlines() if line.startswith("| `")]
    assert rows == [[f"| `{word}`", known.meaning] for word, known in VOCABULARY.items()]
