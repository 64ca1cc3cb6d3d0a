"""A language that nobody speaks or writes, made from a seed: its sounds, its words and its sentences (chapter 24)."""
