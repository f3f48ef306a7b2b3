"""Whether an index-only scan would spare the table: only on pages that VACUUM has marked all-visible."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.advisor.schema import Relation
    from observer.advisor.writes import WriteRate

_CHANGED = 0.2
"""Share of the rows that change until autovacuum comes, as ``autovacuum_vacuum_scale_factor`` has it."""

_SOON = 7 * 86400.0
"""Seconds; a table whose rows change as much within them is restless."""


def restless(relation: Relation, rate: WriteRate) -> bool:
    """Whether rows change so fast that the pages of the table do not stay all-visible.

    Each update and each delete takes the mark from a page. A page of 40 rows has lost it eight times over by
    when a fifth of the rows have changed and autovacuum comes: between two visits an eighth of the pages have
    it, if all rows are as likely to change. The planner takes the share that the last VACUUM has left.
    """
    changed = (rate.updated + rate.deleted) * _SOON
    return changed > 0 and changed >= _CHANGED * relation.rows
