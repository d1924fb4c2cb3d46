"""HTTP models of personnel."""
