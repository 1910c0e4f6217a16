#!/bin/sh
# A shell pipeline whose second part computes; the first waits for it.  $1 is the Python to use.
cd "$(dirname "$0")" || exit 1
"$1" -c 'for n in range(400): print("x" * 4000)' | "$1" -c '
import sys
for line in sys.stdin:
    sum(i * i % 7 for i in range(30000))
'
