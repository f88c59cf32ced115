#!/bin/sh
# Any program can save results: a shell script, through the command line.
#
#   meticulous run -- sh examples/count_words.sh README.md
#   meticulous show last
set -eu
file=${1:-"$0"}

words=$(wc -w < "$file")
longest=$(tr -s '[:space:][:punct:]' '\n' < "$file" | awk 'length > length(w) { w = $0 } END { print w }')
echo "$file has $words words; the longest is $longest"

# Outside a run this does nothing.
meticulous summary words="$words" longest="$longest"
