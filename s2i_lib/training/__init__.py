"""The training loops: one readable loop per model, which checkpoints itself and goes on from its last checkpoint."""
