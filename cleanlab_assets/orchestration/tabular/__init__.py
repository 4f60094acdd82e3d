"""What the families on tables share: neighbour graph, duplicate sets, facts of the audit, and most checks."""
