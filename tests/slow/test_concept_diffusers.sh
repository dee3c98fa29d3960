#!/bin/sh
# A mixture that `concept save` wrote is a textual inversion for the real diffusers package: it tells the denoiser what
# it tells it in ours. Skipped without the package: scripts/diffusers-venv makes an environment in out/diffusers-venv;
# DIFFUSERS_PYTHON=PROGRAM takes another one.
d=${BUILD:-build}/diffuscope
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python=${DIFFUSERS_PYTHON:-out/diffusers-venv/bin/python}
[ -x "$python" ] || python=python3
export HF_HUB_OFFLINE=1
model=models/specimen
prompt='a noto <zorp> on a red background'

[ -f $model/model_index.json ] || {
    echo 'skip: no weights in models/specimen'
    exit 77
}
"$python" -c 'import diffusers' 2>/dev/null || {
    echo 'skip: no diffusers; scripts/diffusers-venv makes an environment'
    exit 77
}
"$d" concept -m $model -w zorp -p 'a {noto|twemoji} <> on a red background' --restarts 1 --steps 6 --batch 2 --pictures 3 \
    --held-out 2 --bank-steps 8 --check-every 3 --no-pictures --out "$dir/run" -q >/dev/null || exit 1
"$d" concept save -m $model --run "$dir/run" --embedding "$dir/zorp.safetensors" -q >/dev/null || exit 1
"$d" encode -m $model --embedding "$dir/zorp.safetensors" -p "$prompt" --outputs "$dir/ours.safetensors" -q >/dev/null || exit 1
"$python" tests/slow/concept_diffusers.py $model "$dir/zorp.safetensors" "$prompt" "$dir/ours.safetensors"
