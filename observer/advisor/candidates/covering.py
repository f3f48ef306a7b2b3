"""INCLUDE columns: everything else the statement reads here, so that the table need not be visited."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.advisor.access import Access
    from observer.advisor.indexes import Key
    from observer.advisor.schema import Relation

_MOST_COLUMNS = 8
_WIDEST_SHARE = 0.75


def included(access: Access, keys: tuple[Key, ...], relation: Relation) -> tuple[str, ...]:
    """The columns to INCLUDE after ``keys``; empty where covering is not worth trying or nothing is left."""
    if access.whole_row or any(not key.is_column for key in keys):
        return ()
    rest = access.columns - {key.text for key in keys}
    if not rest or len(rest) > _MOST_COLUMNS:
        return ()
    width = sum(relation.columns[name].width for name in rest if name in relation.columns)
    if width > _WIDEST_SHARE * relation.width or not rest <= relation.columns.keys():
        return ()
    return tuple(name for name in relation.columns if name in rest)
