"""Messages of incidents: within Slack's limits, nothing forged, the state in words."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from observer.incidents.look import Look
from observer.incidents.model import Alert, Ending, Evidence, Incident, Member, Severity
from observer.incidents.rendering import message
from observer.incidents.thread import evidence, raised
from observer.slack import limits
from observer.slack.fake.validation import check
from observer.slack.message import GREEN, RED, Message

words = st.text(max_size=60) | st.sampled_from(["<!channel>", "<@U1>", "&amp;", "`x`", "*b*", "x" * 4_000])
labels = st.dictionaries(st.sampled_from(["alertname", "instance", "service", "severity", "x"]), words)
annotations = st.dictionaries(
    st.sampled_from(["summary", "description", "runbook", "runbook_url", "dashboard_url"]),
    words | st.sampled_from(["javascript:alert(1)", "https://example.org/r?a=1&b=2", "http://x|y>z"]),
)


def incident(members: list[Member], **changes: object) -> Incident:
    values: dict[str, object] = {
        "id": 1,
        "group_keys": frozenset({"g"}),
        "receiver": "observer",
        "external_url": "http://alertmanager.example",
        "group_labels": {"alertname": "Down"},
        "severity": Severity.PAGE,
        "opened_at": 1_000.0,
        "changed_at": 1_000.0,
        "seen_at": 1_000.0,
        "resolved_at": None if any(m.firing for m in members) else 2_000.0,
        "members": {m.alert.fingerprint: m for m in members},
    }
    return Incident(**(values | changes))  # type: ignore[arg-type]  # by name


def member(fingerprint: str = "a", *, firing: bool = True, **changes: dict[str, str] | str) -> Member:
    return Member(
        alert=Alert(
            fingerprint=fingerprint,
            firing=firing,
            labels=changes.get("labels", {"alertname": "Down", "severity": "critical"}),  # type: ignore[arg-type]  # a dict
            annotations=changes.get("annotations", {"summary": "It is down"}),  # type: ignore[arg-type]  # a dict
            starts_at=1_000.0,
            ends_at=None if firing else 1_720.0,
            generator_url=str(changes.get("url", "http://prometheus.example/graph")),
        ),
        ending=Ending.NOT if firing else str(changes.get("ending", Ending.RESOLVED)),
    )


members = st.lists(
    st.builds(
        lambda n, f, ls, an: member(f"f{n}", firing=f, labels=ls, annotations=an),
        st.integers(0, 200),
        st.booleans(),
        labels,
        annotations,
    ),
    min_size=1,
    max_size=40,
)


def accepted(built: Message) -> None:
    """What the stand-in, as strict as Slack, says to a message."""
    check(built.text, list(built.blocks), built.attachments(), None)
    assert built.characters() <= limits.MESSAGE


@settings(max_examples=200, deadline=None)
@given(members, st.floats(0, 1e6), st.integers(0, 10_000))
def test_slack_takes_every_message(told: list[Member], late: float, truncated: int) -> None:
    """Whatever labels and annotations hold, and however many alerts there are, Slack takes the message."""
    accepted(message(incident(told, truncated=truncated), Look(), late=late, fresh=True))
    accepted(raised(incident(told), Look(), Severity.PAGE))


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        Evidence,
        title=words,
        sentences=st.lists(words, max_size=8).map(tuple),
        columns=st.just(("a", "b")),
        rows=st.lists(st.tuples(words, words), max_size=30).map(tuple),
    )
)
def test_slack_takes_all_evidence(told: Evidence) -> None:
    """Evidence of any length and content fits into one reply."""
    accepted(evidence(told))


@settings(max_examples=200, deadline=None)
@given(members)
def test_nobody_is_called_by_what_alerts_say(told: list[Member]) -> None:
    """Mentions and links come from the settings and safe URLs only, never from a label."""
    built = message(incident(told), Look())
    sent = json.dumps([built.text, built.blocks, built.attachments()])
    assert "<!channel" not in sent
    assert "<@" not in sent
    assert "<javascript" not in sent


def test_state_is_in_the_words_and_in_the_bar() -> None:
    """Who hears the message read out, or sees only the notification, knows its state."""
    fires = message(incident([member()]), Look())
    over = message(incident([member(firing=False)]), Look())
    assert (fires.text.split(":")[0], fires.bar) == ("Firing", RED)
    assert (over.text.split(":")[0], over.bar) == ("Resolved", GREEN)
    assert "lasted 12 min" in str(over.barred)


def test_unreported_end_is_not_called_resolved() -> None:
    """An incident closed for want of news says so."""
    built = message(incident([member(firing=False, ending=Ending.UNREPORTED)]), Look())
    assert built.text.startswith("No longer reported")


def test_mentions_come_from_the_settings_while_it_fires() -> None:
    """The people for a severity or a label are called once, and not at the end."""
    look = Look(mentions={"severity=page": "<!subteam^S1>", "alertname=Down": "<@U1>"})
    assert message(incident([member(), member("b")]), look).text.endswith("<@U1> <!subteam^S1>")
    assert "<!subteam" not in message(incident([member(firing=False)]), look).text


def test_links_are_made_of_http_only() -> None:
    """A runbook's address is shown when it is one, with its ampersands escaped."""
    good = member(annotations={"runbook_url": "https://example.org/r?a=1&b=2"})
    bad = member(annotations={"runbook_url": "javascript:alert(1)"}, url="file:///etc/passwd")
    assert "<https://example.org/r?a=1&amp;b=2|Runbook>" in str(message(incident([good]), Look()).barred)
    shown = str(message(incident([bad]), Look()).barred)
    assert "javascript" not in shown
    assert "passwd" not in shown


def test_silence_link_carries_the_group() -> None:
    """The link to a silence is filled in with the group's labels."""
    shown = str(message(incident([member()]), Look()).barred)
    assert "http://alertmanager.example/#/silences/new?filter=%7Balertname%3D%22Down%22%7D|Silence" in shown


def test_lateness_is_told_from_a_minute_on() -> None:
    """A delay that matters is shown, one that does not is not."""
    assert "late" not in str(message(incident([member()]), Look(), late=59))
    assert "Reached Slack 16 min late." in str(message(incident([member()]), Look(), late=16 * 60 + 5))


def test_what_to_do_stands_in_the_message_while_it_fires() -> None:
    """Who is called at night need not look for the runbook; a span of code in it is never broken in two."""
    told = {"summary": "8 sessions wait", "runbook": "1. Look: `SELECT pid\n   FROM pg_locks;`\n2. End it.\n"}
    [firing, over] = [
        json.dumps(message(incident([member(firing=firing, annotations=told)]), Look()).attachments())
        for firing in (True, False)
    ]
    assert "*What to do*\\n1. Look: `SELECT pid FROM pg_locks;`\\n2. End it." in firing
    assert "What to do" not in over
