"""The incident state machine: what peers, retries, route changes and silence of Alertmanager do to it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from observer.incidents.finding import Finding, notice_of
from observer.incidents.machine import (
    CONTEST_SECONDS,
    LAG_SECONDS,
    PATIENCE_SECONDS,
    Heard,
    hear,
    reconcile,
)
from observer.incidents.model import Alert, Ending, Incident, Notice, Severity

START = 1_000.0


def alert(
    fingerprint: str = "a", *, starts: float = START, ends: float | None = None, **labels: str
) -> Alert:
    return Alert(
        fingerprint=fingerprint,
        firing=ends is None,
        labels={"alertname": "Down", "instance": fingerprint, **labels},
        annotations={"summary": "It is down"},
        starts_at=starts,
        ends_at=ends,
    )


def notice(*alerts: Alert, key: str = "group", truncated: int = 0) -> Notice:
    return Notice(
        group_key=key,
        receiver="observer",
        external_url="",
        group_labels={},
        truncated=truncated,
        alerts=alerts,
    )


class World:
    """Applies notices one after the other, as the store does."""

    def __init__(self) -> None:
        self.incidents: dict[int, Incident] = {}

    def hear(self, told: Notice, *, now: float, certain: bool = False) -> Heard:
        heard = hear(told, list(self.incidents.values()), now=now, certain=certain)
        for incident in heard.incidents:
            number = incident.id or len(self.incidents) + 1
            self.incidents[number] = replace(incident, id=number)
        return heard

    @property
    def open(self) -> list[Incident]:
        return [i for i in self.incidents.values() if i.open]


def test_first_firing_opens_and_last_end_closes() -> None:
    """An incident lasts from the first firing until every alert is over."""
    world = World()
    world.hear(notice(alert("a"), alert("b")), now=1_010)
    world.hear(notice(alert("a", ends=1_100), alert("b")), now=1_110)
    assert len(world.open) == 1
    world.hear(notice(alert("b", ends=1_200)), now=1_210)
    assert [i.resolved_at for i in world.incidents.values()] == [1_210]


def test_same_notice_again_changes_nothing() -> None:
    """Retries, HA duplicates and repeat_interval leave the state, and so the message, alone."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    before = world.incidents[1]
    jitter = replace(alert("a", starts=1_003), annotations={"summary": "It is down (value 7)"})
    world.hear(notice(jitter), now=1_300)
    after = world.incidents[1]
    assert after.state_hash() == before.state_hash()
    assert after.changed_at == before.changed_at
    assert after.members == before.members
    assert after.seen_at == 1_300


def test_end_of_what_was_never_told_is_ignored() -> None:
    """Nobody is told that something is over of which he was never told."""
    world = World()
    heard = world.hear(notice(alert("a", ends=1_050)), now=1_060)
    assert (heard.incidents, heard.ignored) == ((), 1)


def test_late_firing_of_lagging_peer_does_not_reopen() -> None:
    """A peer's old news does not turn a resolved message red again."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    world.hear(notice(alert("a", ends=1_100)), now=1_110)
    heard = world.hear(notice(alert("a", starts=1_004)), now=1_120)
    assert (world.open, heard.ignored) == ([], 1)


def test_new_episode_opens_new_incident() -> None:
    """What starts after the end that is known is a new incident, however soon it comes."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    world.hear(notice(alert("a", ends=1_100)), now=1_110)
    world.hear(notice(alert("a", starts=1_105)), now=1_115)
    assert [i.id for i in world.open] == [2]


