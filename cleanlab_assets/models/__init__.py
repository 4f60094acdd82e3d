"""Estimators by name and task family, with the encoding each of them needs."""
