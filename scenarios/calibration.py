"""What low load on the real target taught: the numbers the model takes in place of the declared workload."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FROZEN = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class PathCalibration(BaseModel):
    """One request path. `service_s` are the sorted times a request held its pod's slot (HAProxy: Ta - TR - Tw)."""

    model_config = FROZEN
    service_s: tuple[float, ...] = Field(min_length=1)
    cpu_s: float = Field(ge=0)


class Calibration(BaseModel):
    """A finished calibration. All samples in seconds, sorted; `paths` is keyed by the path of the request mix.

    outside_s          latency seen by the client that holds no slot: generator, network, proxy
    startup_s          from a pod's process start until its readiness endpoint would first answer 200
    rotation_lag_s     from the probe that found a pod ready until the proxy sends it requests
    decision_lag_s     from an HPA sync's due time until the new pod's process starts
    idle_cores         CPU a pod uses when it serves nothing
    """

    model_config = FROZEN
    schema_: Literal["matchday/calibration/v1"] = Field("matchday/calibration/v1", alias="schema")
    scenario: str
    scenario_sha256: str
    seed: int
    created_at: str
    duration_s: float
    paths: dict[str, PathCalibration]
    outside_s: tuple[float, ...] = Field(min_length=1)
    startup_s: tuple[float, ...] = Field(min_length=1)
    rotation_lag_s: tuple[float, ...] = Field(min_length=1)
    decision_lag_s: tuple[float, ...] = Field(min_length=1)
    idle_cores: float = Field(ge=0)

    def sha256(self) -> str:
        """Hash of the JSON text as it is written to calibration.json."""
        return hashlib.sha256(self.model_dump_json(indent=1).encode()).hexdigest()
