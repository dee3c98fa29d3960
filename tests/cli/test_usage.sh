#!/bin/sh
# The frame of the command line: usage errors, exit codes, help of every command, man, completion.
. "$(dirname "$0")/../support.sh"

expect 2 'usage: diffuscope COMMAND'
expect 0 'usage: diffuscope COMMAND' --help
expect 0 'usage: diffuscope COMMAND' help
expect 0 'diffuscope 0.' --version
expect 0 '"version": "' version --json
expect 2 'unknown command "vresion"; did you mean version?' vresion
expect 2 'unknown command "qqqqqq"' qqqqqq
expect 2 'new model' new
expect 2 'diffuscope new-model: --like' new model
expect 2 'did you mean new model?' new moddel
expect 2 'did you mean pid bias?' pid bais
expect 0 'component redirect' component --help
expect 0 'component redirect' help component
expect 0 'usage: diffuscope component-score' help component score
expect 0 'usage: diffuscope component-score' help 'component score'
expect 2 'no command is called "component scor"' help component scor
expect 0 '  pid bias  ' help pid
expect 0 'usage: diffuscope pid' help pid
expect 3 'nothing can be written there' generate -p x --out /proc/none
expect 3 'nothing can be written there' generate -p x -o /proc/none.png
expect 3 'nothing can be written there' generate -p x -o no/such/folder.png
expect 2 'unknown option --jsom; did you mean --json?' version --jsom
expect 2 'unknown option --mann' help --mann=3
expect 2 'unknown option -x' help -x
expect 2 '--man takes no value' help --man=3
expect 2 '--completion: expected bash|zsh, found nothing' help --completion
expect 2 'expected one of bash|zsh, found "fsh"; did you mean zsh?' help --completion fsh
expect 2 'no command is called "a b"' help a b
expect 2 'no command is called "nonsense"' help nonsense
expect 2 'no command is called "--man"' help -- --man

expect 2 '--count: expected a whole number from 1 to' random --count 0
expect 2 'found "1e3"' random --count 1e3
expect 2 'did you mean f32?' forward --compute f23
expect 2 '--seed: expected a whole number below 2^64' random --seed 18446744073709551616
expect 0 '' random --seed 18446744073709551615 -q
expect 0 '' random --seed -1 --count 3
expect 3 'nonexistent' inspect -m /nonexistent
expect 2 'is needed' forward -m x
expect 2 '--module: expected one of' forward -m x --module unnet --inputs a --outputs b
touch "$out.there"
expect 2 'give --force to overwrite it' forward -m x --module unet --inputs a --outputs "$out.there"
rm -f "$out.there"

commands=$("$d" help --names)
[ -n "$commands" ] || fail 'the list of commands is empty'
for c in $commands; do
    expect 0 "usage: diffuscope $c" "$c" --help
    expect 0 '--quiet' help "$c"
    expect 0 ".Nm diffuscope-$c" help --man "$c"
    expect 2 'unknown option --no-such-option' "$c" --no-such-option
    "$d" "$c" --help >"$out"
    awk 'length > 100 { long = 1 } END { exit long }' "$out" || fail "$c --help is too wide"
done

# An example of a manual page is to be pasted as it is shown.
if command -v groff >/dev/null; then
    for c in pid-bias generate daam; do
        "$d" help --man $c | groff -mdoc -Tutf8 -P-cbou -rLL=400n 2>/dev/null |
            sed -n '/^EXAMPLES/{n;s/^ *//;p;}' >"$dir/shown"
        "$d" $c --help | sed -n '/^example:/,/^$/{/^example:/d;p;}' | sed -e 's/^ *//' -e 's/ *\\$//' |
            tr '\n' ' ' | sed 's/ *$//' >"$dir/example"
        [ -s "$dir/example" ] && [ "$(cat "$dir/shown")" = "$(cat "$dir/example")" ] ||
            fail "the manual's example of $c: $(cat "$dir/shown")"
    done
fi

"$d" help --completion bash >"$out"
if command -v bash >/dev/null; then
    bash -n "$out" || fail 'the bash completion is not valid'
    got=$(bash -c '. "$1"; COMP_WORDS=(diffuscope help --completion z); COMP_CWORD=3; _diffuscope
                   echo "${COMPREPLY[*]}"' bash "$out")
    [ "$got" = zsh ] || fail "bash completes --completion z to \"$got\", expected zsh"
    # completes WORDS...: what is offered for the last of them
    completes() {
        bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _diffuscope; echo "${COMPREPLY[*]}"' \
            bash "$out" diffuscope "$@"
    }
    offered() {
        want=$1
        shift
        got=$(completes "$@")
        case " $got " in *" $want "*) ;; *) fail "diffuscope $*: \"$want\" is not among the completions \"$got\"" ;; esac
    }
    offered eval e
    offered new-model n
    offered bias pid ''
    offered words info w
    offered daam eval ''
    offered --attributes pid bias --a
    offered --occupations pid bias --occ
    offered --word info --w
    offered dpm++2m generate --sampler dpm
    offered euler_a pid bias --sampler ''
    offered karras generate --scheduler k
    offered torch-cuda generate --rng ''
    offered sharp daam --refine s
    offered pid help p
    offered bias help pid ''
    case " $(completes pid bias --pi) " in *' --pilot '*) ;; *) fail 'pid bias --pi' ;; esac
    case " $(completes pid --att) " in *attributes*) fail 'pid completes an option of pid bias' ;; esac
fi

if [ -w /dev/full ]; then
    "$d" help >/dev/full 2>"$out"
    [ $? = 1 ] || fail 'a full disk behind standard output must be exit code 1'
fi
[ $bad = 0 ] || echo "$bad failed"
exit $bad
