#!/bin/sh
# The real diffusers package opens single files that `export` writes, and folders of single files.
# Needs the reference models (DS_GOLDEN); DIFFUSERS_PYTHON as in test_diffusers.sh.
d=${BUILD:-build}/diffuscope
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python=${DIFFUSERS_PYTHON:-out/diffusers-venv/bin/python}
[ -x "$python" ] || python=python3
golden=${DS_GOLDEN:-../shared/golden}
export HF_HUB_OFFLINE=1
if [ ! -d "$golden/models/sd15" ]; then
    echo "SKIPPED: no reference models in $golden"
    exit 77
fi
bad=0
for name in sd15 sd21 sdxl; do
    model=$golden/models/$name
    kind=sd
    [ $name = sdxl ] && kind=xl
    "$d" export -m "$model" --out "$dir/$name.safetensors" -q || exit 1
    "$d" export -m "$dir/$name.safetensors" --config "$model" --out "$dir/$name" -q || exit 1
    "$python" tests/slow/exports_open.py "$dir/$name.safetensors" "$model" $kind
    rc=$?
    [ $rc = 77 ] && exit 77
    [ $rc = 0 ] || bad=1
    "$python" tests/slow/exports_open.py "$dir/$name.safetensors" "$dir/$name" $kind || bad=1
done
exit $bad
