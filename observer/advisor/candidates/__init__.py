"""Kinds of index candidates, one file each; ``gather`` asks all of them."""
