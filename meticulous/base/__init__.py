"""What knows nothing of runs: text, paths, times, processes and descriptors."""
