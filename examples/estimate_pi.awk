# Any program can save results: here awk, which writes JSON to the command line.
#
#   meticulous run -- awk -v points=100000 -f examples/estimate_pi.awk
#   meticulous show last
BEGIN {
    if (!points) points = 10000
    srand(1)
    for (i = 0; i < points; i++) {
        x = rand(); y = rand()
        if (x * x + y * y < 1) inside++
    }
    pi = 4 * inside / points
    printf "pi is about %.4f after %d points\n", pi, points

    # Outside a run this does nothing.
    save = "meticulous summary --json -"
    printf "{\"pi\": %.6f, \"points\": %d}\n", pi, points | save
    exit close(save)
}
