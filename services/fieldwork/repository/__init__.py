"""All SQL of fieldwork, set-based: one statement for a batch, whatever its size."""
