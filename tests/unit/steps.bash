# shellcheck shell=bash
# What an operator and bad days do to geoip-exporter in a guest, and how it is
# looked at. The scripts that run in guests source this.
#
# What is printed behind @@ is read by scripts/test-unit: a line for each check.

unit=geoip-exporter
page=http://localhost:9100
# How long anything may take; the machine is emulated.
patience=300
machine=198.18.0.1
world=192.0.2.7       # DE in the test database
scraper=203.0.113.7   # JP
settings=/etc/geoip-exporter.d/guest.toml

# Prints what was checked and how it ended, with the journal if badly.
# usage: check WHAT COMMAND...
check() {
    local what=$1
    shift
    if "$@"; then
        echo "@@ ok $what"
    else
        echo "failed: $*"
        journalctl --unit $unit --no-pager --output cat | tail -n 30
        systemctl status $unit --no-pager
        echo "@@ FAILED $what"
    fi
}

same() {
    [ "$1" = "$2" ] || { echo "is '$1', not '$2'" && false; }
}

property() {
    systemctl show --property "$1" --value $unit
}

# Waits until the journal has a line that it had not when `mark` was called.
mark() {
    marked=$(journalctl --lines 0 --show-cursor | sed -n 's/^-- cursor: //p')
}

await_line() {
    timeout $patience grep -q -m 1 -e "$1" < <(exec timeout $patience \
        journalctl --follow --after-cursor "$marked" --no-tail --output cat)
}

scrape() {
    curl --silent --max-time 60 $page/metrics
}

value() {
    scrape | awk -v series="$1" '$1 == series { print $2 }'
}

# Scrapes until a series has a value: the next poll brings it.
await_value() {
    local end=$((SECONDS + patience)) now=
    until now=$(value "$1") && [ "$now" = "$2" ]; do
        if ((SECONDS > end)); then
            echo "$1 is '$now', not '$2'"
            return 1
        fi
    done
}

# Sends frames to Germany, and has as many come back. Each is 1042 bytes: 1000,
# and the headers of ICMP, IPv4 and Ethernet.
sent=0
ping_world() {
    ping -q -c "$1" -i 0.01 -s 1000 -W 30 $world >/dev/null && sent=$((sent + $1))
}

is_exact() {
    local way
    for way in sent received; do
        await_value "geoip_packets_${way}_total{country=\"DE\",interface=\"wan0\",ip_version=\"4\"}" $sent &&
            same "$(value "geoip_bytes_${way}_total{country=\"DE\",interface=\"wan0\",ip_version=\"4\"}")" $((sent * 1042)) &&
            same "$(value "geoip_unattributed_bytes_${way}_total{interface=\"wan0\",ip_version=\"4\"}")" 0 || return
    done
}

counts_exactly() {
    ping_world 20 && is_exact
}

build_network() {
    ip netns add world
    ip link add wan0 type veth peer name peer0 netns world
    ip link add wan1 type veth peer name peer1 netns world
    ip addr add $machine/32 peer $world dev wan0
    ip link set wan0 up
    ip route add $scraper dev wan0
    ip link set wan1 up
    ip -n world addr add $world/32 peer $machine dev peer0
    ip -n world addr add $scraper/32 dev peer0
    ip -n world link set peer0 up
    ip -n world link set peer1 up
}

configure() {
    mkdir -p "$(dirname $settings)"
    echo "$1" >$settings
}

status_of() {
    sed -n "s/^$1:[[:space:]]*//p" "/proc/$(property MainPID)/status"
}

# The user is one that systemd made up, with three capabilities to use.
has_own_user() {
    local user
    user=$(status_of Uid | cut -f 1)
    ((user >= 61184 && user <= 65519)) &&
        same "$(status_of CapBnd)" 000000c000001000 &&
        same "$(status_of NoNewPrivs)" 1 &&
        same "$(status_of Seccomp)" 2
}

# As it sees them: systemd maps the owner of one of them, from 254 on.
has_directories() {
    local user root
    user=$(status_of Uid | cut -f 1)
    root=/proc/$(property MainPID)/root
    same "$(stat -L -c '%a %u' "$root/var/lib/geoip-exporter")" "700 $user" &&
        same "$(stat -c '%a %u' "$root/run/geoip-exporter")" "755 $user"
}

