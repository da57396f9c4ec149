# shellcheck shell=sh
# Shell functions for ./run and ./check: what the build needs, and getting it.
# need_command and need_module note what is missing; get_missing installs it
# with apt where there is apt, and says what is missing elsewhere.

missing_names=
missing_packages=

# need_command COMMAND PACKAGE
need_command() {
  command -v "$1" >/dev/null 2>&1 && return 0
  missing_names="$missing_names $1"
  missing_packages="$missing_packages $2"
}

# need_module PKG-CONFIG-MODULE PACKAGE
need_module() {
  pkg-config --exists "$1" 2>/dev/null && return 0
  missing_names="$missing_names $1"
  missing_packages="$missing_packages $2"
}

# What the program needs to be built.
need_program() {
  need_command cc gcc
  need_command cmake cmake
  need_command ninja ninja-build
  need_command pkg-config pkg-config
  need_module openblas libopenblas-dev
  need_module jansson libjansson-dev
  need_module libutf8proc libutf8proc-dev
  need_module libpcre2-8 libpcre2-dev
  need_module libxxhash libxxhash-dev
  need_module libcurl libcurl4-openssl-dev
  need_module yaml-0.1 libyaml-dev
  need_module ncursesw libncurses-dev
  need_module readline libreadline-dev
}

# What the tests need besides.
need_tests() {
  need_module cmocka libcmocka-dev
  need_command tmux tmux
  need_command groff groff-base
}

get_missing() {
  [ -n "$missing_names" ] || return 0
  if [ ! -e /etc/debian_version ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "pith cannot be built yet. These commands and pkg-config modules are missing:" >&2
    for name in $missing_names; do
      echo "  $name" >&2
    done
    exit 1
  fi
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      echo "Please let root run: apt-get install$missing_packages" >&2
      exit 1
    fi
    as_root=sudo
  fi
  echo "Installing:$missing_packages" >&2
  # Split on purpose: a list of packages, and "sudo" or nothing.
  # shellcheck disable=SC2086
  {
    $as_root apt-get update -qq >&2 || true
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      $missing_packages >&2
  } || {
    echo "apt-get could not install what is missing." >&2
    exit 1
  }
  missing_names=
  missing_packages=
}

# A build folder that was configured for another place is of no use.
drop_foreign_build() {
  if [ -f "$1/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$2" "$1/CMakeCache.txt"; then
    rm -rf "$1"
  fi
}

build_jobs() {
  nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2
}
