from balancer.policy.annotations import OLD_NAMES, VOCABULARY, Layer, settings_from
from balancer.policy.config import BackendSettings
from balancer.policy.refused import NEEDLESS, REFUSED


def test_no_word_is_both_taken_and_refused() -> None:
    for one, other in ((VOCABULARY, REFUSED), (VOCABULARY, NEEDLESS), (REFUSED, NEEDLESS), (REFUSED, OLD_NAMES)):
        assert not one.keys() & other.keys()


def test_a_refused_word_says_what_to_use_instead_and_a_needless_one_nothing() -> None:
    words = {f"haproxy.org/{word}": "x" for word in (*REFUSED, *NEEDLESS)}
    settings, problems = settings_from([Layer(0, ("metadata", "annotations"), words)])
    assert settings == BackendSettings()
    assert {str(problem.path[-1]): problem.allowed for problem in problems} == {
        f"haproxy.org/{word}": instead for word, instead in REFUSED.items()
    }
