"""The whole program against no cluster: what a person who starts it in the wrong place sees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_without_a_cluster_it_says_so_in_a_line_and_ends(tmp_path: Path) -> None:
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "none")}
    command = [sys.executable, "-m", "balancer", "controller", "--directory", str(tmp_path), "--context", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("balancer: no way to a cluster")
