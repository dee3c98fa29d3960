#!/bin/sh
# `diffuscope daam` on a very small model with random weights: what is written, and what is refused.
. "$(dirname "$0")/../support.sh"

has() {
    for f; do
        [ -s "$f" ] || fail "$f is missing"
    done
}

same() {
    cmp -s "$1" "$2" || fail "$1 and $2 differ"
}

# What the texts in the files say may differ.
same_pixels() {
    python3 - "$@" <<'EOF' || fail "pictures differ: $*"
import sys, zlib, struct
def pixels(path):
    data, at, idat = open(path, 'rb').read(), 8, b''
    while at < len(data):
        n, kind = struct.unpack('>I4s', data[at:at + 8])
        if kind == b'IDAT':
            idat += data[at + 8:at + 8 + n]
        at += 12 + n
    return zlib.decompress(idat)
sys.exit(len({pixels(p) for p in sys.argv[1:]}) != 1)
EOF
}

# Within 1e-5 of its largest value.
near_map() {
    python3 - "$@" <<'EOF' || fail "maps differ: $*"
import json, struct, sys
def read(path):
    data = open(path, 'rb').read()
    n = struct.unpack('<Q', data[:8])[0]
    begin, end = json.loads(data[8:8 + n])[sys.argv[1]]['data_offsets']
    return struct.unpack('<%df' % ((end - begin) // 4), data[8 + n + begin:8 + n + end])
a, b = map(read, sys.argv[2:])
sys.exit(not (max(a) > 0 and max(abs(x - y) for x, y in zip(a, b)) <= 1e-5 * max(a)))
EOF
}

small_model
m=$dir/model

# a generation: files, and the same picture as without tracing
expect 0 'MB of sums' daam -m "$m" -p 'a cat, a dog' --steps 3 --seed 5 --save-trace \
    --save-queries --ask 'red tree' --out "$dir/run"
has "$dir"/run/image.png "$dir"/run/cat.heat_map.png "$dir"/run/dog.heat_map.png \
    "$dir"/run/ask_red_tree.heat_map.png "$dir"/run/sheet.png "$dir"/run/report.html \
    "$dir"/run/masks.json "$dir"/run/result.json "$dir"/run/run.json \
    "$dir"/run/tensors.safetensors "$dir"/run/trace.safetensors
grep -qaF 'Steps: 3, Sampler: DDIM, CFG scale: 7, Seed: 5, Size: 64x64' "$dir/run/image.png" ||
    fail 'the PNG lacks its parameters'
grep -qaF 'a cat, a dog' "$dir/run/image.png" || fail 'the PNG lacks its prompt'
for name in '"global"' '"word/cat"' '"word/dog"' '"word/a"' '"expanded/cat"' '"mask/cat"' \
    '"ask/red tree"' '"ask/red tree/tree"'; do
    head -c 4000 "$dir/run/tensors.safetensors" | grep -qaF "$name" || fail "no tensor $name"
done
grep -qF '"counts"' "$dir/run/masks.json" || fail 'masks.json holds no run lengths'
grep -qF 'data-' "$dir/run/report.html" || fail 'the page has no maps'
expect 0 '' generate -m "$m" -p 'a cat, a dog' --steps 3 --seed 5 --out "$dir/plain"
expect 0 '' daam -m "$m" -p 'a cat, a dog' --steps 3 --seed 5 --word cat --out "$dir/again"
same_pixels "$dir/plain/image.png" "$dir/run/image.png" "$dir/again/image.png"

# other maps of the same trace, without the model being named
expect 0 '' daam --from "$dir/run" --word cat --heads 0 --at-steps 1-2 --refine smooth \
    --map-size 16x12 --out "$dir/slice"
head -c 2000 "$dir/slice/tensors.safetensors" | grep -qaF '"word/cat":{"dtype":"F32","shape":[16,12]' ||
    fail 'the map has another size'
expect 0 '' daam --from "$dir/run" --word cat --out "$dir/whole"
expect 0 '' daam -m "$m" -p 'a cat, a dog' --steps 3 --seed 5 --word cat \
    --ask 'red tree' --out "$dir/direct"
same "$dir/whole/tensors.safetensors" "$dir/direct/tensors.safetensors"

expect 0 '' daam --from "$dir/run" --ask 'blue tiger' --out "$dir/later"
has "$dir/later/ask_blue_tiger.heat_map.png" "$dir/later/ask_red_tree.heat_map.png"
expect 2 'goes with --save-trace' daam -m "$m" -p x --save-queries --out "$dir/x"
mv "$dir/run/queries" "$dir/elsewhere"
expect 3 'queries' daam --from "$dir/run" --ask 'blue tiger' --out "$dir/x"

# several prompts and pictures
expect 0 '' daam -m "$m" -p 'a cat' -p 'two dogs' -b 2 --steps 2 --out "$dir/many"
has "$dir"/many/000/cat.heat_map.png "$dir"/many/001/cat.heat_map.png \
    "$dir"/many/002/dogs.heat_map.png "$dir"/many/003/report.html "$dir"/many/run.json \
    "$dir"/many/report.html
grep -qx 'two dogs' "$dir/many/003/prompt.txt" || fail 'the prompt was not written'
grep -qx 45 "$dir/many/003/seed.txt" || fail 'the seed was not written'

# more pictures than are drawn at once: the same maps as alone, to rounding (which kernel is fastest depends on
# the batch on some processors); prompts from a file, a template
for i in 1 2 3 4 5 6 7 8 9 10; do echo "cat $i"; done >"$dir/prompts"
"$d" daam -m "$m" --prompts - --steps 1 --word cat --out "$dir/ten" <"$dir/prompts" >"$out" 2>&1 ||
    fail 'prompts from standard input'
expect 0 '' daam -m "$m" -p 'cat 10' --seed 51 --steps 1 --word cat --out "$dir/tenth"
near_map word/cat "$dir/ten/009/tensors.safetensors" "$dir/tenth/tensors.safetensors"
printf 'two\tnumeral\nthree\tnumeral\ndogs\tnoun\n' >"$dir/words.tsv"
expect 0 '' daam -m "$m" --template '{numeral} {noun}' --template-data "$dir/words.tsv" \
    --template-count 3 --steps 1 --word dogs --out "$dir/template"
grep -qE '^(two|three) dogs$' "$dir/template/002/prompt.txt" || fail 'the template was not filled'
expect 2 'have none of the kind "verb"' daam -m "$m" --template '{verb}' \
    --template-data "$dir/words.tsv" --out "$dir/x"
expect 2 'needs --template-data' daam -m "$m" --template '{verb}' --out "$dir/x"
expect 3 'none' daam -m "$m" --prompts "$dir/none" --out "$dir/x"

# an existing picture
for how in noise invert; do
    expect 0 '"dog" does not stand in the prompt' daam -m "$m" --image "$dir/run/image.png" \
        -p 'two dogs' --word dog --approach $how --levels 2 --out "$dir/look-$how"
    has "$dir/look-$how/dog.heat_map.png"
done

# words, tokens, long prompts, the negative prompt, guidance 1, the paper's preset
long='far more letters than seventy-five, each of which is a token of this vocabulary of bytes alone, and a last word: tiger'
expect 0 '' daam -m "$m" -p "$long" --long-prompt chunks --word tiger --steps 2 --out "$dir/long"
expect 2 'cut' daam -m "$m" -p "$long" --word tiger --steps 2 --out "$dir/cut"
expect 0 '' daam -m "$m" -p 'a cat' -n 'some fog' --branch uncond --word fog --steps 2 --out "$dir/fog"
expect 2 'negative prompt' daam -m "$m" -p 'a cat' --branch uncond --cfg-scale 1 --out "$dir/x"
expect 0 '' daam -m "$m" -p 'a cat' --cfg-scale 1 --token 2 --absolute --threshold 0.01 --steps 2 \
    --out "$dir/token"
has "$dir/token/token_2.heat_map.png"
expect 0 '' daam -m "$m" -p 'a cat' --preset paper -W 96 -H 64 --steps 2 --out "$dir/paper"
expect 0 'sums go over' daam -m "$m" -p "$long" --long-prompt chunks --budget 1 --steps 64 --layers '*' --width 128 \
    --height 128 --word tiger --out "$dir/budget"

# fixed attention
expect 0 'saving heads writes' daam -m "$m" -p 'a cat' --steps 2 --save-heads "$dir/heads" --out "$dir/h1"
expect 0 '' daam -m "$m" -p 'a dog' --steps 2 --load-heads "$dir/heads" --out "$dir/h2"
expect 3 'sampler and steps must be the same' daam -m "$m" -p 'a dog' --steps 3 \
    --load-heads "$dir/heads" --out "$dir/h3"

# what is refused
expect 2 '--prompt TEXT is needed' daam -m "$m" --out "$dir/x"
expect 2 'out' daam -m "$m" -p x
expect 2 'its words are: a, cat' daam -m "$m" -p 'a cat' --word dog --steps 1 --out "$dir/x"
expect 2 'there is no token 9' daam -m "$m" -p 'a cat' --token 9 --steps 1 --out "$dir/x"
expect 2 'expected a number' daam -m "$m" -p 'a cat' --token x --steps 1 --out "$dir/x"
expect 2 'exclude all' daam -m "$m" -p 'a cat' --layers 99 --out "$dir/x"
expect 2 'expected numbers and ranges' daam -m "$m" -p 'a cat' --heads 1- --out "$dir/x"
expect 2 'expected N or HEIGHTxWIDTH' daam -m "$m" -p 'a cat' --map-size 5y --steps 1 --out "$dir/x"
expect 2 'exclude each other' daam -m "$m" -p 'a cat' --relative --absolute --steps 1 --out "$dir/x"
expect 3 'run.json' daam --from "$dir/none" --out "$dir/x"
expect 3 'trace.safetensors' daam --from "$dir/long" --out "$dir/x"
expect 2 'is not empty' daam -m "$m" -p 'a cat' --out "$dir/run"

[ $bad = 0 ] && echo 'daam: all as expected'
exit $bad
