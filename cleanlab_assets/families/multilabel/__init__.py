"""The multilabel family: tables whose labels name any number of classes."""
