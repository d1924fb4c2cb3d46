"""The edge of every API: problems, limits, request ids, one transaction per request, pages, docs, health, metrics."""
