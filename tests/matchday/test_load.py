import json

import pytest

from matchday.load import Progress, heard


def test_a_progress_line_is_heard_whatever_else_it_says() -> None:
    said: dict[str, object] = {
        "t_s": 3.0,
        "sent": 10,
        "done": 9,
        "ok": 8,
        "failed": 1,
        "rate_rps": 4.0,
        "p95_s": None,
        "lag_p99_s": 0.001,
    }
    said |= {"phase": "surge", "outstanding": 1, "workers": 2, "failed_ratio": None}
    assert heard(json.dumps(said).encode()) == Progress(
        t_s=3.0, sent=10, ok=8, failed=1, rate_rps=4.0, p95_s=None, phase="surge"
    )


@pytest.mark.parametrize("line", [b"", b"Traceback (most recent call last):\n", b"{}\n", b'{"t_s": 1'])
def test_what_is_no_progress_is_passed_over(line: bytes) -> None:
    assert heard(line) is None
