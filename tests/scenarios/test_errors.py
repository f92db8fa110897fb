from scenarios.errors import ScenarioError


def test_an_error_can_be_read_mistake_by_mistake() -> None:
    assert ScenarioError("a.yaml:1: x\nb.yaml:2: y").lines == ("a.yaml:1: x", "b.yaml:2: y")
