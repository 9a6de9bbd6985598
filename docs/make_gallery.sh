#!/bin/sh
# Make the pictures of gallery.md again: runs every command line in it, in docs/gallery.
set -eu
cd "$(dirname "$0")/gallery"
PATH="$(cd ../.. && pwd)/.venv/bin:$PATH"
grep '^plotbot ' ../gallery.md | while read -r line; do
    echo "$line"
    sh -c "$line" < /dev/null
done
find . -name '*.png' -size +100k -exec echo "over 100 kB: {}" \;
