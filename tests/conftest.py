"""Locust patches the whole interpreter when it is first imported, which breaks whoever uses ssl already; here it does not."""

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # noqa: F401 - imported for what it does not do

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]  # generators that tests start are to be patched
