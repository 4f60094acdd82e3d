"""What people decide of findings: which row is meant, the ledger of decisions, and what follows from them."""
