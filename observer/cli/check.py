"""``observer check``: whether settings can be used, without starting anything."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from observer.app.assembly import build_sources, warnings
from observer.app.factory import create_app
from observer.cli.options import add_options, settings_from

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Print what would be watched; whatever makes ``serve`` refuse the settings is an error here too."""
    parser = argparse.ArgumentParser(prog="observer check", description="Check settings; start nothing.")
    add_options(parser)
    settings = settings_from(parser.parse_args(arguments))
    create_app(settings)
    sources = build_sources(settings)
    print(f"listen     {settings.listen}")
    for source in sources:
        print(f"{source.kind:10} {source.name}: {source.address}")
    for sentence in warnings(settings):
        print(f"warning: {sentence}", file=sys.stderr)
    return 0
