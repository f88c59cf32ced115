"""Running runs: their progress, and stopping them."""
