"""The networks: encoders of speech and text, teachers, generators and discriminators, classifiers. Nothing here trains."""
