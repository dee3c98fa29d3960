#!/bin/sh
# A saved trace gives the maps of the run that saved it, bit for bit: every preset, either branch, other sizes,
# slices, an existing picture, several pictures; of the specimen and of a network with the topology of 1.5.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
d=${BUILD:-build}/diffuscope
export DIFFUSCOPE_MODEL=models/specimen

fail() {
    bad=$((bad + 1))
    echo "FAIL: $*"
    sed 's/^/    /' "$dir/said"
}

# same A B: the same tensors with the same bits.
same() {
    [ -s "$dir/$1/tensors.safetensors" ] && cmp -s "$dir/$1/tensors.safetensors" "$dir/$2/tensors.safetensors"
}

# again "SLICES" ARGUMENTS...: saved, and read again with the slices, against the run with them.
again() {
    slices=$1
    shift
    rm -rf "$dir/saved" "$dir/direct" "$dir/read"
    "$d" daam -q -p "a noto cat on a mat" --steps 3 "$@" --save-trace --out "$dir/saved" >"$dir/said" 2>&1 ||
        { fail "saving: $*"; return; }
    # shellcheck disable=SC2086
    "$d" daam -q -p "a noto cat on a mat" --steps 3 "$@" $slices --out "$dir/direct" >"$dir/said" 2>&1 ||
        { fail "directly: $* $slices"; return; }
    preset=
    case "$*" in *--preset*) preset="--preset $(echo "$*" | sed 's/.*--preset \([a-z]*\).*/\1/')" ;; esac
    # shellcheck disable=SC2086
    "$d" daam -q --from "$dir/saved" $preset $slices --out "$dir/read" >"$dir/said" 2>&1 ||
        { fail "reading: $* $slices"; return; }
    same direct read || fail "other maps: $* $slices"
}

for p in plain paper best; do
    again "" --preset $p
    again "" --preset $p --branch uncond --negative-prompt "a dog"
    again "" --preset $p -H 96 -W 48
    again "--heads 0-1" --preset $p
done
again "--at-steps 1" --preset plain
again "--layers *attn2*" --preset plain
again "" --preset best --cfg-scale 1
again "" --image docs/img/words.png

small=$(ls -d tests/data/golden/models/sd15* 2>/dev/null | head -1)
if [ -n "$small" ]; then
    again "" --preset paper -m "$small" --cfg-scale 3
    again "--heads 0" --preset plain -m "$small"
else
    bad=$((bad + 1))
    echo "FAIL: the small model of tests/data/golden is not there"
fi

# A trace that says more than it holds is refused, before memory is asked for.
"$d" daam -q -p "a noto cat" --steps 2 --save-trace --out "$dir/t" >"$dir/said" 2>&1 || fail "a trace"
python3 - "$dir/t/trace.safetensors" <<'PY'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
head = json.loads(data[8:8 + size])
text = json.loads(head["__metadata__"]["daam"])
text["images"], text["groups"], text["steps"] = 16000, 1000000, 1000000
head["__metadata__"]["daam"] = json.dumps(text)
new = json.dumps(head).encode()
new += b" " * (-len(new) % 8)
open(sys.argv[1], "wb").write(struct.pack("<Q", len(new)) + new + data[8 + size:])
PY
"$d" daam -q --from "$dir/t" --out "$dir/u" >"$dir/said" 2>&1
[ $? = 3 ] && grep -q "it is damaged\|expected one prompt" "$dir/said" || fail "a trace that lies"

[ $bad = 0 ] && echo "all passed"
[ $bad = 0 ]
