"""Pure decisions of fieldwork."""
