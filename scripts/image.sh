#!/usr/bin/env bash
# Makes the image longshore/longshore:0.1 of the executable: image.sh EXECUTABLE.
set -euo pipefail
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root/tmp"
cp "$1" "$root/longshore"
tar -C "$root" -c . | docker import --change 'ENTRYPOINT ["/longshore"]' - longshore/longshore:0.1 >/dev/null
echo "longshore/longshore:0.1 is ready"
