"""Real models with random weights, for the model tests and for the benchmarks."""
