"""Incidents: alerts become one Slack message each, which follows what is happening until it is over."""
