"""Use cases of fieldwork: the story of each call and the facts it publishes; they never begin or commit."""
