#!/usr/bin/env bash
# Makes the image busybox:1 from Debian's static busybox, for machines that can pull nothing.
set -euo pipefail

command -v busybox >/dev/null || { echo "install busybox-static first" >&2; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/bin" "$root/tmp" "$root/www" "$root/etc"
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $(busybox --list); do
  [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
tar -C "$root" -c . | docker import --change 'CMD ["sh"]' - busybox:1 >/dev/null
docker tag busybox:1 busybox:2
echo "busybox:1 is ready, and the same as busybox:2"
