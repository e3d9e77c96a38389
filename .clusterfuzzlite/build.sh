#!/bin/bash -eu
# Builds every target, and packs what it starts from, as ClusterFuzzLite and OSS-Fuzz expect it in $OUT.
cd "$SRC/repo"
cargo fuzz build -O --debug-assertions any
source fuzz/toolchain.sh
for target in $(all_targets); do
    # It runs the law by whose name it is called.
    cp fuzz/target/x86_64-unknown-linux-gnu/release/any "$OUT/$target"
    inputs=("fuzz/seeds/$target"/*)
    [ ! -d "fuzz/regressions/$target" ] || inputs+=("fuzz/regressions/$target"/*)
    zip -q -j "$OUT/${target}_seed_corpus.zip" "${inputs[@]}"
    words=$(dictionary "$target")
    [ -z "$words" ] || cp "$words" "$OUT/$target.dict"
    printf '[libfuzzer]\nmax_len = 65536\ntimeout = 20\nrss_limit_mb = 1024\n' >"$OUT/$target.options"
done
