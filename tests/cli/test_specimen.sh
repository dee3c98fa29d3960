#!/bin/sh
# The model that comes with the program: where it is looked for, what names another, what is said
# when there is none. A copy of the program in a folder of its own, and a very small model.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
unset DIFFUSCOPE_MODEL
top=$(pwd)

fail() {
    bad=$((bad + 1))
    echo "FAIL: $*"
    sed 's/^/    /' "$dir/out"
}

# expect CODE TEXT ARGUMENTS...: the exit code, and TEXT somewhere in what is printed.
expect() {
    code=$1 text=$2
    shift 2
    (cd "$dir" && "$d" "$@") >"$dir/out" 2>&1 </dev/null
    rc=$?
    [ $rc = "$code" ] || fail "diffuscope $*: exit $rc, expected $code"
    [ -z "$text" ] || grep -qF -- "$text" "$dir/out" || fail "diffuscope $*: expected to read: $text"
}

mkdir "$dir/bin" "$dir/empty"
cp "${BUILD:-build}/diffuscope" "$dir/bin/"
d=$dir/bin/diffuscope

# ---- none -----------------------------------------------------------------------------------------
expect 2 'neither as share/diffuscope/specimen nor as models/specimen' sites
expect 2 'DIFFUSCOPE_MODEL' generate -p cat -o "$dir/cat.png"
expect 2 'DIFFUSCOPE_MODEL' info curve --latent x --prompt 'a cat' --word cat --out "$dir/x"
expect 2 'DIFFUSCOPE_MODEL' info score 'a cat' 'a dog' --latent x --out "$dir/x"
expect 2 'DIFFUSCOPE_MODEL' info edit --latent x --prompt 'a cat' --word cat --out "$dir/x"
expect 2 'DIFFUSCOPE_MODEL' daam -p cat --out "$dir/x"
expect 2 'neither as' tokenize cat
expect 2 'neither as' sites -m specimen
expect 2 'no model comes with this program' inspect
expect 0 'default specimen' sites --help
expect 3 'nowhere' sites -m nowhere

# ---- one ------------------------------------------------------------------------------------------
expect 0 '' new-model --like "$top/scripts/demo-model.json" --out "$dir/models/specimen" --seed 1 -q
expect 0 'unet.conv_in' sites
expect 0 'unet.conv_in' sites -m specimen
expect 0 "$dir/models/specimen" inspect
expect 0 'ids' tokenize cat --json
expect 0 '' generate -p cat --steps 2 --out "$dir/run" -q
grep -q '"model": "specimen"' "$dir/run/run.json" || fail 'the record does not say specimen'
expect 0 'latents: the same bits' replay "$dir/run" --out "$dir/again"
expect 0 'Model: specimen' inspect "$dir/run/image.png"
mkdir -p "$dir/share/diffuscope"
cp -r "$dir/models/specimen" "$dir/share/diffuscope/"
expect 0 "$dir/share/diffuscope/specimen" inspect
rm -r "$dir/share"

# ---- another default ------------------------------------------------------------------------------
expect 0 '' new-model --like "$top/scripts/demo-model.json" --out "$dir/other" --seed 2 -q
export DIFFUSCOPE_MODEL="$dir/other"
expect 0 "$dir/other" inspect
expect 0 "$dir/models/specimen" inspect -m specimen
expect 0 'latents: the same bits' replay "$dir/run" --out "$dir/once-more"
export DIFFUSCOPE_MODEL="$dir/nowhere"
expect 3 "$dir/nowhere" sites
export DIFFUSCOPE_MODEL=
expect 0 "$dir/models/specimen" inspect

# ---- the real one ---------------------------------------------------------------------------------
unset DIFFUSCOPE_MODEL
if [ -f "$top/models/specimen/model_index.json" ]; then
    d=$(realpath "$top/${BUILD:-build}/diffuscope" 2>/dev/null || realpath "${BUILD:-build}/diffuscope")
    expect 0 "$top/models/specimen" inspect
    expect 0 '' generate -p 'a twemoji cat on a red background' --steps 3 -o "$dir/cat.png"
    # What the folder recommends stands in for what is not given, and is said and recorded; unknown words are.
    expect 0 'recommends (settings.json): cfg-scale 3, sampler ddim' generate -p "a noto cat's wug" --steps 2 --out "$dir/own"
    expect 0 '"wug": not among the words' generate -p "a noto cat's wug" --steps 2 --out "$dir/own" --force
    grep -q '"wug\\": not among' "$dir/own/run.json" || fail 'the record lacks the warning of an unknown word'
    expect 0 '' generate -p "a noto cat's wug" --steps 2 --cfg-scale 3 --sampler ddim --out "$dir/told"
    cmp -s "$dir/own/tensors.safetensors" "$dir/told/tensors.safetensors" || fail 'recommended settings differ from given ones'
    grep -q recommends "$dir/out" && fail 'given settings were called recommended'
    expect 0 'the same bits' replay "$dir/own" --out "$dir/own-again"
    expect 0 '"zorps", "zorx": not among' generate -p "zorps zorx zorps" --steps 1 -o "$dir/unknown.png"
    expect 0 '"zorps", "zor": not among' generate -p "zorps zor" --steps 1 -o "$dir/part.png"
    expect 0 '"nurs": not among the words' pid bias --attributes woman man --occupations nurs --pictures 1 --steps 1 \
        --replicates 2 --nodes 1 --pilot 0
    python3 - "$top" >"$dir/out" <<'PYTHON' || fail 'words.txt and settings.json do not fit the model'
import json, re, sys
top, model = sys.argv[1], sys.argv[1] + "/models/specimen"
settings = json.load(open(model + "/settings.json"))
assert settings["sampler"] == "ddim" and 1 <= settings["steps"] <= 100 and settings["cfg_scale"] > 1, settings
words = open(f"{model}/{settings['words']}").read().split("\n")[:-1]
vocab = json.load(open(model + "/tokenizer/vocab.json"))
assert words == sorted(set(words)), "not in order"
pieces = [word for word in words if word + "</w>" not in vocab]
assert not pieces, f"no single tokens: {pieces}"
names = [n for o in json.load(open(top + "/world/objects.json"))["objects"] for n in o["names"]]
missing = {word for n in names for word in re.findall("[a-z]+", n)} - set(words)
assert not missing, f"not in words.txt: {missing}"
PYTHON
else
    echo 'SKIPPED in part: no weights in models/specimen'
fi

[ $bad = 0 ] && echo 'test_specimen: ok'
exit $((bad > 0))
