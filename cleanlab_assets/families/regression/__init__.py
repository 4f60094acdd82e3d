"""The regression family: tables with a numeric label, rows in any order or a series."""
