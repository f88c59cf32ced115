"""Ask in each of the ways in which programs ask."""

import getpass
import sys

for how in sys.argv[1:]:
    if how == "input":
        print("got", repr(input("your name? ")))
    elif how == "readline":
        import readline

        readline.parse_and_bind("set enable-bracketed-paste off")
        readline.add_history("from history")
        print("got", repr(input("edit: ")))
    elif how == "getpass":
        print("got", repr(getpass.getpass("secret? ")))
    elif how == "breakpoint":
        value = 42
        breakpoint()
        print("after", value)
    elif how == "key":
        import termios
        import tty

        modes = termios.tcgetattr(0)
        tty.setcbreak(0)
        print("press", flush=True)
        print("got", repr(sys.stdin.read(1)))
        termios.tcsetattr(0, termios.TCSADRAIN, modes)
