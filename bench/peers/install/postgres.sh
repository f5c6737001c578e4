#!/usr/bin/env bash
# Installs PostgreSQL from Debian's package and prints its version and settings.
set -euo pipefail
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
as_root apt-get update -q
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends postgresql
cd "$(dirname "$0")/../../.." && exec go run ./bench/cmd/bench peers postgres
