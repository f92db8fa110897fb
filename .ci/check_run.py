"""Fail unless a run directory holds a whole rehearsal: frozen prediction, measurement, comparison, report."""

import hashlib
import json
import re
import sys
from pathlib import Path

from scenarios.calibration import Calibration
from scenarios.outcome import Outcome

run = Path(sys.argv[1])
prediction = Outcome.model_validate_json((run / "prediction.json").read_text())
measurement = Outcome.model_validate_json((run / "measurement.json").read_text())
calibration = Calibration.model_validate_json((run / "calibration.json").read_text())
comparison = json.loads((run / "comparison.json").read_text())
events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
html = (run / "report.html").read_text()

checks = {
    "the frozen hash is the prediction's": (run / "prediction.sha256").read_text().split()[0]
    == hashlib.sha256((run / "prediction.json").read_bytes()).hexdigest(),
    "the prediction used this calibration": prediction.calibration_sha256 == calibration.sha256(),
    "prediction and measurement are of one scenario": prediction.scenario_sha256 == measurement.scenario_sha256,
    "the prediction was written before the surge": (run / "prediction.json").stat().st_mtime
    < (run / "surge.records").stat().st_mtime,
    "every planned request was sent": measurement.validity is not None
    and measurement.validity.sent == measurement.validity.planned,
    "the run is not invalid": measurement.validity is not None and measurement.validity.verdict != "invalid",
    "the surge reached 20x": max(p.offered_rps for p in measurement.phases if isinstance(p.offered_rps, float))
    > 15 * min(p.offered_rps for p in measurement.phases if isinstance(p.offered_rps, float)),
    "it scaled out": max(r.in_rotation for r in measurement.replicas if isinstance(r.in_rotation, float)) > 2,
    "no reload": not any(event.get("reloads") for event in events),
    "the comparison scores phases": bool(comparison.get("phases")),
    "the report has pictures": html.count("<svg") >= 5,
    "the report loads nothing from elsewhere": not re.search(r"""(src|href)\s*=\s*["'](https?:)?//""", html),
    "the pull-request report exists": (run / "report.md").stat().st_size > 500,
}
for what, good in checks.items():
    print(("ok  " if good else "BAD ") + what)
sys.exit(not all(checks.values()))
