"""Slack: what a message may look like, how it is sent, and a stand-in that is as strict as the real one."""
