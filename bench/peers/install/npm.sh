# Sourced by the scripts for npm packages: install_npm PACKAGE@VERSION installs one
# where the bench looks for it, outside the project.
home="${XDG_CACHE_HOME:-$HOME/.cache}/sluice-bench"

install_npm() {
  if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends nodejs npm
  fi
  mkdir -p "$home"
  npm install --prefix "$home" --no-audit --no-fund --ignore-scripts --save-exact "$1"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
