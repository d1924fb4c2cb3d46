"""Use cases of scoring: recomputing sheets, reading them, ranking them."""