def test_contested_firing_is_upheld_when_alertmanager_has_it() -> None:
    """An alert that was declared over wrongly, and fires on with its old start, comes back."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    world.hear(notice(alert("a", ends=1_100)), now=1_110)
    world.hear(notice(alert("a")), now=1_120)
    later = 1_120 + CONTEST_SECONDS
    early, nothing = reconcile(world.incidents[1], reported={"a"}, complete=True, now=later - 1)
    assert nothing == ()
    assert early.members["a"].contested_at == 1_120
    settled, upheld = reconcile(world.incidents[1], reported={"a"}, complete=True, now=later)
    assert settled.members["a"].contested_at is None
    world.incidents[1] = settled
    world.hear(notice(*upheld), now=later, certain=True)
    assert [i.id for i in world.open] == [2]


def test_contested_firing_is_dropped_when_alertmanager_has_it_not() -> None:
    """Alertmanager decides whether a late firing was old news."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    world.hear(notice(alert("a", ends=1_100)), now=1_110)
    world.hear(notice(alert("a")), now=1_120)
    settled, upheld = reconcile(world.incidents[1], reported=(), complete=True, now=1_120 + CONTEST_SECONDS)
    assert (settled.members["a"].contested_at, upheld) == (None, ())


def test_contested_firing_is_shown_when_nobody_can_be_asked() -> None:
    """Without Alertmanager's word an alert is rather shown twice than hidden."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    world.hear(notice(alert("a", ends=1_100)), now=1_110)
    world.hear(notice(alert("a")), now=1_120)
    waiting = reconcile(world.incidents[1], reported=(), complete=False, now=1_119 + LAG_SECONDS)
    told = reconcile(world.incidents[1], reported=(), complete=False, now=1_120 + LAG_SECONDS)
    assert (waiting[1], [a.fingerprint for a in told[1]]) == ((), ["a"])


def test_peer_that_caught_up_ends_the_contest() -> None:
    """When the lagging peer tells the end as well, its firing was old news."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    world.hear(notice(alert("a", ends=1_100)), now=1_110)
    world.hear(notice(alert("a")), now=1_120)
    world.hear(notice(alert("a", ends=1_101)), now=1_130)
    assert world.incidents[1].members["a"].contested_at is None


def test_end_of_earlier_episode_does_not_end_a_later_one() -> None:
    """Notices that overtake each other do not hide what fires."""
    world = World()
    world.hear(notice(alert("a", starts=1_200)), now=1_210)
    world.hear(notice(alert("a", ends=1_100)), now=1_220)
    assert len(world.open) == 1


def test_changed_group_key_adopts_the_open_incident() -> None:
    """After routes were changed the old message goes on and ends, and no second one appears."""
    world = World()
    world.hear(notice(alert("a"), alert("b"), key="old"), now=1_010)
    world.hear(notice(alert("a"), alert("c"), key="new"), now=1_100)
    assert len(world.incidents) == 1
    world.hear(notice(alert("b", ends=1_200), key="other"), now=1_210)
    world.hear(notice(alert("a", ends=1_200), alert("c", ends=1_200), key="new"), now=1_210)
    assert not world.open


def test_groups_that_were_merged_end_each_by_itself() -> None:
    """Alerts of two messages that come in one group from now on turn both green."""
    world = World()
    world.hear(notice(alert("a"), key="one"), now=1_010)
    world.hear(notice(alert("b"), key="two"), now=1_011)
    world.hear(notice(alert("a"), alert("b"), key="both"), now=1_020)
    assert len(world.open) == 2
    world.hear(notice(alert("a", ends=1_100), alert("b", ends=1_100), key="both"), now=1_110)
    assert not world.open


def test_unreported_alert_is_closed_after_patience_only() -> None:
    """What no Alertmanager knows is taken as over, but not while one has just restarted."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    missing, _ = reconcile(world.incidents[1], reported=(), complete=True, now=2_000)
    assert missing.open
    early, _ = reconcile(missing, reported=(), complete=True, now=2_000 + PATIENCE_SECONDS - 1)
    assert early.open
    late, _ = reconcile(missing, reported=(), complete=True, now=2_000 + PATIENCE_SECONDS)
    assert late.resolved_at == 2_000 + PATIENCE_SECONDS
    assert late.members["a"].ending == Ending.UNREPORTED


def test_alertmanager_that_is_down_closes_nothing() -> None:
    """Silence of an Alertmanager is not the end of an alert."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    missing, _ = reconcile(world.incidents[1], reported=(), complete=True, now=2_000)
    after, _ = reconcile(missing, reported=(), complete=False, now=2_000 + 10 * PATIENCE_SECONDS)
    assert after.open


