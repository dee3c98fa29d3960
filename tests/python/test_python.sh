#!/bin/sh
# The Python package (build/python), with a Python that has NumPy; without one, skipped. TESTS_ALL=1: all cases of
# tests/contract, and many runs.
build=${BUILD:-build}
case $build in
*-address* | *-undefined* | *-thread*)
    echo 'SKIPPED: a sanitizer would have to be loaded before Python'
    exit 77
    ;;
esac
for python in ${PYTHON:-} python3 /usr/bin/python3; do
    "$python" -c 'import numpy' 2>/dev/null && break
    python=
done
if [ -z "$python" ]; then
    echo 'SKIPPED: the Python package is not tested: no Python with NumPy here (Debian: python3-numpy)'
    exit 77
fi
if [ ! -f models/specimen/model_index.json ]; then
    echo 'SKIPPED: no weights in models/specimen'
    exit 77
fi
[ -f "$build/python/diffuscope/__init__.py" ] || make -s python BUILD="$build" || exit 1
bad=0
export PYTHONPATH="$build/python" PYTHONDONTWRITEBYTECODE=1
for t in tests/python/test_*.py; do
    OMP_NUM_THREADS=1 "$python" "$t" || bad=$((bad + 1))
done
exit $bad
