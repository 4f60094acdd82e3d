"""The multilabel family: labels that name any number of classes."""
