"""Code that runs inside the user's process; `startup` is put on its PYTHONPATH."""
