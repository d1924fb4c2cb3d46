"""The facts the four services publish: one module per publisher, versioned classes, one registry."""
