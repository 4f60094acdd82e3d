"""The family of panels: several annotators label the same examples."""
