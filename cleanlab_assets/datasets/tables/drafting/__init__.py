"""A description of the user's own table, drafted from the file and from what the user says."""
