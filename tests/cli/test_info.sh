#!/bin/sh
# `diffuscope info` on a very small model with random weights: files, replay, resume, merge, refusals.
. "$(dirname "$0")/../support.sh"

# total FILE: the first question's i_o and i_s.
total() {
    python3 -c 'import json,sys; r=json.load(open(sys.argv[1]));
print(r["i_o"]["nats"], r["i_s"]["nats"])' "$1/result.json"
}

same() {
    [ "$(total "$1")" = "$(total "$2")" ] || fail "$1: $(total "$1"), $2: $(total "$2")"
}

small_model
m=$dir/model
p='a bed in a bedroom'
info() {
    echo info -m "$m" --steps 2
}

expect 3 'nowhere' info -p "$p" -m "$dir/nowhere"
expect 2 'a picture is needed' info -m "$m" --word bed --kind mi
expect 2 'exclude each other' $(info) -p "$p" --word bed --against x
expect 2 'is not a word of the prompt; its words are a, bed, in, a, bedroom' $(info) -p "$p" \
    --word room
expect 2 'expected a share' $(info) -p "$p" --word bed --se 2x
expect 2 'expected I/N' $(info) -p "$p" --word bed --part 3/3
expect 2 'the first level needs' $(info) -p "$p" --word bed --max-calls 10 --progress json
grep -q '"sampling"' "$out" && fail 'the picture was drawn before calls were counted'
expect 2 'is given twice' $(info) -p "$p" --word bed bed
expect 2 'found an empty one' $(info) -p ''
expect 2 'unknown sampler "dimm"' $(info) -p "$p" --word bed --sampler dimm --image no.png

expect 0 'bed              cmi' $(info) -p "$p" --word bed --out "$dir/whole" --save-draws "$dir/draws"
grep -qF '"without": "a  in a bedroom"' "$dir/whole/result.json" || fail 'bedroom was damaged'
for f in run.json tensors.safetensors report.html image.png bed.i_o.png bed.i_s.png; do
    [ -s "$dir/whole/$f" ] || fail "$f is missing"
done

# The same draws from the file, on the same latent.
expect 0 'bed' info -m "$m" --latent "$dir/draws" -p "$p" --word bed --draws "$dir/draws" \
    --out "$dir/again"
python3 - "$dir" <<'CHECK' || fail 'replayed draws differ'
import json, sys
a, b = (json.load(open(f"{sys.argv[1]}/{n}/result.json")) for n in ("whole", "again"))
sys.exit(any(abs(a[k]["nats"] - b[k]["nats"]) > 1e-5 * abs(a[k]["nats"]) for k in ("i_o", "i_s")))
CHECK

# Swapped texts negate i_s to the last digit; a text against itself says nothing.
expect 0 'text' $(info) -p "$p" --against 'a bed' --out "$dir/ab"
expect 0 'text' $(info) --draw "$p" --prompt 'a bed' --against "$p" --out "$dir/ba"
[ "$(total "$dir/ab" | sed 's/ / -/; s/--//')" = "$(total "$dir/ba")" ] ||
    fail "swapped: $(total "$dir/ab"), $(total "$dir/ba")"
expect 0 'text' $(info) -p "$p" --against "$p" --out "$dir/aa"
[ "$(total "$dir/aa")" = '0.0 0.0' ] || fail "identical: $(total "$dir/aa")"

# Parts, merged; and a run that is resumed after its end.
for i in 0 1 2; do
    expect 0 'bed' $(info) -p "$p" --word bed --part $i/3 --state "$dir/part$i"
done
expect 0 'bed' $(info) -p "$p" --word bed --merge "$dir/part0" "$dir/part1" "$dir/part2" \
    --out "$dir/merged"
same "$dir/whole" "$dir/merged"
expect 2 'disjoint' $(info) -p "$p" --word bed --merge "$dir/part0" "$dir/part1" "$dir/part1"
expect 0 'bed' $(info) -p "$p" --word bed --state "$dir/state"
expect 0 'bed' $(info) -p "$p" --word bed --state "$dir/state" --se 1% --max-calls 1024 --out "$dir/more"
expect 0 'bed' $(info) -p "$p" --word bed --se 1% --max-calls 1024 --out "$dir/direct"
same "$dir/more" "$dir/direct"
expect 2 'statistics of another run' $(info) -p "$p" --word in --state "$dir/state"
echo nonsense >"$dir/state"
expect 3 'state' $(info) -p "$p" --word bed --state "$dir/state"

# K words share 1 + K texts.

expect 2 'is needed' info words -m "$m" --image x.png
expect 0 '"texts": 5' info words -m "$m" --steps 2 -p "$p" --json --nodes 1

# Captions: the same one twice is a tie; curves come with a table.
expect 2 'found 1 argument' info score -m "$m" -p "$p" --steps 2 'one'
expect 0 'by i_s' info score -m "$m" -p "$p" --steps 2 'a bed' 'x' --out "$dir/score"
expect 0 '"tie": true' info score -m "$m" -p "$p" --steps 2 --json --nodes 1 'a bed' 'A  bed'
expect 0 'bed' info curve -m "$m" -p "$p" --steps 2 --word bed --bins 5 --out "$dir/curve"
[ "$(wc -l <"$dir/curve/curve.csv")" = 6 ] || fail 'curve.csv should have 5 rows'

# An edit that changes nothing: no information, no change, and the flow comes back.
expect 2 'is not a word' info edit -m "$m" -p "$p" --steps 2 --word room
expect 0 'correlation of change' info edit -m "$m" -p "$p" --steps 2 --nodes 1 --word bed \
    --swap cow --ode-steps 6 --out "$dir/edit"
[ -s "$dir/edit/changed.png" ] || fail 'changed.png is missing'
expect 0 '"change": 0.0,' info edit -m "$m" -p "$p" --steps 2 --nodes 1 --word bed --swap BED \
    --ode-steps 6 --json

[ $bad = 0 ] || exit 1
