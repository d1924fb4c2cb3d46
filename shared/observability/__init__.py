"""Logs, trace ids and metrics, the same in every process; personal data never gets into any of them."""
