"""The use cases of intel. They never begin or commit: the edge does."""
