from balancer.kube.reference import ObjectRef


def test_an_object_that_was_made_anew_is_another() -> None:
    old, new = (ObjectRef("v1", "Service", "tv", "live", uid) for uid in ("1", "2"))
    assert old != new
    assert len({old, new, ObjectRef("v1", "Service", "tv", "live", "1")}) == 2
