"""The role that Observer connects as: a script with the least rights, for a person to read and run."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from psycopg import sql

from observer.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPLAIN_RIGHTS = ("none", "read-all", "schema")


def role_script(name: str, *, explain: str = "none", schemas: Sequence[str] = ()) -> str:
    """The script that makes the role which Observer needs, for ``psql -f``.

    Args:
        name: Of the role.
        explain: ``"none"``: advice on indexes stays unpriced. ``"read-all"``: pg_read_all_data, which reads
            everything. ``"schema"``: SELECT on the tables of the schemas named.
        schemas: For ``"schema"``.

    Raises:
        Malformed: A name is not one, or schemas are missing.
    """
    if explain == "schema" and not schemas:
        raise Malformed("--explain schema needs the schemas", remedy="As in --schema public --schema shop.")
    role = _identifier(name)
    text = (files("observer.targets") / "role.sql").read_text(encoding="utf-8")
    grants = {
        "none": "-- No right to read tables: index advice is then not priced by the planner.",
        "read-all": f"GRANT pg_read_all_data TO {role};",
        "schema": "\n".join(
            f"GRANT USAGE ON SCHEMA {_identifier(schema)} TO {role};\n"
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {_identifier(schema)} TO {role};\n"
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {_identifier(schema)} GRANT SELECT ON TABLES TO {role};"
            for schema in schemas
        ),
    }
    quote = "$$"
    while quote in name:
        quote = f"${quote[1:-1]}o$"
    values = {
        ":role_literal": sql.Literal(name).as_string(None),
        ":role": role,
        ":explain": grants[explain],
        "$$": quote,
    }
    return re.sub(r":role_literal\b|:role\b|:explain\b|\$\$", lambda match: values[match[0]], text)


def _identifier(name: str) -> str:
    # The script names the role in comments too, which a line break would end.
    if not name or not name.isprintable() or len(name.encode()) > 63:
        raise Malformed(
            f"{name!r} cannot be a name here", remedy="Names have 1 to 63 bytes and no control characters."
        )
    return sql.Identifier(name).as_string(None)
