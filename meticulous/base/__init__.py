"""Building blocks that know nothing of runs: text, paths, times, processes and descriptors."""
