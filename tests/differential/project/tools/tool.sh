#!/bin/sh
. "$(dirname "$0")/words.sh"
echo "$GREETING from $(basename "$PWD") with $*"
