#!/bin/sh
# The notebooks of examples/notebooks, executed by nbclient with the package under build/python. Their assertions are
# the test. NOTEBOOK_PYTHON=PROGRAM has nbclient, ipykernel, matplotlib and pandas; NOTEBOOK_OUT=DIR keeps what came out.
build=$(cd "${BUILD:-build}" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
python=
for p in ${NOTEBOOK_PYTHON:-} out/notebook-venv/bin/python python3 /usr/bin/python3; do
    "$p" -c 'import nbclient, ipykernel, matplotlib, pandas' 2>/dev/null && python=$p && break
done
if [ -z "$python" ]; then
    echo 'SKIPPED: no Python with nbclient, ipykernel, matplotlib and pandas (NOTEBOOK_PYTHON names one)'
    exit 77
fi
[ -f world/sprites/noto.png ] || {
    echo 'SKIPPED: no drawings in world/sprites'
    exit 77
}
make -s python BUILD="$build" || exit 1
export PYTHONPATH="$build/python"
"$python" - "${NOTEBOOK_OUT:-$out}" examples/notebooks/*.ipynb <<'END'
import pathlib
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

bad = 0
for name in sys.argv[2:]:
    book = nbformat.read(name, 4)
    try:
        NotebookClient(book, timeout=900).execute()
        print(name, "runs")
    except CellExecutionError as e:
        bad += 1
        print(name, "fails:", e)
    nbformat.write(book, pathlib.Path(sys.argv[1]) / pathlib.Path(name).name)
sys.exit(bad)
END
