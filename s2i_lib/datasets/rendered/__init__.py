"""Data sets that are drawn: pictures and sentences whose every attribute is known."""
