"""Prices of statements under sets of indexes: cached, inferred, or asked on all sessions at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from observer.advisor.model import members
from observer.advisor.question import RejectedIndex, Unpriceable
from observer.advisor.relevance import Relevance
from observer.errors import TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from observer.advisor.access import Shape
    from observer.advisor.indexes import Index
    from observer.advisor.plans import Plan
    from observer.advisor.question import Question
    from observer.advisor.whatif import Session

Task = tuple[int, int]
"""A statement's number and a set of indexes."""

Work = Callable[["Session"], None]
"""Something to be asked of a session."""


class Answer(NamedTuple):
    """What is kept of a plan: its cost, what it uses, what of it counts on luck, and what copies a table."""

    cost: float
    used: int
    luck: float
    lucky: int
    copies: int


@dataclass(slots=True)
class _Known:
    """Answers for one statement: by set, and as (set, used) pairs to infer from."""

    answers: dict[int, Answer] = field(default_factory=dict)


class Pricing:
    """The planner behind a cache.

    Args:
        questions: One for each statement.

        shapes: Of the same statements.

        sessions: One or two; each is used by one thread.
    """

    def __init__(
        self, questions: Sequence[Question], shapes: Sequence[Shape], sessions: Sequence[Session]
    ) -> None:
        self.questions = questions
        self.shapes = shapes
        self.indexes: list[Index] = []
        self.numbers: dict[Index, int] = {}
        self.relevant = [0] * len(questions)
        self.rejected: dict[Index, str] = {}
        self.failed: dict[int, str] = {}
        self._known = [_Known() for _ in questions]
        self._relevance = Relevance(shapes)
        self._sessions = list(sessions)
        self._pool = ThreadPoolExecutor(len(sessions), thread_name_prefix="what-if")

    def close(self) -> None:
        """End the threads; the sessions are their owner's."""
        self._pool.shutdown()

    def add(self, index: Index) -> int:
        """The number of an index."""
        if index in self.numbers:
            return self.numbers[index]
        number = len(self.indexes)
        self.indexes.append(index)
        self.numbers[index] = number
        for statement in self._relevance.statements(index):
            self.relevant[statement] |= 1 << number
        return number

    def inferred(self, statement: int, mask: int) -> tuple[float, int] | None:
        """Cost and used set where they follow from what was asked before."""
        known = self._inferred(statement, mask)
        return known[:2] if known else None

    def _inferred(self, statement: int, mask: int) -> Answer | None:
        mask &= self.relevant[statement]
        known = self._known[statement].answers
        if mask in known:
            return known[mask]
        for asked, answer in known.items():
            if mask & ~asked == 0 and answer.used & ~mask == 0:
                known[mask] = answer
                return answer
        return None

    def price(
        self, tasks: Iterable[Task], go_on: Callable[[], bool] = lambda: True
    ) -> dict[Task, tuple[float, int]]:
        """Answer all tasks, those that follow from others without asking; fewer when ``go_on`` ends it.

        Keys of the result are the tasks as given. Statements that the planner refuses are left out and noted.
        """
        return {task: answer[:2] for task, answer in self.answers(tasks, go_on).items()}

    def answers(self, tasks: Iterable[Task], go_on: Callable[[], bool] = lambda: True) -> dict[Task, Answer]:
        """The same as `price`, with what counts on luck."""
        wanted = list(dict.fromkeys(tasks))
        open_tasks: dict[Task, None] = {}
        for statement, mask in wanted:
            if statement not in self.failed and self._inferred(statement, mask) is None:
                open_tasks[statement, mask & self.relevant[statement]] = None
        if open_tasks:
            # Neighbours in the list share most of their indexes: little is created and dropped between them.
            answers: list[tuple[Task, Answer]] = []
            self.share_out([partial(self._answer, task, answers) for task in sorted(open_tasks)], go_on)
            for (statement, mask), answer in sorted(answers):
                self._known[statement].answers[mask] = answer
        found = {}
        for statement, mask in wanted:
            known = self._inferred(statement, mask) if statement not in self.failed else None
            if known is not None:
                found[statement, mask] = known
        return found

    def share_out(self, work: Sequence[Work], go_on: Callable[[], bool] = lambda: True) -> None:
        """Do pieces of work on all sessions at once, each piece on one of them.

        What a lost session has left undone is done on those that still answer.

        Raises:
            TargetUnreachable: No session answers any more.
        """
        left = list(work)
        while left and go_on():
            share = -(-len(left) // len(self._sessions))
            parts = [left[at : at + share] for at in range(0, len(left), share)]
            sessions = self._sessions[: len(parts)]
            running = [
                self._pool.submit(_work_off, session, part, go_on)
                for session, part in zip(sessions, parts, strict=True)
            ]
            undone = [done.result() for done in running]
            left = [piece for rest in undone if rest for piece in rest]
            lost = [session for session, rest in zip(sessions, undone, strict=True) if rest]
            self._drop(lost)

    def _drop(self, lost: Sequence[Session]) -> None:
        self._sessions = [session for session in self._sessions if session not in lost]
        if not self._sessions:
            raise TargetUnreachable(
                "all connections to the server were lost during the search",
                remedy="look into the server's log, and run the advice again",
            )

    def _answer(self, task: Task, answers: list[tuple[Task, Answer]], session: Session) -> None:
        statement, mask = task
        if statement in self.failed:
            return
        try:
            plan = self._plan(session, statement, mask)
        except Unpriceable as error:
            self.failed[statement] = error.sentence
            return
        sets = self._set(plan.used), self._set(plan.lucky), self._set(plan.copies)
        answers.append((task, Answer(plan.cost, sets[0], plan.luck, *sets[1:])))

    def _set(self, indexes: Iterable[Index]) -> int:
        mask = 0
        for index in indexes:
            mask |= 1 << self.numbers[index]
        return mask

    def _plan(self, session: Session, statement: int, mask: int) -> Plan:
        """Ask; an index that HypoPG refuses is noted and left out from then on."""
        while True:
            indexes = [self.indexes[n] for n in members(mask) if self.indexes[n] not in self.rejected]
            try:
                return session.price(self.questions[statement], indexes)
            except RejectedIndex as error:
                self.rejected[error.index] = error.sentence

    def plan_on(self, session: Session, statement: int, mask: int) -> Plan:
        """The whole plan, from this session.

        Raises:
            Unpriceable: The planner refuses the statement.
        """
        return self._plan(session, statement, mask & self.relevant[statement])


def _work_off(session: Session, work: Sequence[Work], go_on: Callable[[], bool]) -> Sequence[Work]:
    """Do one piece after the other; what is left when the session is lost, nothing when time is up."""
    for place, piece in enumerate(work):
        if not go_on():
            break
        try:
            piece(session)
        except TargetUnreachable:
            return work[place:]
    return ()
