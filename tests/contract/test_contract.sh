#!/bin/sh
# What every command promises, as frozen in expected/: see README.md beside this file.
exec python3 "$(dirname "$0")/contract.py" check "${BUILD:-build}/diffuscope"
