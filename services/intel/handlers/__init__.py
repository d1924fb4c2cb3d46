"""The worker's edges: facts of other services, timers, and the loop that delivers orders."""
