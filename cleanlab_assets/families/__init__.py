"""The task families: one folder each, all of its own mathematics, tables and page; free of Dagster."""
