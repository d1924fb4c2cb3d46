"""Who is where: divisions, organisations, areas, people, their assignments. Publishes reference facts, reads none."""