def test_alert_that_is_seen_again_gets_full_patience_anew() -> None:
    """Time of absence counts only while it lasts."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    missing, _ = reconcile(world.incidents[1], reported=(), complete=True, now=2_000)
    seen, _ = reconcile(missing, reported={"a"}, complete=True, now=2_100)
    assert seen.members["a"].missing_since is None


def test_unreported_alert_that_fires_again_is_told() -> None:
    """What was closed without a word from Alertmanager is no reason to doubt its next word."""
    world = World()
    world.hear(notice(alert("a")), now=1_010)
    missing, _ = reconcile(world.incidents[1], reported=(), complete=True, now=2_000)
    world.incidents[1], _ = reconcile(missing, reported=(), complete=True, now=2_000 + PATIENCE_SECONDS)
    world.hear(notice(alert("a")), now=2_700)
    assert [i.id for i in world.open] == [2]


def test_severity_is_the_worst_so_far() -> None:
    """An incident's severity rises and does not fall while it lasts."""
    world = World()
    world.hear(notice(alert("a", severity="warning")), now=1_010)
    world.hear(notice(alert("b", severity="critical")), now=1_020)
    world.hear(notice(alert("b", severity="critical", ends=1_050)), now=1_060)
    assert world.incidents[1].severity is Severity.PAGE


def test_truncated_group_keeps_what_it_did_not_tell() -> None:
    """Alerts that Alertmanager left out are counted, and none is taken as over for being left out."""
    world = World()
    world.hear(notice(alert("a"), alert("b")), now=1_010)
    world.hear(notice(alert("a", ends=1_100), truncated=7), now=1_110)
    (incident,) = world.open
    assert [m.alert.fingerprint for m in incident.firing] == ["b"]


def test_finding_becomes_and_ends_an_incident() -> None:
    """What Observer finds itself takes the same way as an alert."""
    finding = Finding(
        kind="index-unused",
        target="main",
        subject="public.orders",
        severity=Severity.INFO,
        title="An index is never used",
    )
    world = World()
    world.hear(notice_of(finding, source="advisor", firing=True, now=1_000), now=1_000)
    assert world.incidents[1].severity is Severity.INFO
    world.hear(notice_of(finding, source="advisor", firing=False, now=1_100), now=1_100)
    assert not world.open


_told = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(["k1", "k2", "k3"]),
        st.booleans(),
        st.floats(0, 400),
    ),
    max_size=40,
)


@given(_told)
def test_alert_fires_in_one_open_incident_at_most(told: list[tuple[str, str, bool, float]]) -> None:
    """Whatever groups alerts come under, each fires in no more than one open incident."""
    world = World()
    now = 2_000.0
    for fingerprint, key, fires, age in told:
        now += 10
        one = alert(fingerprint, starts=now - age, ends=None if fires else now)
        world.hear(notice(one, key=key), now=now)
        firing = [f for i in world.open for f, m in i.members.items() if m.firing]
        assert len(firing) == len(set(firing))
        assert all(i.firing for i in world.open)


@given(_told)
def test_ends_of_everything_close_everything(told: list[tuple[str, str, bool, float]]) -> None:
    """When every alert has ended, whatever key its end comes under, no message stays red."""
    world = World()
    now = 2_000.0
    for fingerprint, key, fires, age in told:
        now += 10
        one = alert(fingerprint, starts=now - age, ends=None if fires else now)
        world.hear(notice(one, key=key), now=now)
    now += 10
    world.hear(notice(*(alert(f, ends=now) for f in "abcd"), key="k9"), now=now)
    assert not world.open
