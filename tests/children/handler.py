"""Note signals in a file: handler.py LOG INT,TERM [exit=130] [save=S] [child] [silent].

Each one is a line ``NAME who``; the first one of the names ends the program where `exit` is given,
after `save` seconds and a line ``saved``. `child` starts another of this kind, as ``grandchild``.
"""

import os
import signal
import sys
import time

log, names = sys.argv[1], [name for name in sys.argv[2].split(",") if name]
options = dict(word.partition("=")[::2] for word in sys.argv[3:])
who = options.get("who", "child")


def note(text):
    with open(log, "a") as file:
        file.write(text + "\n")


def handle(number, frame):
    note("%s %s" % (signal.Signals(number).name[3:], who))
    if "exit" in options and not options.get("stay", "") == signal.Signals(number).name[3:]:
        time.sleep(float(options.get("save", 0)))
        note("saved " + who)
        os._exit(int(options["exit"]))


for name in names:
    signal.signal(signal.Signals["SIG" + name], handle)
if "child" in options:
    rest = [word for word in sys.argv[3:] if word != "child"]
    if os.fork() == 0:
        os.execv(
            sys.executable, [sys.executable, __file__, *sys.argv[1:3], *rest, "who=grandchild"]
        )
    while not os.path.exists(log) or "started grandchild" not in open(log).read():
        time.sleep(0.01)
note("started %s" % who)
note("pid %s %d" % (who, os.getpid()))
if who == "child":
    print("ready", flush=True)
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    time.sleep(0.05)
