"""A real clip with speech and captions, so that a first try needs no internet. Its origin stands in SOURCE.md."""
