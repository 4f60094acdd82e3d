"""Estimators of our own in scikit-learn's form, where it has none. They are imported when a model is built."""