is_little_exposed() {
    local exposure
    exposure=$(systemd-analyze security --no-pager $unit |
        sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p')
    echo "systemd-analyze security: $exposure"
    awk -v is="$exposure" 'BEGIN { exit !(is != "" && is <= 1.5) }'
}

reloads() {
    configure 'interfaces = "wan0,wan1"'
    systemctl reload $unit &&
        await_value 'geoip_interface_attached{interface="wan1"}' 1 &&
        same "$(property ActiveState)" active
}

refuses_to_reload() {
    configure 'interfaces = 1'
    mark
    systemctl reload $unit
    await_value geoip_config_last_reload_successful 0 &&
        same "$(property ActiveState)" active || return
    configure 'interfaces = "wan0"'
    systemctl reload $unit &&
        await_value geoip_config_last_reload_successful 1
}

ask_from_world() {
    ip netns exec world curl --silent --max-time 10 --interface $scraper \
        --output /dev/null http://$machine:9100/
}

allow() {
    mkdir -p /etc/systemd/system/$unit.service.d
    printf '[Service]\n%s\n' "$2" >"/etc/systemd/system/$unit.service.d/$1.conf"
    systemctl daemon-reload
}

lets_nobody_in() {
    ! ask_from_world && curl --silent --output /dev/null $page/
}

lets_in_who_is_named() {
    allow scraper "IPAddressAllow=$scraper"
    systemctl restart $unit && ask_from_world
}

# Everything stops, or one thread does: either way it is not fed any more.
is_restarted_by_watchdog() {
    local before
    before=$(property MainPID)
    mark
    "$@" "$before" || return
    await_line 'Watchdog timeout' && await_line 'Started' &&
        same "$(property ActiveState)" active &&
        [ "$(property MainPID)" != "$before" ]
}

stop_all() {
    kill -STOP "$1"
}

# Holds the poller as a debugger does, until it is killed.
stop_poller() {
    local task
    task=$(dirname "$(grep -lx poller "/proc/$1"/task/*/comm)")
    perl -e '
        my ($seize, $interrupt) = (0x4206, 0x4207);
        my $task = 0 + shift;
        syscall(101, $seize, $task, 0, 0) == 0 or die "ptrace: $!";
        syscall(101, $interrupt, $task, 0, 0) == 0 or die "ptrace: $!";
        1 while waitpid($task, 0x40000000) > 0;' "$(basename "$task")" &
}

is_restarted_when_killed() {
    mark
    kill -KILL "$(property MainPID)" && await_line 'Started'
}

restarts() {
    local before
    before=$(property MainPID)
    systemctl restart $unit && [ "$(property MainPID)" != "$before" ]
}

stops() {
    systemctl stop $unit &&
        same "$(property ActiveState)" inactive &&
        same "$(property Result)" success &&
        same "$(property ExecMainStatus)" 0 &&
        [ ! -e /run/geoip-exporter ] && [ -e /var/lib/private/geoip-exporter ]
}

remove_pins() {
    geoip-exporter --remove-pins --pin-directory /sys/fs/bpf/geoip-exporter
}

keeps_pins() {
    ! remove_pins && ls /sys/fs/bpf/geoip-exporter/link-0-ingress
}

removes_pins() {
    local said
    said=$(remove_pins) && echo "$said" &&
        same "$(ls /sys/fs/bpf/geoip-exporter)" ''
}

# What does not mend itself is not tried again.
fails_once() {
    configure 'interfaces = 1'
    ! systemctl start $unit 2>/dev/null &&
        same "$(property ActiveState)" failed &&
        same "$(property ExecMainStatus)" 78 &&
        same "$(property NRestarts)" 0
}

# Prints what is running, and makes the network and the first settings.
begin() {
    echo "@@ $(systemctl --version | head -n 1), Linux $(uname -r)"
    build_network
    configure 'interfaces = "wan0"'
}

# The journal, and the kernel's own complaints, such as a warning with a trace.
end() {
    journalctl --unit $unit --no-pager --output short-monotonic
    if dmesg | grep -E 'WARNING:|BUG:|Oops|rcu: INFO|lockdep'; then
        echo "@@ FAILED the kernel's log"
    fi
    echo "@@ end"
}
