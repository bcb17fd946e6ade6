#!/usr/bin/env bash
# Measures ioe beside sftp, rsync, vsftpd, nginx, lftp and aria2, as far as they are installed, and beside two small programs
# that make just the system calls that must be made: the same files, in turns, each result compared byte for byte. Prints
# tables; --json FILE writes the same as JSON, one object a line. Loopback alone, folders of its own, on tmpfs unless a
# --folder on a disk is named. As root (in a mount namespace of its own) the peers are confined as their manuals advise.
#
#   scripts/bench.sh [--quick] [--only WORKLOAD]... [--rounds N] [--folder DIR] [--json FILE]
set -euo pipefail
cd "$(dirname "$0")/.."
echo "building the release programs (some minutes, the first time) …" >&2
cargo build --release --locked --quiet -p integration-tests --bins
target="$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')"
if [ "$(id -u)" = 0 ] && unshare --mount --propagation private true 2>/dev/null; then
    exec unshare --mount --propagation private "$target/release/bench" --isolated "$@"
fi
exec "$target/release/bench" "$@"
