from pathlib import Path

from matchday.measure import read_log

LINE = (
    "at=1700000000.000 Th=0 Ti=0 id={id} fe=http be=default_live_http srv=live-1 TR=0 Tw=3 Tc=0 Tr=60 Ta=64 status=200"
    " bytes=12400 end=-- actconn=1 feconn=1 beconn=1 srv_conn=1 retries=0 srv_queue=0 backend_queue=0 refused=-"
    ' client=127.0.0.1 method=GET host="tv.example" path="/live"\n'
)


def test_only_requests_logged_from_the_given_byte_on_are_read(tmp_path: Path) -> None:
    log = tmp_path / "proxy.log"
    before = LINE.format(id="0-0")
    log.write_text(before + "a notice\n" + LINE.format(id="1-0") + LINE.format(id="1-1"))
    found = read_log(log, len(before))
    assert sorted(found) == ["1-0", "1-1"]
    assert found["1-1"].tw_ms == 3
