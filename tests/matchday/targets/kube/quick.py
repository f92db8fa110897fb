"""Where the quick scenario is."""

from pathlib import Path

QUICK = Path(__file__).parents[4] / "scenarios" / "quick"
