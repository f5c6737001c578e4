#!/usr/bin/env bash
# Installs ClickHouse as a library, chdb, from its npm package (about 550 MB) and
# prints its version and settings.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/npm.sh"
install_npm chdb@3.4.0
cd "$here/../../.." && exec go run ./bench/cmd/bench peers clickhouse
