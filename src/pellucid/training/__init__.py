"""Training: the frozen config and its recipes, the noisy batches, the loop."""
