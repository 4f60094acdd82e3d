"""Encoders that turn texts and pictures into vectors, without looking at labels."""
