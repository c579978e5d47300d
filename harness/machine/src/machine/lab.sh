set -eu

PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C TZ=UTC0
here=$(cd "$(dirname "$0")" && pwd)
# the harness reads along; by hand the logs in lab/ are all
log=/dev/null
[ -z "${BOOTWRIGHT_LAB_LOG:-}" ] || log=/dev/fd/$BOOTWRIGHT_LAB_LOG
# configuration, logs, leases and what is served, in the place where a server has them
mount --rbind "$here/lab" /srv
mkdir -p /srv/tftp
# one for each part: a reader must not meet the writer before it
rm -f /srv/*.ready
mkfifo /srv/dnsmasq.ready /srv/dhcpd.ready /srv/lighttpd.ready

# each line into a log of this name; the first with the marker says that the program is ready
say() {
    waited=${2:-}
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"/srv/$1.log"
        printf '%s %s\n' "$1" "$line" >>"$log"
        case $line in
        *"$waited"*)
            [ -z "$waited" ] || echo ready >"/srv/$1.ready"
            waited=
            ;;
        esac
    done
    [ -z "$waited" ] || echo ended >"/srv/$1.ready"
}

# waits for the program that was started last
await() {
    answer=
    read -r answer <"/srv/$1.ready" || true
    if [ "$answer" != ready ]; then
        echo "lab.sh: $1 did not start; see lab/$1.log" >&2
        tail -n 3 "/srv/$1.log" >&2
        exit 70
    fi
}

# the firewall's own trace; once it has dropped enough packets its rules are removed
guard() {
    dropped=0
    while IFS= read -r line; do
        printf '%s\n' "$line"
        case $line in
        *"verdict drop"*) dropped=$((dropped + 1)) ;;
        *) continue ;;
        esac
        if [ "$dropped" -eq "$restore_after" ]; then
            nft flush ruleset
            echo "all rules removed after $dropped dropped packets"
        fi
    done
}

ip link set lo up
ip link add br0 type bridge
ip link set br0 type bridge forward_delay "$forward_delay"
ip link set br0 type bridge stp_state "$stp"
ip address add 192.168.122.1/24 dev br0
# a kernel may have no IPv6; what needs it is not run there
ip address add fd77:122::1/64 dev br0 nodad || echo "no IPv6 on this host" | say settings
for tap in $taps; do
    ip tuntap add "$tap" mode tap
    ip link set "$tap" master br0
done
stdbuf -oL bridge -timestamp monitor link | say bridge &
ip link set br0 up
for tap in $taps; do
    ip link set "$tap" up
done
ip -details link show br0 | say settings

if [ -e /srv/rules.nft ]; then
    nft -f /srv/rules.nft
    stdbuf -oL nft monitor trace | guard | say nft &
fi
# one user is all there is here, so there is no group to change to
if [ -e /srv/dnsmasq.conf ]; then
    dnsmasq --keep-in-foreground --user=root --group= --pid-file= --log-facility=- --conf-file=/srv/dnsmasq.conf 2>&1 |
        say dnsmasq "started, version" &
    await dnsmasq
fi
if [ -e /srv/dhcpd.conf ]; then
    : >/srv/dhcpd.leases
    dhcpd -4 -d --no-pid -cf /srv/dhcpd.conf -lf /srv/dhcpd.leases br0 2>&1 | say dhcpd "Server starting service" &
    await dhcpd
fi
if [ -e /srv/lighttpd.conf ]; then
    lighttpd -D -f /srv/lighttpd.conf 2>&1 | say lighttpd "server started" &
    await lighttpd
fi

rm -f /srv/*.ready
status=0
"$@" || status=$?
if [ -e /srv/rules.nft ]; then
    nft list ruleset >/srv/rules-after.nft
fi
exit $status
