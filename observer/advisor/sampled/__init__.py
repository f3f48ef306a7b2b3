"""Prices what HypoPG cannot: real indexes on a sampled copy, in a scratch database that the user names."""
