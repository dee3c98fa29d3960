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

[ "$(tail -n 1 "$w/out")" = 'the same: 3 tensors, 6 numbers' ] || fail "replay's verdict: $(tail -n 1 "$w/out")"

# a record that tells something else: the verdict is no, within a tolerance it may be yes
cp -r "$w/run" "$w/forged"
sed -i 's/"cfg-scale": 7[.0]*/"cfg-scale": 7.001/' "$w/forged/run.json"
"$d" replay "$w/forged" --out "$w/no" >"$w/out" 2>&1
[ $? = 1 ] || fail 'other numbers, and the exit code of replay is not 1'
tail -n 1 "$w/out" | grep -q '^NOT the same: 2 of 3 tensors' || fail "replay's verdict: $(tail -n 1 "$w/out")"
"$d" replay "$w/forged" --out "$w/near" --tolerance 0.2 >"$w/out" 2>&1 ||
    fail "near numbers are not the same within a tolerance: $(tail -n 1 "$w/out")"
"$d" replay "$w/forged" --out "$w/nojson" --json 2>/dev/null >"$w/out"
[ $? = 1 ] || fail 'replay --json: the exit code is not 1'
python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))
assert r["same"] is False and len(r["tensors"]) == 3 and r["tensors"][0]["difference"] > 0' "$w/out" ||
    fail "replay --json: $(cat "$w/out")"
python3 - "$w/forged" <<'END'
import json, sys
for name in "run.json", "result.json":
    path = sys.argv[1] + "/" + name
    r = json.load(open(path))
    if name == "run.json":
        r["options"]["cfg-scale"] = 7
    else:
        r["count"] = 77
    json.dump(r, open(path, "w"))
END
"$d" replay "$w/forged" --out "$w/forged2" >"$w/out" 2>&1
[ $? = 1 ] || fail 'a number of result.json was changed, and the exit code of replay is not 1'
grep -q 'result.json: count differs' "$w/out" || fail "replay says: $(cat "$w/out")"

# inputs: relative to where the run was started; the same bytes or nothing
mkdir "$w/place"
cp "$w/run/image.png" "$w/place/photo.png"
d_full=$(cd "$(dirname "$d")" && pwd)/diffuscope
(cd "$w/place" && "$d_full" daam -m ../model --image photo.png -p 'a red apple' --steps 2 --out ../run2 -q >/dev/null) ||
    fail 'daam of a photograph'
grep -q '"start": "../place"' "$w/run2/run.json" || fail 'the record does not say where the run was started'
"$d" replay "$w/run2" --out "$w/run3" >"$w/out" 2>&1 || fail "replay from another folder: $(tail -n 2 "$w/out")"
mv "$w/place/photo.png" "$w/place/away.png"
"$d" replay "$w/run2" --out "$w/run4" >"$w/out" 2>&1
[ $? = 3 ] || fail 'replay without its input'
grep -q "photo.png is not there (relative paths begin where the run was started: .*/place)" "$w/out" ||
    fail "replay says: $(cat "$w/out")"
cp "$w/again/image.png" "$w/place/photo.png"
printf 'x' >>"$w/place/photo.png"
"$d" replay "$w/run2" --out "$w/run5" >"$w/out" 2>&1
[ $? = 3 ] || fail 'replay with another input'
grep -q 'photo.png is not the file of the record: SHA-256' "$w/out" || fail "replay says: $(cat "$w/out")"

# what a record may not switch on: state elsewhere, other outputs, talk
"$d" info -m "$w/model" --image "$w/run/image.png" -p 'a red apple' --word apple --nodes 2 --replicates 3 \
    --state "$w/state" --out "$w/info" -q >/dev/null || fail 'info --state'
cp "$w/state" "$w/state.was"
python3 - "$w/info/run.json" "$w/evil" <<'END'
import json, sys
r = json.load(open(sys.argv[1]))
assert r["options"]["state"]
r["options"].update({"force": True, "json": True, "show": "kitty", "help": True, "verbose": True,
                     "save-draws": sys.argv[2]})
json.dump(r, open(sys.argv[1], "w"))
END
"$d" replay "$w/info" --out "$w/info2" >"$w/out" 2>"$w/err" || fail "replay of info: $(cat "$w/out" "$w/err")"
grep -q 'not taken from the record: --state' "$w/err" || fail "replay says: $(cat "$w/err")"
cmp -s "$w/state" "$w/state.was" || fail 'replay wrote the state of the record'
[ ! -e "$w/evil" ] || fail 'replay wrote a file that the record names'
[ "$(tail -n 1 "$w/out")" = 'the same: 5 tensors, 33 numbers' ] || fail "replay's verdict: $(tail -n 1 "$w/out")"
mkdir "$w/pipe"
mkfifo "$w/pipe/run.json"
timeout 20 "$d" replay "$w/pipe" --out "$w/new" >"$w/out" 2>&1
[ $? = 3 ] || fail 'a pipe for a record must be refused'

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
