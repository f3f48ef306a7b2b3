"""``python -m observer``: the command, from a checkout as from an installation."""

from observer.cli import main

main()
