#!/bin/sh
# Work that is killed at random moments ends as work that was left alone: KILLS of each kind (20).
. "$(dirname "$0")/../support.sh"
need_drawings
for kind in train eval-daam info eval-concept; do
    BUILD=${BUILD:-build} scripts/kills --kills "${KILLS:-20}" $kind || fail "$kind"
done
exit $bad
