#!/usr/bin/env bash
# Starts a Docker engine when none answers, and waits until it does.
set -euo pipefail

socket=/var/run/docker.sock
answers() { curl -fsS --max-time 2 --unix-socket "$socket" http://docker/_ping >/dev/null 2>&1; }

answers && exit 0
if [ "$(id -u)" != 0 ]; then
  echo "longshore: no Docker engine answers at $socket; start one, or add yourself to its group" >&2
  exit 1
fi
if [ -d /run/systemd/system ]; then
  systemctl start docker
else
  mkdir -p /var/log
  # An engine that was killed leaves its pid file, which would stop the next one.
  if [ -f /var/run/docker.pid ] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then
    rm -f /var/run/docker.pid
  fi
  PATH="$PATH:/usr/sbin:/sbin" setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
fi
for _ in $(seq 100); do
  answers && exit 0
  sleep 0.1
done
echo "longshore: the Docker engine did not come up; see /var/log/dockerd.log" >&2
exit 1
