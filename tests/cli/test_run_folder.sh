#!/bin/sh
# A run folder from end to end: what generate leaves, replay, progress for programs, interruption.
d=${BUILD:-build}/diffuscope
here=$(dirname "$0")
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
bad=0

fail() {
    bad=$((bad + 1))
    echo "FAIL: $*"
}

"$d" new-model --like "$here/../../scripts/demo-model.json" --out "$w/model" --seed 1 -q || exit 1
generate() {
    "$d" generate -m "$w/model" -p 'a "red" <apple>, große' --sampler euler_a --seed -1 "$@"
}

# ---- what is written -----------------------------------------------------------------------------
generate --steps 3 --out "$w/run" --progress json >"$w/out" 2>"$w/err" || fail "generate: $(cat "$w/err")"
[ "$(grep -c '"event": "progress", "what": "sampling"' "$w/err")" = 4 ] ||
    fail "expected four lines of progress, found: $(cat "$w/err")"
for f in run.json tensors.safetensors image.png; do
    [ -s "$w/run/$f" ] || fail "no $f in the run folder"
done
python3 - "$w/run/run.json" <<'END' || fail 'run.json does not say what was run'
import json, sys
r = json.load(open(sys.argv[1]))
assert r["command"] == "generate"
assert r["options"]["steps"] == 3 and r["options"]["seed"] >= 0 and r["options"]["cfg-scale"] == 7
assert r["options"]["prompt"] == 'a "red" <apple>, große'
assert len(r["model"]["sha256"]) == 64 and r["versions"]["oneDNN"] and r["timings"]["total"] > 0
END
generate --steps 3 --out "$w/run" >"$w/out" 2>&1
[ $? = 2 ] || fail 'a run folder was overwritten without --force'

# ---- replay ---------------------------------------------------------------------------------------
"$d" replay "$w/run" --out "$w/again" >"$w/out" 2>&1 || fail "replay: $(cat "$w/out")"
grep -q 'latents: the same bits' "$w/out" || fail "replay gives other latents: $(cat "$w/out")"
grep -q 'image: the same bits' "$w/out" || fail "replay gives another image: $(cat "$w/out")"

"$d" new-model --like "$here/../../scripts/demo-model.json" --out "$w/model" --seed 2 -q --force
"$d" replay "$w/run" --out "$w/other" >"$w/out" 2>&1
[ $? = 3 ] || fail 'replay with another model must be refused'
grep -q 'the model is not the one' "$w/out" || fail "replay says: $(cat "$w/out")"

mkdir "$w/broken"
for text in '' '[1]' '{"command": 3}' '{"command": "version"}' '{"command": "generate", "options": {"x": 1}}' \
    '{"command": "generate", "options": {"steps": {}}}'; do
    echo "$text" >"$w/broken/run.json"
    "$d" replay "$w/broken" --out "$w/new" >"$w/out" 2>&1
    [ $? = 3 ] || fail "replay of a damaged record: $text: $(cat "$w/out")"
done

# ---- interruption ---------------------------------------------------------------------------------
# A script's background processes start with SIGINT ignored.
"$d" generate -m "$w/model" -p x --steps 900 --out "$w/cut" --progress json >"$w/out" 2>&1 &
while ! grep -q '"done": 1,' "$w/out" && kill -0 $! 2>/dev/null; do sleep 0.1; done
kill -INT $! 2>/dev/null
wait $!
[ $? = 130 ] || fail "an interrupted run must exit with 130: $(cat "$w/out")"
[ ! -e "$w/cut/run.json" ] || fail 'an interrupted run left a run.json'

[ $bad = 0 ] || echo "$bad failed"
exit $bad
