"""The use cases of personnel."""
