"""What Slurm, MPI, Flux, PBS, torchrun and their like tell the processes that they start."""
