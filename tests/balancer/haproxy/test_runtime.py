import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from balancer.errors import ConfigurationRefusedError, HAProxyUnavailableError, RuntimeCommandError
from balancer.haproxy.runtime import Master, Runtime
from balancer.policy.plan import DeleteServer, DrainServer, SetWeight

Answers = Callable[[str], str | None]
STAT = "# pxname,svname,status,type,scur,qcur,addr\nlive,one,UP,2,{busy},0,127.0.0.1:8080\n"


@contextmanager
def speaking(path: Path, answers: Answers) -> Iterator[list[str]]:
    """A socket that answers each line as told; None hangs up. Gives the lines it heard."""
    heard: list[str] = []

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rw", newline="\n") as stream:
            prompt = ""
            for line in stream:
                command = line.rstrip("\n")
                if command == "prompt":
                    prompt = "\n> "
                    stream.write(prompt)
                else:
                    heard.append(command)
                    answer = answers(command)
                    if answer is None:
                        return
                    stream.write(f"{answer}\n{prompt}")
                stream.flush()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def test_commands_share_a_connection_and_each_has_its_answer(tmp_path: Path) -> None:
    with speaking(tmp_path / "s", lambda command: f"about {command}\nand more\n") as heard:
        assert Runtime(tmp_path / "s").ask(["show a", "show b"]) == ["about show a\nand more", "about show b\nand more"]
    assert heard == ["show a", "show b"]


def test_a_refusal_tells_what_was_said_and_answered(tmp_path: Path) -> None:
    with (
        speaking(tmp_path / "s", lambda command: "No such server." if "one" in command else ""),
        pytest.raises(RuntimeCommandError, match=r"refused `set server live/one weight 5`: No such server\."),
    ):
        Runtime(tmp_path / "s").apply([DrainServer("live", "two"), SetWeight("live", "one", 5)])


def test_a_busy_server_is_left_alone_and_its_deletion_waits(tmp_path: Path) -> None:
    with speaking(
        tmp_path / "s", lambda command: STAT.format(busy=1) if command.startswith("show stat") else ""
    ) as heard:
        waiting = Runtime(tmp_path / "s").apply([DrainServer("live", "one"), DeleteServer("live", "one")])
    assert waiting == (DeleteServer("live", "one"),)
    assert heard == ["set server live/one state drain", "show stat live 4 -1"]


def test_a_server_haproxy_will_not_let_go_is_put_back_where_it_was_draining(tmp_path: Path) -> None:
    answers = {
        "show stat live 4 -1": STAT.format(busy=0),
        "del server live/one": "Server still has connections attached to it.",
    }
    with speaking(tmp_path / "s", lambda command: answers.get(command, "")) as heard:
        assert Runtime(tmp_path / "s").apply([DeleteServer("live", "one")]) == (DeleteServer("live", "one"),)
    assert heard[-2:] == ["set server live/one addr 127.0.0.1 port 8080", "set server live/one state drain"]


def test_a_server_that_is_gone_already_need_not_be_deleted(tmp_path: Path) -> None:
    with speaking(tmp_path / "s", lambda _: STAT.format(busy=0)) as heard:
        assert Runtime(tmp_path / "s").apply([DeleteServer("live", "other")]) == ()
    assert heard == ["show stat live 4 -1"]


def test_no_socket_a_hang_up_and_silence_are_an_absent_haproxy(tmp_path: Path) -> None:
    with pytest.raises(HAProxyUnavailableError, match="does not answer on s"):
        Runtime(tmp_path / "s").ask(["show info"])
    with (
        speaking(tmp_path / "hangs-up", lambda _: None),
        pytest.raises(HAProxyUnavailableError, match="closed the connection"),
    ):
        Runtime(tmp_path / "hangs-up").ask(["show info"])
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        with pytest.raises(HAProxyUnavailableError, match="timed out"):
            Runtime(tmp_path / "silent", timeout_s=0.05).ask(["show info"])


def test_a_command_is_one_line(tmp_path: Path) -> None:
    with (
        speaking(tmp_path / "s", lambda _: ""),
        pytest.raises(RuntimeCommandError, match="one line at a time"),
    ):
        Runtime(tmp_path / "s").ask(["show info\nshutdown frontend http"])


PROCESSES = """\
#<PID>          <type>          <reloads>       <uptime>        <version>
14162           master          2 [failed: 0]   0d00h00m09s     2.8.25
# workers
14176           worker          0               0d00h00m01s     2.8.25
# old workers
14169           worker          1               0d00h00m05s     2.8.25
14164           worker          2               0d00h00m09s     2.8.25
# programs
"""


def test_the_master_knows_its_old_workers(tmp_path: Path) -> None:
    with speaking(tmp_path / "m", lambda _: PROCESSES):
        assert Master(tmp_path / "m").old_workers() == (14169, 14164)


def test_a_reload_that_failed_tells_the_alert(tmp_path: Path) -> None:
    answer = "Success=0\n--\n[NOTICE]   (1) : hello\n[ALERT]    (1) : config : unknown keyword 'x'"
    with (
        speaking(tmp_path / "m", lambda _: answer),
        pytest.raises(ConfigurationRefusedError, match=r"did not reload: .*unknown keyword 'x'"),
    ):
        Master(tmp_path / "m").reload()
