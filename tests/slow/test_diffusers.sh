#!/bin/sh
# The real diffusers package opens models/specimen and draws the same picture from the same latent.
# Skipped without the package: scripts/diffusers-venv makes an environment in out/diffusers-venv;
# DIFFUSERS_PYTHON=PROGRAM takes another one. Until weights are there, random ones are drawn.
d=${BUILD:-build}/diffuscope
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python=${DIFFUSERS_PYTHON:-out/diffusers-venv/bin/python}
[ -x "$python" ] || python=python3
export HF_HUB_OFFLINE=1

model=models/specimen
if [ ! -f $model/model_index.json ]; then
    echo 'no weights in models/specimen: random ones of the same topology'
    sed 's/"vocab_size": [0-9]*/"vocab_size": 1999/' models/specimen.json >"$dir/bytes.json" # ends with eos_token_id
    "$d" new-model --like "$dir/bytes.json" --out "$dir/model" --seed 1 -q || exit 1
    model=$dir/model
fi
python3 - $model >"$dir/shape" <<'END'
import json, sys
unet = json.load(open(sys.argv[1] + "/unet/config.json"))
print(unet["in_channels"], unet["sample_size"])
END
read -r channels side <"$dir/shape"
draw=tests/slow/diffusers_draw.py
"$python" $draw noise "$dir/latent.safetensors" "$channels" "$side"
rc=$?
[ $rc = 0 ] || exit $rc
bad=0
n=0
for prompt in 'a fluent 3d apple on a blue background' 'a twemoji cat to the left of a noto tree'; do
    n=$((n + 1))
    "$python" $draw draw "$model" "$dir/latent.safetensors" "$dir/theirs.safetensors" "$prompt" 20 4
    rc=$?
    [ $rc = 0 ] || exit $rc
    "$d" generate -m "$model" -p "$prompt" --latent "$dir/latent.safetensors" --sampler ddim --steps 20 \
        --cfg-scale 4 --out "$dir/run$n" -q >/dev/null || exit 1
    echo "\"$prompt\":"
    "$python" $draw compare "$dir/theirs.safetensors" "$dir/run$n" || bad=1
done
exit $bad
