"""What the processes of a run use: time, memory, reads and writes, GPUs."""
