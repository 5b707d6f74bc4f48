"""The benchmarks: ratios measured side by side in one run, each behind a gate of correctness."""
