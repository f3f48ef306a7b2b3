"""The index report in its forms."""
