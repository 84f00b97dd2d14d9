#!/bin/bash
# Asks a program of this container whether it is well: probe.sh PORT PATH ends with 0 where that answers 200. For images, which
# have no curl.
set -euo pipefail
port=${1:?a port} path=${2:?a path such as /live}
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n' "$path" "$port" >&3
read -r -t 5 _ status _ <&3
[ "$status" = 200 ]
