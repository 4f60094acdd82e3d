"""What the families on tables share: neighbour graph, Datalab, duplicate sets, and the parts of their report."""
