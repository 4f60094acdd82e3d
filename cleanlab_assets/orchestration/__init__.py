"""The thin Dagster layer: partitions, asset factories, checks, storage and jobs. No mathematics here."""
