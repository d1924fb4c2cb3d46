"""The laptop stack of `make run` and of the tests: a real PostgreSQL, a real Kafka broker and a group of processes."""
