"""A stand-in for Slack: remembers messages, refuses what Slack refuses, and fails when told to."""

from observer.slack.fake.faults import Fault
from observer.slack.fake.server import FakeSlack
from observer.slack.fake.workspace import Workspace

__all__ = ["FakeSlack", "Fault", "Workspace"]
