"""Tests mirror the packages one to one; modules stay small."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("scenarios", "balancer", "sim", "loadgen", "matchday")
MODULES = sorted(
    path.relative_to(ROOT)
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if path.name != "__init__.py" or path.read_text().strip()
)


def mirror(module: Path) -> Path:
    name = module.parent.name if module.name == "__init__.py" else module.stem.strip("_")
    return ROOT / "tests" / module.parent / f"test_{name}.py"


@pytest.mark.parametrize("module", [m for m in MODULES if m.name != "__init__.py"], ids=str)
def test_every_module_has_its_test_file(module: Path) -> None:
    assert mirror(module).is_file(), f"{module} has no {mirror(module).relative_to(ROOT)}"


def test_every_unit_test_file_has_its_module() -> None:
    expected = {mirror(module) for module in MODULES}
    strays = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / "tests" / package).rglob("test_*.py")
        if path not in expected
    ]
    assert strays == []


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_module_outgrows_400_lines(module: Path) -> None:
    assert len((ROOT / module).read_text().splitlines()) <= 400
