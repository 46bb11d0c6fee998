# SPDX-License-Identifier: Apache-2.0
# Sourced by ./demo and ./check: being root, Debian packages, builds. The caller has set `top` to the tree.

# become_root "$@": runs the calling script again as root, unless it is already.
become_root() {
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "$0: it makes network namespaces and installs packages: run it as root" >&2; exit 1; }
        exec sudo --preserve-env=CI -- "$0" "$@"
    fi
}

# as_owner COMMAND...: builds belong to whoever owns the tree, not to root.
as_owner() {
    local owner
    owner=$(stat -c %u "$top")
    if [ "$owner" = 0 ] || ! command -v setpriv >/dev/null; then
        "$@"
    else
        HOME=$(getent passwd "$owner" | cut -d: -f6) setpriv --reuid="$owner" --regid="$(stat -c %g "$top")" --init-groups -- "$@"
    fi
}

# install_packages FILE...: what these lists name and is not there. Without anything missing it asks nobody.
install_packages() {
    local missing=() name status
    while read -r name; do
        status=$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true)
        [ "$status" = "install ok installed" ] || missing+=("$name")
    done < <(sed 's/#.*//' "$@" | awk 'NF {print $1}' | sort -u)
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq -y install --no-install-recommends "${missing[@]}" >/dev/null
}

# configure PRESET: prepares build/PRESET.
configure() {
    mkdir -p "$top/build"
    [ "$(stat -c %u "$top/build")" = "$(stat -c %u "$top")" ] || chown "$(stat -c %u:%g "$top")" "$top/build"
    (cd "$top" && as_owner cmake --preset "$1")
}

# build PRESET TARGET...
build() {
    local preset=$1
    shift
    configure "$preset"
    (cd "$top" && as_owner cmake --build "build/$preset" --target "$@")
}
