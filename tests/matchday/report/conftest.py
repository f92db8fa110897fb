import hashlib
import json
import shutil
from pathlib import Path

import pytest

from matchday.compare import compare
from tests.matchday.compare.synthetic import measured, predicted

QUICK = Path(__file__).parents[3] / "scenarios" / "quick"


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A finished run, of synthetic outcomes."""
    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(QUICK, run / "scenario")
    (run / "prediction.json").write_text(predicted().model_dump_json(indent=1))
    (run / "measurement.json").write_text(measured().model_dump_json(indent=1))
    (run / "comparison.json").write_text(compare(predicted(), measured()).model_dump_json(indent=1))
    digest = hashlib.sha256((run / "prediction.json").read_bytes()).hexdigest()
    (run / "prediction.sha256").write_text(f"{digest}  prediction.json\n")
    (run / "status.json").write_text(json.dumps({"stage": "report", "finished": True, "message": ""}))
    events = [
        {"t_s": None, "kind": "stage", "text": "calibrate"},
        {"t_s": 25.2, "kind": "hpa", "text": "live: 2 -> 4", "current": 2, "desired": 4, "reasons": ["cpu asks for 4"]},
        {"t_s": 30.2, "kind": "hpa", "text": "live: 4 -> 4", "current": 4, "desired": 4, "reasons": ["held"]},
    ]
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return run
