#!/bin/sh
# Installs Homeplate and what it wants from this folder alone: no network, no change to the machine's sources.
#   sh install.sh            everything
#   sh install.sh --bare     without GStreamer and cvc5: no videos or streams, no proofs; for clerks and auditors
set -eu
cd "$(dirname "$0")"

fail() { echo "install.sh: $*" >&2; exit 1; }

more=--install-recommends
case "${1:-}" in
  "") ;;
  --bare) more=--no-install-recommends ;;
  *) fail "it takes --bare or nothing" ;;
esac
[ "$(id -u)" = 0 ] || fail "be root: su -, or sudo sh install.sh"
command -v apt-get >/dev/null || fail "this machine has no apt; the package is for Debian 12"
for deb in debian/homeplate_*.deb; do arch=${deb##*_} arch=${arch%.deb}; done
[ "$(dpkg --print-architecture)" = "$arch" ] || fail "the package is for $arch; this machine is $(dpkg --print-architecture)"
version="$(. /etc/os-release && echo "${ID:-} ${VERSION_ID:-}")"
[ "$version" = "debian 12" ] || fail "the package is for Debian 12; this machine is ${version}"
sha256sum --quiet --check SHA256SUMS || fail "a file is not what it was when this was packed; copy the tarball again"

# apt with this folder as its only source, and notes of its own.
notes="$(mktemp -d)"
trap 'rm -rf "$notes"' EXIT
mkdir -p "$notes/lists/partial" "$notes/archives/partial"
echo "deb [trusted=yes] file:$(pwd)/debian ./" >"$notes/sources.list"
apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o APT::Sandbox::User=root -o Dir::Etc::SourceList="$notes/sources.list" \
    -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$notes/lists" -o Dir::Cache="$notes" \
    -o Dir::Cache::archives="$notes/archives" -o Dpkg::Use-Pty=0 "$@"
}
apt update
apt install --yes "$more" homeplate >"$notes/said" || { cat "$notes/said" >&2; fail "apt did not install it; its words stand above"; }
echo "installed: $(homeplate --version), $(dpkg-query --show --showformat='${Version}' homeplate)"
echo "next: install.md, or  man homeplate-init"
