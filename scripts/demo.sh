#!/usr/bin/env bash
# Shows the main job on a scratch folder with real files: a server, an upload, a listing, a verified download, an
# upload of which only what differs is sent, a rename; then a mesh of five peers, a search that crosses four links, and a
# verified download. Exits non-zero when any step fails; leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }

say "Building the release programs (the first time takes some minutes)"
cargo build --release --locked --quiet -p ioe-server -p ioe-client -p mactella-peer
bin="$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release"

scratch="$(mktemp -d)"
server=""
clean_up() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    rm -rf "$scratch"
}
trap clean_up EXIT

mkdir -p "$scratch/share" "$scratch/mine/trip/day one" "$scratch/back"
cp README.md "$scratch/mine/trip/notes.md"
cp wire/PROTOCOL.md "$scratch/mine/trip/day one/what we agreed.md"
head -c 48M /dev/urandom > "$scratch/mine/film.mov"

say "A server serves $scratch/share"
# It is there before anybody looks into it.
: > "$scratch/ready"
"$bin/ioe-server" --listen 127.0.0.1:0 --state-dir "$scratch/state" "$scratch/share" \
    > "$scratch/ready" 2> "$scratch/server.log" &
server=$!
address=""
while [ -z "$address" ]; do
    kill -0 "$server" 2>/dev/null || { cat "$scratch/server.log"; exit 1; }
    address="$(sed -n 's/^listening on //p' "$scratch/ready")"
    [ -n "$address" ] || sleep 0.05
done
echo "listening on $address"

run() {
    printf '$ ioe-client %s' "$address"
    for command in "$@"; do printf " --cmd '%s'" "$command"; done
    printf '\n'
    local options=()
    for command in "$@"; do options+=(--cmd "$command"); done
    "$bin/ioe-client" --state-dir "$scratch/client" --dir "$scratch/mine" "$address" "${options[@]}"
}

say "Upload a folder and a film, and look at them"
run 'WRITE -r trip' 'WRITE film.mov' 'LIST -r'

say "Download them again and compare every byte"
run "READ -r trip $scratch/back/" "READ film.mov $scratch/back/film.mov"
diff -r "$scratch/mine/trip" "$scratch/back/trip"
cmp "$scratch/mine/film.mov" "$scratch/back/film.mov"
echo "every byte is the same, and each file had to match its digest before it got its name"

say "Change one byte of the film and upload it again: only the piece that differs is sent"
printf 'X' | dd of="$scratch/mine/film.mov" bs=1 seek=20000000 conv=notrunc status=none
run 'WRITE film.mov' 'STAT film.mov'
cmp "$scratch/mine/film.mov" "$scratch/share/film.mov"

say "Rename, search, delete"
run 'RENAME film.mov "trip/the film.mov"' 'SEARCH film' 'DELETE -r trip' 'LIST'

say "Stop the server: it drains and leaves with 0"
kill -TERM "$server"
wait "$server"
server=""
tail -n 3 "$scratch/server.log"

say "The mesh"
scripts/mesh.sh --check
say "Done"
