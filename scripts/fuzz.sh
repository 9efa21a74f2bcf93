#!/usr/bin/env bash
# Fuzzes each reader of strangers' bytes for so many seconds: fuzz.sh [SECONDS] [TARGET...].
# What is found lies in fuzz/artifacts; `cargo +nightly fuzz run TARGET FILE` repeats it.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
command -v cargo-fuzz >/dev/null 2>&1 || cargo install --locked cargo-fuzz
cargo +nightly --version >/dev/null 2>&1 || {
  echo "cargo-fuzz needs a nightly compiler; install it: rustup toolchain install nightly" >&2
  exit 1
}
# Without a sanitizer: the code is safe Rust, and panics, hangs and memory without end are what is sought.
for target in ${@:-$(cd fuzz/fuzz_targets && ls | sed 's/\.rs$//')}; do
  echo "fuzzing $target for $seconds s"
  cargo +nightly fuzz run --sanitizer none "$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -verbosity=0 -print_final_stats=1
done
