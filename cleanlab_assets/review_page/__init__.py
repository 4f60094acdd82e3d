"""The review page: a small web application in which people decide on one row after another."""
