#!/bin/sh
# Parts of a sweep started by real engines: Open MPI and GNU parallel. What is not installed is left out, loudly.
. tests/support.sh
export OMP_NUM_THREADS=1
seq 1 30 >"$dir/prompts.txt"
sweep="$d sweep --method nothing --prompts $dir/prompts.txt --seeds 0:5 --keep numbers --by prompt -q"
$sweep --out "$dir/one" >"$out" 2>&1 || fail 'one run'

# merged ENGINE: the two parts are the one run.
merged() {
    $sweep --merge "$dir/$1-0" --merge "$dir/$1-1" --out "$dir/$1" >"$out" 2>&1 || fail "$1: merge"
    for f in result.json items.csv items.jsonl; do
        cmp -s "$dir/one/$f" "$dir/$1/$f" || fail "$1: $f differs from one run"
    done
}
if command -v mpirun >/dev/null; then
    root=
    [ "$(id -u)" = 0 ] && root=--allow-run-as-root
    # shellcheck disable=SC2016 # the rank is each process's own
    mpirun $root --oversubscribe -n 2 sh -c "$sweep --shard auto --out $dir/mpi-\$OMPI_COMM_WORLD_RANK" >"$out" 2>&1 ||
        fail 'mpirun'
    merged mpi
else
    echo 'SKIPPED: no mpirun here (Debian: openmpi-bin)'
fi
if command -v parallel >/dev/null; then
    parallel $sweep --shard '{}/2' --out "$dir/parallel-{}" ::: 0 1 >"$out" 2>&1 </dev/null || fail 'parallel'
    merged parallel
else
    echo 'SKIPPED: no GNU parallel here (Debian: parallel)'
fi

[ $bad = 0 ] && echo 'engines: all right'
exit $bad
