"""PostgreSQL 18 and nothing else: engine, one transaction per use case, shared tables, migrations."""
