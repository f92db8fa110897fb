"""The live page: Locust's web UI with a tab of ours. What it shows is a `view.View`, fed one progress line a second."""

from loadgen.live.page import attach

__all__ = ["attach"]
