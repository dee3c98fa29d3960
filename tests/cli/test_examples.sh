#!/bin/bash
# The programs of examples/ on the specimen: what they write is there, and says something.
build=$(cd "${BUILD:-build}" && pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
bad=0

fail() {
    bad=$((bad + 1))
    echo "FAIL: $*"
}

if [ ! -f "$top/models/specimen/model_index.json" ]; then
    echo 'skip: no weights in models/specimen'
    exit 77
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$out" || exit 1
mkdir models && ln -s "$top/models/specimen" models/specimen

"$build/examples/word_map" || fail 'word_map fails'
[ -s word_map.png ] || fail 'word_map writes no picture'
"$build/examples/word_map" 'a noto cheese' banana >log 2>&1 && fail 'word_map finds a word that is not there'
grep -q cheese log || fail "word_map does not tell the words: $(cat log)"

"$build/examples/patch" || fail 'patch fails'
for f in first second patched difference; do
    [ -s $f.png ] || fail "patch writes no $f.png"
done
cmp -s second.png patched.png && fail 'the patch changes nothing'
cmp -s first.png second.png && fail 'two prompts give one picture'
# The answer itself, of both branches at once, taken from the first run: the first picture arrives.
"$build/examples/patch" 'a noto strawberry' 'a noto cheese' sampler.eps || fail 'patch at sampler.eps fails'
cmp -s first.png patched.png || fail 'the first answers do not give the first picture'
"$build/examples/patch" 'a noto strawberry' 'a noto cheese' unet.mid_blok >log 2>&1 &&
    fail 'patch takes a site that is not there'
grep -q 'unet.mid_block' log || fail "patch does not tell near sites: $(cat log)"

"$build/examples/sensitivity" || fail 'sensitivity fails'
[ -s sensitivity.png ] || fail 'sensitivity writes no picture'
"$build/diffuscope" inspect sensitivity.safetensors | grep -q 'sensitivity' ||
    fail 'sensitivity saves no map'

[ $bad = 0 ] || echo "$bad failed"
exit $bad
