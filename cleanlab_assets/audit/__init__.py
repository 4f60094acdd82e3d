"""How labels are audited: pure functions on tables and arrays."""
