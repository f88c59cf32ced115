"""Prints numbered lines on both streams, and notes in a file how far it has got and how it ends.

Usage: work.py NOTES STEPS EXIT_CODE
"""

import os
import sys
import time

notes = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
for step in range(int(sys.argv[2])):
    print("out", step, flush=True)
    print("err", step, file=sys.stderr, flush=True)
    os.pwrite(notes, b"%d\n" % (step + 1), 0)
    time.sleep(0.002)
os.pwrite(notes, b"done\n", 0)
sys.exit(int(sys.argv[3]))
