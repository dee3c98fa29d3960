#!/bin/sh
# scripts/component-protocol on a very small model: counts and seeds are honoured, drawing goes on, labels
# are summed up by class and in pairs.
. "$(dirname "$0")/../support.sh"

small_model
m=$dir/model
protocol() {
    DIFFUSCOPE=$d python3 scripts/component-protocol "$@" >"$out" 2>&1 </dev/null
}

printf 'prompt,seed,class\na cat,5,cat\na dog,6,dog\n"a cat, asleep",7,cat\n' >"$dir/prompts.csv"
protocol draw styles "$dir/p" -m "$m" --prompts "$dir/prompts.csv" && fail 'three prompts for a hundred'
grep -q 'expected the 100 prompts of styles, found 3' "$out" || fail 'the count'
protocol draw styles "$dir/p" -m "$m" --prompts "$dir/prompts.csv" --any-count --steps 2 || fail 'draw'
"$d" generate -m "$m" -p 'a cat, asleep' --seed 7 --steps 2 --cfg-scale 7.5 -o "$dir/one.png" --quiet </dev/null
cmp -s "$dir/one.png" "$dir/p/images/00002.png" ||
    python3 - "$dir/one.png" "$dir/p/images/00002.png" <<'CHECK' || fail 'not the prompt and seed of the file'
import sys, zlib, struct
def pixels(f):
    d, at, out = open(f, "rb").read(), 8, b""
    while at < len(d):
        n, k = struct.unpack(">I4s", d[at:at + 8]); out += d[at + 8:at + 8 + n] if k == b"IDAT" else b""; at += 12 + n
    return zlib.decompress(out)
sys.exit(pixels(sys.argv[1]) != pixels(sys.argv[2]))
CHECK
cp "$dir/p/images/00000.png" "$dir/kept.png"
rm "$dir/p/images/00001.png"
touch -d '2001-01-01' "$dir/p/images/00000.png"
protocol draw styles "$dir/p" -m "$m" --prompts "$dir/prompts.csv" --any-count --steps 2 || fail 'going on'
[ -f "$dir/p/images/00001.png" ] || fail 'a picture that was missing is drawn'
[ -z "$(find "$dir/p/images/00000.png" -newermt 2002-01-01)" ] || fail 'a picture that is there stays'

printf '00000.png,dog\n00001.png,dog\n00002.png,cat\n' >"$dir/p/labels.csv"
printf '00000.png,cat\n00001.png,dog\n00002.png,cat\n' >"$dir/before.csv"
protocol judge styles "$dir/p" --labels "$dir/p/labels.csv" --target cat --before "$dir/p" --labels-before "$dir/before.csv"
grep -q '^target: 50.0 % \[9.5, 90.5\], n = 2; before 100.0 %.*; lost 1, gained 0$' "$out" || fail 'the target'
grep -q '^others: 100.0 %.*n = 1' "$out" || fail 'the others'
printf '00000.png,dog\n' >"$dir/p/few.csv"
protocol judge styles "$dir/p" --labels "$dir/p/few.csv" && fail 'pictures without labels'
grep -q '2 of 3 pictures have no label' "$out" || fail 'which have no label'
exit $bad
