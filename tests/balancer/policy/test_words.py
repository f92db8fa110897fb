from balancer.policy.config import BackendSettings, HealthCheck, RateLimit, Timeouts
from balancer.policy.words import limit, part, parts, setting, timeout


def test_a_word_changes_one_field() -> None:
    word = setting("pod_maxconn", int, "a limit")
    assert word.apply(BackendSettings(), word.read("4")) == BackendSettings(pod_maxconn=4)


def test_a_word_changes_one_field_or_some_of_a_field_and_leaves_the_others() -> None:
    before = BackendSettings(check=HealthCheck(fall=9))
    one = part("check", "rise", int, "")
    assert one.apply(before, 4).check == HealthCheck(fall=9, rise=4)
    some = parts("check", lambda text: {"http_path": text, "http_method": "HEAD"}, "")
    assert some.apply(before, some.read("/a")).check == HealthCheck(fall=9, http_path="/a", http_method="HEAD")


def test_a_timeout_counts_in_seconds() -> None:
    word = timeout("queue", float, "", whole_proxy=True)
    assert (word.apply(BackendSettings(), 3.0).timeouts, word.whole_proxy) == (Timeouts(queue_s=3.0), True)


def test_a_limit_is_there_once_anything_is_said_of_it() -> None:
    assert limit("period_s", float, "").apply(BackendSettings(), 2.0).rate_limit == RateLimit(0, 2.0)
