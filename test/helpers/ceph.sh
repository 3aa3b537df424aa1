#!/usr/bin/env bash
# A Ceph cluster of one mon, one mgr and one osd on the loopback, for tests, all of it in one directory.
#
#   ceph.sh up DIR     makes and starts it, with the pools "rbd" and "other"; DIR/ceph.conf is what clients need
#   ceph.sh down DIR   stops its daemons and removes DIR
#
# Daemons are stopped by the process ids they wrote down, never by name.
set -euo pipefail

verb=$1
dir=$2
conf=$dir/ceph.conf
# Whatever cluster the caller works with is not ours.
unset CEPH_CONF CEPH_ARGS CEPH_KEYRING

main() {
  case $verb in
    up) up ;;
    down) down ;;
    *) exit 2 ;;
  esac
}

up() {
  mkdir -p "$dir"/{log,mon,mgr,osd}
  write_configuration
  make_keys
  ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap" --keyring "$dir/keyring"
  ceph-mon -c "$conf" -i a
  patiently ceph_client status
  ceph-mgr -c "$conf" -i x
  make_osd
  ceph-osd -c "$conf" -i 0
  patiently osd_is_up
  local pool
  for pool in rbd other; do
    ceph_client osd pool create "$pool" 8 8
    ceph_client osd pool application enable "$pool" rbd
    timeout 60 rbd -c "$conf" pool init "$pool"
  done
}

write_configuration() {
  local port
  port=$(free_ports)
  address="v2:127.0.0.1:$port,v1:127.0.0.1:$((port + 1))"
  fsid=$(</proc/sys/kernel/random/uuid)
  cat >"$conf" <<CONF
[global]
fsid = $fsid
mon initial members = a
mon host = [$address]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
keyring = $dir/keyring
run dir = $dir
log file = $dir/log/\$name.log
admin socket = $dir/\$name.\$pid.asok
pid file = $dir/\$name.pid
crash dir = $dir/log
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
mon allow pool delete = true
mon allow pool size one = true
mon data avail crit = 1
mon data avail warn = 2
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
rbd default features = 61
[mon]
mon data = $dir/mon
mon cluster log file = $dir/log/cluster.log
[mgr]
mgr data = $dir/mgr
mgr disabled modules = dashboard prometheus restful influx zabbix diskprediction_local
[osd]
osd data = $dir/osd
osd objectstore = bluestore
osd memory target = 939524096
# A sparse file.
bluestore block size = 17179869184
bluestore block wal create = false
bluestore block db create = false
bluestore cache autotune = false
bluestore cache size = 134217728
bluestore fsck on mount = false
osd class load list = *
osd class default list = *
[client]
admin socket =
log file = $dir/log/client.log
CONF
}

make_keys() {
  local key=(ceph-authtool "$dir/keyring" --gen-key -n)
  ceph-authtool --create-keyring "$dir/keyring" --gen-key -n mon. --cap mon 'allow *'
  "${key[@]}" client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  # The rights that a backup host needs and no more, according to docs/guides/ceph.md.
  "${key[@]}" client.backy --cap mon 'profile rbd' --cap osd 'profile rbd' --cap mgr 'profile rbd'
  # A user that may read everything and change nothing.
  "${key[@]}" client.reader --cap mon 'profile rbd' --cap osd 'profile rbd-read-only' --cap mgr 'profile rbd-read-only'
  "${key[@]}" mgr.x --cap mon 'allow profile mgr' --cap osd 'allow *'
  "${key[@]}" osd.0 --cap mon 'allow profile osd' --cap mgr 'allow profile osd' --cap osd 'allow *'
  monmaptool --create --clobber --fsid "$fsid" --addv a "[$address]" "$dir/monmap"
}

make_osd() {
  local uuid
  uuid=$(</proc/sys/kernel/random/uuid)
  ceph_client auth import -i "$dir/keyring"
  ceph_client osd new "$uuid" 0
  ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$uuid"
}

ceph_client() { timeout 30 ceph -c "$conf" --connect-timeout 20 "$@"; }
osd_is_up() { ceph_client osd stat -f json | grep -q '"num_up_osds":1'; }

# The osd comes first: it wants to tell the mon.
down() {
  local daemon
  for daemon in osd.0 mgr.x mon.a; do stop "$dir/$daemon.pid" "ceph-${daemon%%.*}"; done
  rm -rf --one-file-system "$dir"
}

stop() {
  local pid try
  pid=$(cat "$1" 2>/dev/null) || return 0
  for try in {1..100}; do
    # The number may belong to someone else by now.
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$2" ]] || return 0
    # A test may have stopped it; and what ignores TERM for five seconds will not heed it at all.
    if ((try == 1)); then kill -TERM "$pid" && kill -CONT "$pid"; fi
    if ((try == 50)); then kill -KILL "$pid"; fi
    sleep 0.1
  done
}

# Tries for a minute, for starting takes a while on a busy machine.
patiently() {
  local end=$((SECONDS + 60))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || { echo "gave up waiting for: $*" >&2; return 1; }
    sleep 0.2
  done
}

# The first of two.
free_ports() {
  local port
  for _ in {1..200}; do
    port=$((20000 + RANDOM % 12000))
    answers "$port" || answers $((port + 1)) || { echo "$port"; return; }
  done
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

main
