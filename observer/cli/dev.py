"""``observer dev``: what helps to try Observer out and to develop with it."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

dev = typer.Typer(
    name="dev", help="Try Observer out without the real thing.", no_args_is_help=True, add_completion=False
)


@dev.callback()
def _group() -> None:
    """Try Observer out without the real thing."""


@dev.command("fake-slack")
def fake_slack(
    *,
    port: Annotated[
        int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", envvar="OBSERVER_FAKE_SLACK_PORT")
    ] = 9099,
    token: Annotated[
        str, typer.Option(help="The bot token that is let in.", envvar="OBSERVER_FAKE_SLACK_TOKEN")
    ] = "xoxb-fake",  # noqa: S107 - opens nothing
    channel: Annotated[
        list[str] | None,
        typer.Option(help="A channel as ID=name, such as C0ALERTS=alerts; repeat for more."),
    ] = None,
) -> None:
    """Run a stand-in for Slack: strict as the real one, with the channel to look at in a browser.

    Example: observer dev fake-slack --port 9099, then set slack.base_url to http://127.0.0.1:9099/api/
    """
    from observer.slack.fake import FakeSlack, Workspace  # noqa: PLC0415 - not for those who only ask for help

    channels = dict(one.split("=", 1) for one in channel or ["C0ALERTS=alerts"] if "=" in one)
    if len(channels) != len(channel or ["C0ALERTS=alerts"]):
        raise typer.BadParameter("a channel is given once, as ID=name", param_hint="--channel")
    try:
        slack = FakeSlack(port=port, workspace=Workspace(token=token, channels=channels))
    except OSError as fault:
        raise typer.BadParameter(
            f"port {port} cannot be used: {fault.strerror}", param_hint="--port"
        ) from fault
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with slack:
        print(f"The channel:      {slack.url}")
        print(f"slack.base_url:   {slack.base_url}")
        print(f"slack.channel:    {next(iter(channels))}", flush=True)
        ended.wait()
