"""Prepare the process as asked, then become the rest: under.py block=USR1 ignore=INT close=0 -- CMD."""

import os
import signal
import sys

words = sys.argv[1:]
split = words.index("--")
for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these by itself
    signal.signal(number, signal.SIG_DFL)
for word in words[:split]:
    what, _, names = word.partition("=")
    for name in names.split(","):
        if what == "block":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.Signals["SIG" + name]})
        elif what == "ignore":
            signal.signal(signal.Signals["SIG" + name], signal.SIG_IGN)
        elif what == "close":
            os.close(int(name))
        elif what == "umask":
            os.umask(int(name, 8))
        else:
            raise SystemExit("unknown: " + word)
os.execvp(words[split + 1], words[split + 1 :])
