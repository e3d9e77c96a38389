#!/bin/bash -eu
# Builds every target, and packs what it starts from, as ClusterFuzzLite and OSS-Fuzz expect it in $OUT.
cd "$SRC/repo"
cargo fuzz build -O --debug-assertions any
source fuzz/toolchain.sh
# One program with all laws: a program for each would be gigabytes. What has an extension is not taken for a target.
cp "$binaries/any" "$OUT/laws.bin"
for target in $(all_targets); do
    cat >"$OUT/$target" <<TARGET
#!/bin/sh
# LLVMFuzzerTestOneInput: a file with this word is taken for a target.
FUZZ_LAW=$target exec "\$(dirname "\$0")/laws.bin" "\$@"
TARGET
    chmod +x "$OUT/$target"
    inputs=("fuzz/seeds/$target"/*)
    [ ! -d "fuzz/regressions/$target" ] || inputs+=("fuzz/regressions/$target"/*)
    zip -q -j "$OUT/${target}_seed_corpus.zip" "${inputs[@]}"
    words=$(dictionary "$target")
    [ -z "$words" ] || cp "$words" "$OUT/$target.dict"
    printf '[libfuzzer]\nmax_len = 65536\ntimeout = 20\nrss_limit_mb = 1024\n' >"$OUT/$target.options"
done
