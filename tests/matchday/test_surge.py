from matchday.load import Progress
from matchday.surge import reading


def test_the_live_reading_names_phase_rate_latency_pods_and_failures() -> None:
    progress = Progress(t_s=30.0, sent=100, ok=90, failed=7, rate_rps=241.3, p95_s=0.1234, phase="surge")
    assert reading(progress, (0.0, 6, 4, 4)) == "surge  241 rps  p95 123 ms  4 of 6 pods  7 failed"


def test_before_the_first_answer_there_is_no_latency() -> None:
    progress = Progress(t_s=-1.0, sent=0, ok=0, failed=0, rate_rps=0.0, p95_s=None, phase="warm-up")
    assert reading(progress, (0.0, 2, 2, 2)).startswith("warm-up  0 rps  p95 -")
