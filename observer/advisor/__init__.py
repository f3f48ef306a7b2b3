"""Index advice: workload, candidates, what-if, search, recommendation."""
