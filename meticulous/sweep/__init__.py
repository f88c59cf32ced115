"""Many runs of one command: a sweep is a folder of points, which workers claim and run.

The folder is the truth (:mod:`meticulous.sweep.folder`). A worker claims a point by creating a
file, runs it as ``meticulous run`` would, and notes how it ended. Engines only start workers, say
their states and cancel them. ``docs/sweeps.md`` is the guide.
"""
