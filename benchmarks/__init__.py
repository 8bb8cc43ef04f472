"""Side by side with the real Triton: `python -m benchmarks`, results as ratios."""
