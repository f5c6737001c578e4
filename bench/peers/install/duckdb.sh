#!/usr/bin/env bash
# Installs DuckDB from its npm package and prints its version and settings.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/npm.sh"
install_npm @duckdb/node-api@1.5.6-r.1
cd "$here/../../.." && exec go run ./bench/cmd/bench peers duckdb
