#!/usr/bin/env bash
# Starts five peers in a line on free ports, says where each one is, and drains them all at Ctrl-C.
#
#   scripts/mesh.sh                 with sample files in a scratch folder, which is removed at the end
#   scripts/mesh.sh FOLDER          with the first five folders in FOLDER (missing ones are made); they stay
#   scripts/mesh.sh --private       as a private network, whose file it makes; also before a FOLDER or --check
#   scripts/mesh.sh --check         searches and downloads across the line, and exits; not 0 when any step fails
set -euo pipefail
here="$(cd "$(dirname "$0")/.." && pwd)"

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0"; }
check=""
shares=""
private=""
[ "${1:-}" != --private ] || { private=yes; shift; }
[ $# -le 1 ] || { usage >&2; exit 2; }
case "${1:-}" in
    --check) check=yes ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    "") ;;
    *) [ -d "$1" ] || { echo "$1 is no folder" >&2; usage >&2; exit 2; }
       shares="$(cd "$1" && pwd)" ;;
esac

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }

say "Building mactella-peer (the first time takes some minutes)"
cd "$here"
cargo build --release --locked --quiet -p mactella-peer
bin="$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release"
peer="$bin/mactella-peer"

# Short, because the path of a socket has little room.
scratch="$(mktemp -d)"
pids=()
stop_all() {
    local outcome=0 pid
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do
        # A drain ends after half a minute at the latest; what goes on after that is ended.
        for _ in $(seq 800); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
        kill -KILL "$pid" 2>/dev/null && outcome=1
        wait "$pid" || outcome=1
    done
    pids=()
    return "$outcome"
}
clean_up() {
    stop_all || true
    rm -rf "$scratch"
}
trap clean_up EXIT
# A wait that a signal interrupts goes on to the end of the script, and so to the clean-up.
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The folders: those that are there, as many as are needed.
folders=()
if [ -n "$shares" ]; then
    for folder in "$shares"/*/; do
        [ -d "$folder" ] && [ "${#folders[@]}" -lt 5 ] && folders+=("${folder%/}")
    done
    for number in 1 2 3 4 5; do
        [ "${#folders[@]}" -lt 5 ] || break
        [ -e "$shares/peer-$number" ] || { mkdir "$shares/peer-$number"; folders+=("$shares/peer-$number"); }
    done
    [ "${#folders[@]}" -eq 5 ] || { echo "no five folders can be had in $shares: files have the names peer-1 to peer-5" >&2; exit 1; }
else
    for number in 1 2 3 4 5; do
        mkdir -p "$scratch/peer-$number/notes"
        echo "what peer $number knows" > "$scratch/peer-$number/notes/note of peer $number.txt"
        folders+=("$scratch/peer-$number")
    done
    mkdir -p "$scratch/peer-5/music"
    head -c 8M /dev/urandom > "$scratch/peer-5/music/a rare song (live).mp3"
fi

options=()
if [ -n "$private" ]; then
    say "A private network: its file is $scratch/network"
    "$peer" new-network "$scratch/network"
    options+=(--network "$scratch/network")
fi

addresses=()
sockets=()
# Starts one more peer, which knows the one before.
start() {
    local number=$((${#pids[@]} + 1)) state="$scratch/state-$((${#pids[@]} + 1))" known=(--no-peer)
    [ "$number" -eq 1 ] || known=(--peer "${addresses[number - 2]}")
    # It is there before anybody looks into it.
    : > "$scratch/ready-$number"
    # A group of its own: Ctrl-C reaches this script, and the script drains the peers.
    set -m
    "$peer" --listen 127.0.0.1:0 "${known[@]}" --state-dir "$state" "${options[@]}" "${folders[number - 1]}" \
        > "$scratch/ready-$number" 2> "$scratch/log-$number" < /dev/null &
    pids+=($!)
    set +m
    local address=""
    while [ -z "$address" ]; do
        kill -0 "${pids[number - 1]}" 2>/dev/null || { cat "$scratch/log-$number" >&2; exit 1; }
        address="$(sed -n 's/^listening on //p' "$scratch/ready-$number")"
        [ -n "$address" ] || sleep 0.05
    done
    addresses+=("$address")
    sockets+=("$state/control.sock")
}

# Gives peer N commands.
attach() {
    local number="$1"
    shift
    "$peer" --attach "${sockets[number - 1]}" "$@"
}

# Waits until peer N has so many links.
await_links() {
    local attempt
    for attempt in $(seq 200); do
        attach "$1" --json --cmd STATUS | grep -q "\"links\":$2," && return 0
        sleep 0.05
    done
    echo "peer $1 has not got its $2 links after $attempt looks" >&2
    tail -n 5 "$scratch/log-$1" >&2
    return 1
}

say "Five peers in a line"
for number in 1 2 3 4 5; do start; done
for number in 1 5; do await_links "$number" 1; done
for number in 2 3 4; do await_links "$number" 2; done
for number in 1 2 3 4 5; do
    printf 'peer %s  %-21s  %s\n        --attach %s\n' \
        "$number" "${addresses[number - 1]}" "${folders[number - 1]}" "${sockets[number - 1]}"
done

if [ -z "$check" ]; then
    say "Talk to one, for example: $peer --attach ${sockets[0]}"
    echo "Ctrl-C drains all five"
    drain() {
        trap - INT TERM HUP
        say "Draining all five"
        stop_all || exit 1
        echo "all five have left with 0"
        exit 0
    }
    trap drain INT TERM HUP
    # Ends only with a signal, or when a peer has gone by itself.
    wait -n "${pids[@]}" || true
    echo "a peer has stopped by itself; the last words of all:" >&2
    tail -qn 2 "$scratch"/log-* >&2
    exit 1
fi

exec 3>&1
# Shows a command of peer N, and runs it.
run() {
    local word
    printf '$ mactella-peer --attach SOCKET_OF_PEER_%s' "$1" >&3
    for word in "${@:2}"; do
        case "$word" in *\ *) printf " '%s'" "$word" >&3 ;; *) printf ' %s' "$word" >&3 ;; esac
    done
    printf '\n' >&3
    attach "$@"
}

say "Peer 1 searches: what peer 5 has is four links away"
run 1 --json --cmd 'SEARCH rare song' | tee "$scratch/found"
grep -q '"hops":4' "$scratch/found"

say "Three links are not enough"
run 1 --wait 500ms --cmd 'SEARCH rare song 3' | tee "$scratch/found"
[ ! -s "$scratch/found" ]

say "Peer 1 asks who is there"
run 1 --wait 500ms --cmd 'DISCOVER 7' | tee "$scratch/found"
[ "$(wc -l < "$scratch/found")" -eq 4 ]

say "Peer 1 downloads the song straight from peer 5, and every byte is compared"
run 1 --cmd 'GET "rare song"' --cmd LISTL
cmp "$scratch/peer-5/music/a rare song (live).mp3" "$scratch/peer-1/a rare song (live).mp3"
echo "every byte is the same, and the file had to match its digest before it got its name"

say "Now peers 1 and 5 have it: peer 3 finds both"
run 3 --json --cmd 'SEARCH rare song' | tee "$scratch/found"
[ "$(wc -l < "$scratch/found")" -eq 2 ]

say "Stop all five: they drain and leave with 0"
stop_all
echo "all five have left with 0"
