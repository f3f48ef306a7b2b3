"""Webhook bodies of Alertmanager, well formed and not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.incidents.payload import UnreadablePayload, parse


def body(**changes: Any) -> bytes:
    alert = {
        "status": "firing",
        "labels": {"alertname": "Down"},
        "annotations": {"summary": "It is down"},
        "startsAt": "2026-01-01T00:00:00.5Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "a1",
    }
    payload = {
        "version": "4",
        "groupKey": '{}:{alertname="Down"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "web\\.hook",
        "groupLabels": {"alertname": "Down"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": [alert],
    }
    return json.dumps(payload | changes).encode()


def test_body_of_alertmanager_is_read() -> None:
    """Everything that is needed comes out of a body of Alertmanager 0.25."""
    notice = parse(body())
    (alert,) = notice.alerts
    assert notice.receiver == "web.hook"
    assert (alert.firing, alert.starts_at, alert.ends_at) == (True, 1767225600.5, None)


def test_keys_of_later_versions_are_passed_over() -> None:
    """Alertmanager 0.32 and 0.34 add keys without a new version: they do no harm."""
    assert parse(body(notification_reason="first notification", routeLabels={"a": "b"})).alerts


def test_null_labels_are_none() -> None:
    """Go writes an empty map as null."""
    assert parse(body(groupLabels=None)).group_labels == {}


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (b"", "body"),
        (b"{}", "version"),
        (b"[1]", "body"),
        (body(alerts=[{"status": "firing"}]), "alerts.0.labels"),
        (body(groupKey=""), "groupKey"),
        (
            body(alerts=[{"status": "on", "labels": {}, "startsAt": "x", "fingerprint": "a"}]),
            "alerts.0.status",
        ),
        (body(version="5"), "version"),
    ],
)
def test_wrong_body_is_refused_with_its_place(given: bytes, place: str) -> None:
    """Who sent something else learns where it is wrong."""
    with pytest.raises(UnreadablePayload) as refused:
        parse(given)
    assert refused.value.errors[0].startswith(place)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_being_refused(given: bytes) -> None:
    """Whatever is sent, the answer is a refusal and never a failure."""
    with pytest.raises(UnreadablePayload):
        parse(given)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["alerts", "groupKey", "groupLabels", "version", "truncatedAlerts", "receiver"]),
)
def test_no_json_does_more_than_being_refused(value: Any, key: str) -> None:
    """Any JSON in any place is read or refused."""
    refused: tuple[str, ...] = ("read",)
    try:
        parse(body(**{key: value}))
    except UnreadablePayload as fault:
        refused = fault.errors
    assert refused
