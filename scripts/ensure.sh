#!/usr/bin/env bash
# Installs what a target needs and is missing: ensure.sh run|test|bench.
# As root on Debian through apt; otherwise names what to install and stops.
set -euo pipefail

want=()
need() { # PROGRAM PACKAGE: the package is wanted when the program is not there
  PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 || want+=("$2")
}

need cc build-essential
need dockerd docker.io
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || want+=(postgresql)
need ip iproute2
need iptables iptables
[ -d "$(dirname "$0")/../web/node_modules" ] || need npm npm
if [ "${1:-run}" = bench ]; then
  need etcd etcd-server
fi
if [ "${1:-run}" != run ]; then
  need busybox busybox-static
  need chromium chromium
  need chromedriver chromium-driver
  need nft nftables
  need nsenter util-linux
  need curl curl
  need node nodejs
  [ -d "$(dirname "$0")/../tests/clients/javascript/node_modules" ] || need npm npm
  need docker-compose docker-compose
  python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || want+=(python3-venv)
fi
command -v cargo >/dev/null 2>&1 || {
  echo "longshore: Rust is missing; install it (https://rustup.rs) and try again" >&2
  exit 1
}

if [ ${#want[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "longshore: these are missing; install them and try again: ${want[*]}" >&2
    exit 1
  fi
  echo "installing ${want[*]}"
  apt-get update -qq
  # No service is to start while it installs: make starts its own engine, and Postgres is private.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${want[@]}" >/dev/null
fi
