"""HTTP requests and answers of fieldwork."""
