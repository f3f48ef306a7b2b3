"""What holds for all tests: searching anew on a desk, repeatably where nobody watches."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("desk", print_blob=True)
settings.register_profile("ci", derandomize=True, print_blob=True, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
