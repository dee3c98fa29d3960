#!/bin/sh
# A model gets more words: text of the old ones is cut as before, a new one is a single token whose row is the
# mean of those that it is to be like, and the model opens.
. "$(dirname "$0")/../support.sh"
need_drawings

"$w" bpe --count 2000 --out "$dir/bpe" >"$dir/size" || fail "bpe: exit $?"
tokens=$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))))' "$dir/bpe/vocab.json")
sed "s/\"vocab_size\": *[0-9]*/\"vocab_size\": $tokens/" scripts/demo-model.json >"$dir/model.json"
sed -i "s/\"eos_token_id\": *[0-9]*/\"eos_token_id\": $((tokens - 1))/" "$dir/model.json"
"$d" new-model --like "$dir/model.json" --tokenizer "$dir/bpe" --out "$dir/old" --seed 1 -q ||
    fail "new-model: exit $?"
printf 'a\ncat\nsmall\n' >"$dir/old/words.txt"
scripts/add-words "$dir/old" "$dir/new" photo=picture cute=small+large >"$dir/out" || fail "add-words: exit $?"
[ "$(tr '\n' ' ' <"$dir/new/words.txt")" = 'a cat cute photo small ' ] || fail "the list of words is another"
for text in 'a picture of a small cat' 'zzyzx, 7!'; do
    "$d" tokenize -m "$dir/old" "$text" --json >"$dir/a" && "$d" tokenize -m "$dir/new" "$text" --json >"$dir/b" ||
        fail "tokenize: exit $?"
    cmp -s "$dir/a" "$dir/b" || fail "\"$text\" is cut otherwise than before"
done
"$d" tokenize -m "$dir/new" 'cute photo' --json >"$dir/b" || fail "tokenize: exit $?"
grep -q '"cute</w>", "photo</w>"\]' "$dir/b" || fail "a new word is not one token: $(cat "$dir/b")"
python3 - "$dir" <<'PYTHON' || fail "the table of tokens is another"
import json, struct, sys
def table(folder):
    data = open(folder + "/text_encoder/model.safetensors", "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    def rows(name):
        t = header[name]
        first, last = t["data_offsets"]
        kind = {"F16": "e", "F32": "f"}[t["dtype"]]
        n = (last - first) // struct.calcsize(kind)
        return t["shape"], struct.unpack(f"<{n}{kind}", data[8 + size + first:8 + size + last])
    return {name: rows(name) for name in header if name != "__metadata__"}
old, new = table(sys.argv[1] + "/old"), table(sys.argv[1] + "/new")
vocab = json.load(open(sys.argv[1] + "/new/tokenizer/vocab.json"))
key = "text_model.embeddings.token_embedding.weight"
assert all(old[n] == new[n] for n in old if n != key)
(count, width), rows = new[key]
assert count == len(vocab) > old[key][0][0] and rows[:len(old[key][1])] == old[key][1]
row = lambda word: rows[vocab[word + "</w>"] * width:][:width]
assert row("photo") == row("picture")
assert all(abs(c - (a + b) / 2) < 1e-3 for a, b, c in zip(row("small"), row("large"), row("cute")))
PYTHON
scripts/add-words "$dir/new" "$dir/newer" painting=photo >"$dir/out" || fail "add-words again: exit $?"
python3 - "$dir" <<'PYTHON' || fail "words added in two goes are others than in one"
import json, sys
old, new, newer = (json.load(open(f"{sys.argv[1]}/{m}/tokenizer/vocab.json")) for m in ("old", "new", "newer"))
assert all(newer[word] == new[word] for word in new) and newer["painting</w>"] == len(newer) - 1
config = json.load(open(sys.argv[1] + "/newer/text_encoder/config.json"))
assert config["vocab_size"] == len(newer), config
PYTHON
"$d" generate -m "$dir/new" -p 'a cute photo' --steps 1 -o "$dir/cat.png" -q || fail "generate: exit $?"

scripts/add-words "$dir/old" "$dir/new" photo=picture 2>"$dir/err" && fail "a folder was overwritten"
scripts/add-words "$dir/old" "$dir/other" photo=snapshot 2>"$dir/err" && fail "like a word that is not there"
grep -q '"snapshot", which is no word' "$dir/err" || fail "the word is not named: $(cat "$dir/err")"
rm -rf "$dir/other"
scripts/add-words "$dir/old" "$dir/other" cat=small 2>"$dir/err" && fail "a word was added twice"

[ $bad = 0 ] && echo "test_add_words: ok"
exit $((bad > 0))
