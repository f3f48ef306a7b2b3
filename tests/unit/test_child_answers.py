"""What a child that has ended said, and what it is asked."""

from __future__ import annotations

import json

import pytest

from observer.advisor.counts import Counts
from observer.advisor.history import Span
from observer.advisor.request import Request
from observer.errors import NotAvailable, NotPermitted, ObserverError
from observer.jobs.advice import Bounds, request_of
from observer.jobs.child import ChildFailed, answer_of


def test_an_answer_is_handed_on() -> None:
    """The document as it was written."""
    assert answer_of("the child", 0, b'{"report": {"a": 1}}', ("said",)) == {"report": {"a": 1}}


@pytest.mark.parametrize(("code", "kind"), [("permission", NotPermitted), ("not-available", NotAvailable)])
def test_a_fault_comes_back_as_what_it_was(code: str, kind: type[ObserverError]) -> None:
    """With its sentence and remedy, so that the page can tell what to do."""
    said = {"error": {"code": code, "sentence": "it lacks a right", "remedy": "grant it"}}
    with pytest.raises(kind) as caught:
        answer_of("the child", kind.exit_code, json.dumps(said).encode(), ())
    assert (caught.value.sentence, caught.value.remedy) == ("it lacks a right", "grant it")


def test_an_unknown_fault_keeps_its_words() -> None:
    """A child of a later version may know faults that we do not."""
    said = b'{"error": {"code": "from-the-future", "sentence": "new", "remedy": ""}}'
    with pytest.raises(ObserverError, match="new"):
        answer_of("the child", 70, said, ())


@pytest.mark.parametrize(
    ("code", "answer", "tail", "words"),
    [
        (-9, b"", (), "signal 9"),
        (1, b"", ("Traceback", "ValueError: bad"), "ValueError: bad"),
        (1, b"", ("Traceback", "MemoryError"), "more memory than its bound"),
        (0, b"", (), "said nothing"),
        (0, b'{"report": {"a"', ("cut",), "cut"),
        (1, b'{"report": {}}', ("late fault",), "late fault"),
        (0, b"[1]", (), "exit code 0"),
    ],
)
def test_no_answer_is_a_fault_with_what_is_known(
    code: int, answer: bytes, tail: tuple[str, ...], words: str
) -> None:
    """Killed, crashed, out of memory, cut off: each says so."""
    with pytest.raises(ChildFailed, match=words):
        answer_of("the child", code, answer, tail)


def test_what_the_advisor_is_asked_is_what_it_understands() -> None:
    """Built without the advisor's own type, which the serving process must not load; so held against it."""
    span = Span(began=100.0, ended=160.0, counts={7: Counts(3, 30.5, 9), 8: Counts(1, 1.0, 1)})
    bounds = Bounds(window=60.0, budget="10%", max_width=2, deadline=20.0, weigh="calls")
    request = Request.model_validate(
        request_of("host=h password=p", span, {7: "SELECT $1", 9: "gone"}, bounds)
    )
    assert request.after is not None
    assert request.before is not None
    assert request.after.at - request.before.at == 60.0
    assert [(e.queryid, e.text, e.calls, e.total_ms, e.rows) for e in request.after.entries] == [
        (7, "SELECT $1", 3, 30.5, 9)
    ]
    assert (request.budget, request.max_width, request.deadline) == ("10%", 2, 18.0)
    assert request.weigh == "calls"
