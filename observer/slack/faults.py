"""What Slack's refusals mean: try again, look first, or tell a person."""

from __future__ import annotations

import errno
import socket
import ssl
from enum import Enum
from urllib.error import URLError

from observer.errors import Kind, ObserverError


class Scope(Enum):
    """What a refusal is about, and so what else it stops."""

    RATE = "rate"
    SERVER = "server"
    TRANSPORT = "transport"
    TOKEN = "token"  # noqa: S105 - the name of a scope
    CHANNEL = "channel"
    MESSAGE = "message"
    CONTENT = "content"


class SlackFault(ObserverError):  # noqa: N818 - the taxonomy's word
    """Slack did not do what it was asked.

    Args:
        error: Slack's own word, or the kind of transport failure.

        kind: What the sender may do.

        scope: What the refusal is about.

        retry_after: Seconds that Slack asked to wait.
    """

    code = "slack"

    def __init__(
        self,
        *,
        method: str,
        error: str,
        kind: Kind,
        scope: Scope,
        remedy: str = "",
        retry_after: float | None = None,
        detail: str = "",
    ) -> None:
        said = f"Slack's {method}: {error}" + (f" ({detail})" if detail else "") + "."
        super().__init__(said, remedy=remedy)
        self.method = method
        self.error = error
        self.outcome = kind
        self.scope = scope
        self.retry_after = retry_after


_TOKEN = "Give Observer a valid bot token (xoxb-...) in its settings."  # noqa: S105 - a sentence
_SCOPES = "Add the scope to the Slack app and install it again."
_CHANNEL = "Check the channel's ID in the settings."

_PERMANENT: dict[str, tuple[Scope, str]] = {
    "invalid_auth": (Scope.TOKEN, _TOKEN),
    "not_authed": (Scope.TOKEN, _TOKEN),
    "account_inactive": (Scope.TOKEN, _TOKEN),
    "token_revoked": (Scope.TOKEN, _TOKEN),
    "token_expired": (Scope.TOKEN, _TOKEN),
    "not_allowed_token_type": (Scope.TOKEN, _TOKEN),
    "missing_scope": (Scope.TOKEN, _SCOPES),
    "no_permission": (Scope.TOKEN, _SCOPES),
    "org_login_required": (Scope.TOKEN, "Wait until the workspace has been migrated."),
    "ekm_access_denied": (Scope.TOKEN, "Ask the workspace's administrators."),
    "access_denied": (Scope.TOKEN, "Ask the workspace's administrators."),
    "team_access_not_granted": (Scope.TOKEN, "Ask the workspace's administrators."),
    "restricted_action": (Scope.CHANNEL, "Ask the workspace's administrators for the right to post."),
    "restricted_action_read_only_channel": (Scope.CHANNEL, "Choose a channel where the app may post."),
    "channel_not_found": (Scope.CHANNEL, _CHANNEL + " For a private one, invite the app: /invite @observer"),
    "not_in_channel": (Scope.CHANNEL, "Invite the app to the channel: /invite @observer"),
    "is_archived": (Scope.CHANNEL, "Unarchive the channel or choose another one."),
    "channel_type_not_supported": (Scope.CHANNEL, _CHANNEL),
    "message_not_found": (Scope.MESSAGE, ""),
    "cant_update_message": (Scope.MESSAGE, ""),
    "edit_window_closed": (Scope.MESSAGE, ""),
    "thread_not_found": (Scope.MESSAGE, ""),
    "cannot_reply_to_message": (Scope.MESSAGE, ""),
    "no_text": (Scope.CONTENT, ""),
    "invalid_blocks": (Scope.CONTENT, ""),
    "invalid_blocks_format": (Scope.CONTENT, ""),
    "invalid_attachments": (Scope.CONTENT, ""),
    "invalid_arguments": (Scope.CONTENT, ""),
    "invalid_metadata_format": (Scope.CONTENT, ""),
    "invalid_metadata_schema": (Scope.CONTENT, ""),
    "metadata_too_large": (Scope.CONTENT, ""),
    "msg_too_long": (Scope.CONTENT, ""),
    "msg_blocks_too_long": (Scope.CONTENT, ""),
    "too_many_attachments": (Scope.CONTENT, ""),
}
_RATE = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_NOT_DONE = frozenset({"request_timeout", "service_unavailable", "team_added_to_org", "accesslimited"})
"""Slack says of these that the request was not carried out."""

_HALF_DONE = frozenset({"fatal_error", "internal_error"})
"""Slack says of these that some of it may have been."""


def refused(
    *, method: str, status: int, error: str, retry_after: float | None = None, detail: str = ""
) -> SlackFault:
    """The meaning of an answer that is not ``ok``; ``error`` is empty when the body was not Slack's JSON."""

    def fault(kind: Kind, scope: Scope, remedy: str = "") -> SlackFault:
        return SlackFault(
            method=method,
            error=error or f"HTTP {status}",
            kind=kind,
            scope=scope,
            remedy=remedy,
            retry_after=retry_after,
            detail=detail,
        )

    if status == 429 or error in _RATE:
        return fault(Kind.RETRYABLE, Scope.RATE)
    if error in _PERMANENT:
        return fault(Kind.PERMANENT, *_PERMANENT[error])
    if error in _NOT_DONE:
        return fault(Kind.RETRYABLE, Scope.SERVER)
    if error in _HALF_DONE or status >= 500 or not error:
        # Also a page of a proxy or a captive portal: what stood behind it may have got the request.
        return fault(Kind.AMBIGUOUS, Scope.SERVER)
    return fault(Kind.PERMANENT, Scope.SERVER)


def without_token(*, method: str, why: str) -> SlackFault:
    """There is no token to call with: nothing was sent, and the same call goes through once there is one."""
    return SlackFault(
        method=method,
        error="no token",
        kind=Kind.RETRYABLE,
        scope=Scope.TOKEN,
        detail=why,
        remedy=_TOKEN,
    )


def broken(*, method: str, cause: BaseException) -> SlackFault:
    """The meaning of a connection that failed.

    Only failures that come before the first byte of the request are safe to repeat.
    """
    reason = cause.reason if isinstance(cause, URLError) else cause
    unsent = isinstance(cause, URLError) and (
        isinstance(reason, (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError))
        or getattr(reason, "errno", None) in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}
    )
    return SlackFault(
        method=method,
        error="no connection" if unsent else "connection lost",
        kind=Kind.RETRYABLE if unsent else Kind.AMBIGUOUS,
        scope=Scope.TRANSPORT,
        detail=f"{type(reason).__name__}: {reason}" if isinstance(reason, BaseException) else str(reason),
        remedy="Check the network and the proxy settings." if unsent else "",
    )
