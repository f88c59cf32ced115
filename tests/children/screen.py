"""A full-screen program as many are: curses, which switches modes through stdout; q ends it."""

import curses


def main(window):
    curses.curs_set(0)
    window.clear()
    rows, columns = window.getmaxyx()
    window.border()
    window.addstr(1, 2, "%d rows, %d columns" % (rows, columns), curses.A_BOLD)
    window.addstr(rows - 2, 2, "ready")
    window.refresh()
    pressed = ""
    while not pressed.endswith("q"):
        key = window.getch()
        if key == curses.KEY_RESIZE:
            rows, columns = window.getmaxyx()
            window.clear()
            window.clearok(True)  # all of it again: two changes in a row are then whole texts each
            window.addstr(1, 2, "now %d rows, %d columns" % (rows, columns))
        elif 0 <= key < 256:
            pressed += chr(key)
        window.addstr(3, 2, "pressed " + pressed)
        window.refresh()


curses.wrapper(main)
print("bye")
