"""Runs for others: the packages of a run, a script that repeats it, archives of runs and back."""
