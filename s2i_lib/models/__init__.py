"""The networks: encoders of speech and text, teachers, generators with their discriminators, classifiers. Nothing here trains."""
