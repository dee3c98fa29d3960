#!/bin/sh
# `make wheel`: what comes out is below its limits, says manylinux_2_34, names the licences of what it carries, and
# passes the Python tests in a fresh environment, away from the sources. WHEEL_PYTHONS="python3.9 python3.13": others
# than the first that has NumPy; theirs is then installed by pip.
build=$(cd "${BUILD:-build}" && pwd)
case $build in
*-address* | *-undefined* | *-thread*)
    echo 'SKIPPED: a sanitizer is not for wheels'
    exit 77
    ;;
esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
fail() {
    bad=$((bad + 1))
    echo "FAIL: $*"
}
unset MAKEFLAGS MFLAGS MAKELEVEL
if ! make -s wheel BUILD="$build" >"$dir/log" 2>&1; then
    if [ -x "$build/venv-wheel/bin/auditwheel" ]; then
        cat "$dir/log"
        exit 1
    fi
    echo 'SKIPPED: auditwheel could not be installed (it comes from PyPI)'
    exit 77
fi

# limit MEGABYTES WHEEL
limit() {
    size=$(wc -c <"$2")
    [ "$size" -le $(($1 * 1000000)) ] || fail "$2 has $size bytes, expected at most $1 MB"
}
for w in "$build"/wheels/diffuscope-*-manylinux_2_34_*.whl; do
    [ -f "$w" ] || fail "no wheel for manylinux_2_34: $(ls "$build/wheels")"
    limit 20 "$w"
    "$build/venv-wheel/bin/auditwheel" show "$w" | tr '\n' ' ' | grep -q 'tag: *"manylinux_2_34' || fail 'auditwheel shows another tag'
    python3 - "$w" <<'END' || fail 'licences'
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
names = z.namelist()
text = z.read(next(n for n in names if n.endswith("LICENSES.txt"))).decode()
for f in names:
    if f.startswith("diffuscope.libs/") and ".so" in f:
        library = f.split("/")[1].split("-")[0]
        assert library in text, f"no licence of {library}"
assert any(n.endswith("py.typed") for n in names) and any(n.endswith("_model.pyi") for n in names)
END
done
limit 32 "$build"/wheels/diffuscope_specimen-*.whl

top=$(pwd)
for python in ${WHEEL_PYTHONS:-system}; do
    if [ "$python" = system ]; then
        python=python3
        "$python" -c 'import numpy' 2>/dev/null || python=/usr/bin/python3
        "$python" -c 'import numpy' 2>/dev/null || {
            echo 'SKIPPED: no Python with NumPy here'
            continue
        }
        "$python" -m venv --system-site-packages "$dir/venv" || exit 1
    else
        "$python" -m venv --clear "$dir/venv" && "$dir/venv/bin/pip" install -q numpy || exit 1
    fi
    "$dir/venv/bin/pip" install -q --no-index --no-deps --force-reinstall "$build"/wheels/*.whl || fail 'pip install'
    mkdir -p "$dir/away"
    (cd "$dir/away" && env -u PYTHONPATH OMP_NUM_THREADS=1 "$dir/venv/bin/python" "$top/tests/python/test_surface.py" 2>&1) ||
        fail "the tests, with $python"
    (cd "$dir/away" && BUILD="$build" OMP_NUM_THREADS=1 "$dir/venv/bin/python" "$top/tests/python/test_parity.py" 2>&1) ||
        fail "the bits of the command line, with $python"
    "$dir/venv/bin/python" -c 'import diffuscope, sys; print(sys.version.split()[0], diffuscope.__file__)'
done
exit $bad
