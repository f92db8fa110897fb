from sim.errors import ClusterError, SimError


def test_a_cluster_that_fails_is_an_error_of_the_model() -> None:
    assert issubclass(ClusterError, SimError)
    assert str(ClusterError("tcp://a:1: no worker for 60 s")) == "tcp://a:1: no worker for 60 s"
