"""The seam is only types: what must hold is that both planes have all of it."""

from __future__ import annotations

from sim.kernel_plane import KernelPlane, KernelPod
from sim.plane import Plane, PodHandle
from sim.pod import Pod
from sim.proxy import Proxies


def names(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


def test_both_planes_have_all_that_the_control_plane_may_ask() -> None:
    for plane in (Proxies, KernelPlane):
        assert names(Plane) <= set(dir(plane)) | {"proxies"}
    for pod in (Pod, KernelPod):
        assert names(PodHandle) <= set(dir(pod)) | {"name", "alive", "accepted"}
