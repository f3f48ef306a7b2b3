"""Labels as they stand between the braces."""

from __future__ import annotations

import pytest

from observer.exporter.declaration import label_body, label_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        ('a"b\\c\nd', 'a\\"b\\\\c\\nd'),
        ("\ud800", "?"),
        ("a\x00b", "a�b"),
    ],
)
def test_values_of_any_kind_become_text(value: object, text: str) -> None:
    """NULL is empty, switches are words, and nothing breaks the line or the encoding."""
    assert label_value(value) == text


def test_a_value_without_a_name_is_refused() -> None:
    """A label that lost its name would shift all others."""
    with pytest.raises(ValueError, match="zip"):
        label_body(("a",), ("x", "y"))
