"""The versions a store file can have, known without the tool that migrates between them."""

from __future__ import annotations

REVISIONS = ("0001", "0002", "0003")
"""Every revision in the order it is applied; a test holds this against the scripts."""

HEAD = REVISIONS[-1]
