# shellcheck shell=bash
# What the scripts have in common that boot guests in QEMU: the kernels, from
# packages, and how they are started. They source this at the top of the tree.
#
# No right of root is needed and nothing of a kernel is installed: the guests
# are emulated.

PATH=$PATH:/usr/sbin:/sbin
kernels=$PWD/var/kernels
mkdir -p "$kernels"
# Where versions are looked for, in this order.
suites=${SUITES:-bookworm bullseye trixie trixie-backports}

die() {
    echo "$1" >&2
    exit "${2-1}"
}

if [ "$(uname -m)" != x86_64 ]; then
    die "kernels are booted on x86_64 only" 69
fi

# Runs a program of apt on one suite, with folders of its own.
apt_of() {
    local suite=$1 program=$2
    shift 2
    "$program" -q -o Dir::Etc::SourceList="$kernels/apt/$suite/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$kernels/apt/$suite/lists" \
        -o Dir::Cache="$kernels/apt/$suite/cache" \
        -o APT::Sandbox::User=root "$@"
}

# Prints the line of a sources.list for a suite of Debian, from the mirror that
# this machine uses.
source_of() {
    local mirror keys=/usr/share/keyrings/debian-archive-keyring.gpg
    # shellcheck disable=SC2016 # apt replaces them
    mirror=$(apt-get indextargets --format \
        '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
        sed -n 's/^Debian|Debian|main|//p' | head -n 1)
    if [ -z "$mirror" ]; then
        die "no mirror of Debian among this machine's apt sources: name \
packages or folders instead of versions" 69
    fi
    echo "deb [signed-by=$keys] $mirror $1 main"
}

# Fetches what a suite has, once a day.
know_suite() {
    local suite=$1 folder=$kernels/apt/$1
    if [ -n "$(find "$folder/known" -mtime -1 2>/dev/null)" ]; then
        return
    fi
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    source_of "$suite" >"$folder/sources.list"
    if apt_of "$suite" apt-get update >"$folder/log" 2>&1; then
        touch "$folder/known"
    else
        echo "cannot read suite $suite:" \
            "$(grep -m 1 ^E: "$folder/log" || echo unknown)" >&2
        return 1
    fi
}

# Prints suite and name of the newest package of a version, such as 6.1-rt.
find_package() {
    local version=${1%%-*} flavour='' suite name
    case $1 in
    *-*) flavour=${1#*-}- ;;
    esac
    for suite in $suites; do
        know_suite "$suite" || continue
        name=$(apt_of "$suite" apt-cache search --names-only '^linux-image-' |
            cut -d ' ' -f 1 |
            grep -E "^linux-image-${version//./[.]}[.][0-9.]*[0-9]([-+][^-]+)?-${flavour}amd64\$" |
            sort -V | tail -n 1) || true
        if [ -n "$name" ]; then
            echo "$suite $name"
            return
        fi
    done
    die "no package of kernel $1 in: $suites" 69
}

unpack() {
    dpkg-deb --extract "$1" "$2"
}

# Fetches a package and, where its parts are packages, these too.
fetch() {
    local suite=$1 name=$2 folder=$kernels/$2 part parts
    if [ -e "$folder/complete" ]; then
        return
    fi
    rm -rf "$folder"
    mkdir -p "$folder"
    echo "fetching $name from $suite" >&2
    (
        cd "$folder"
        apt_of "$suite" apt-get download "$name"
        parts=$(dpkg-deb --field ./*.deb Depends | tr ',' '\n' |
            sed -nE 's/^ *(linux-(binary|modules)-[^ ]+).*/\1/p' | sort -u)
        for part in $parts; do
            apt_of "$suite" apt-get download "$part"
        done
    ) >"$folder.log" 2>&1 || {
        cat "$folder.log" >&2
        die "cannot fetch $name"
    }
    for part in "$folder"/*.deb; do
        unpack "$part" "$folder"
    done
    rm "$folder"/*.deb
    touch "$folder/complete"
}

# Prints the folder of a kernel that was named on the command line.
folder_of() {
    local suite name
    if [ -d "$1" ]; then
        realpath "$1"
    elif [ -f "$1" ]; then
        name=$kernels/$(basename "$1" .deb)
        mkdir -p "$name"
        unpack "$1" "$name"
        echo "$name"
    else
        read -r suite name < <(find_package "$1")
        [ -n "${name-}" ] || exit 69
        fetch "$suite" "$name"
        echo "$kernels/$name"
    fi
}

# Prints the release of the kernel in a folder, and the path of its image.
release_of() {
    local vmlinuz
    # From 7.0 on Debian has it beside the modules.
    vmlinuz=$(find "$1" -name 'vmlinuz*' -type f -print -quit)
    case $vmlinuz in
    */vmlinuz) echo "$(basename "$(dirname "$vmlinuz")") $vmlinuz" ;;
    */vmlinuz-*) echo "${vmlinuz##*/vmlinuz-} $vmlinuz" ;;
    *) die "$1: no vmlinuz in it" ;;
    esac
}

# Puts modules of a kernel, and those they need, into an image, instead of
# those of another kernel. What the kernel has not is left out.
#
# usage: add_modules KERNEL RELEASE IMAGE MODULE...
add_modules() {
    local kernel=$1 release=$2 image=$3 modules file name all
    shift 3
    modules=$(dirname "$(find "$kernel" \
        -path "*lib/modules/$release/kernel" -print -quit)")
    # modprobe and depmod look for modules in such a place only.
    all=$(mktemp -d "$kernels/depmod.XXXXXX")
    mkdir -p "$all/lib/modules"
    ln -s "$modules" "$all/lib/modules/$release"
    if [ ! -e "$modules/modules.symbols.bin" ]; then
        depmod -b "$all" "$release"
    fi
    rm -rf "$image/lib/modules"
    mkdir -p "$image/lib/modules/$release"
    for name in "$@"; do
        modprobe -d "$all" -S "$release" --show-depends "$name" \
            2>/dev/null || true
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u |
        while read -r file; do
            name=$image/lib/modules/$release/$(basename "$file")
            case $file in
            *.xz) xz -dc "$file" >"${name%.xz}" ;;
            *.zst) zstd -dqc "$file" >"${name%.zst}" ;;
            *) cp "$file" "$name" ;;
            esac
        done
    # Not every package has all of them.
    find "$modules" -maxdepth 1 \
        \( -name modules.order -o -name modules.builtin \
        -o -name modules.builtin.modinfo \) \
        -exec cp -t "$image/lib/modules/$release" {} +
    depmod -b "$image" "$release" 2>/dev/null
    rm -r "$all"
}

# Starts a guest with an image as its first file system and leaves what it
# prints in a file. Fails if it has not turned itself off in time.
#
# usage: start_guest LIMIT VMLINUZ IMAGE LOG [OPTION OF QEMU]...
start_guest() {
    local limit=$1 vmlinuz=$2 image=$3 log=$4
    shift 4
    (cd "$image" && find . | cpio --quiet -o -H newc) >"$image.cpio"
    # An emulated timer that comes late is no reason to panic.
    timeout --foreground "$limit" qemu-system-x86_64 \
        -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -display none \
        -serial "file:$log" -monitor none -nic none -no-reboot \
        -kernel "$vmlinuz" -initrd "$image.cpio" "$@" -append \
        "console=ttyS0 quiet no_timer_check panic=-1 mitigations=off oops=panic" \
        </dev/null
}
