#!/bin/busybox sh
# The first process of the guest: its root is that of the host, read-only, below a layer in memory.
export PATH=/bin
mkdir -p /proc /sys /dev /host /layer /new
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do insmod "/modules/$module"; done </modules/list
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /host &&
  mount -t tmpfs -o size=80% layer /layer && mkdir /layer/upper /layer/work &&
  mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work root /new ||
  { echo 'the root filesystem does not mount' && poweroff -f; }

mkdir -p /new/proc /new/sys /new/dev /new/run /new/etc/lvm
mount -t tmpfs run /new/run
mkdir -p /new/run/lock/lvm
mkdir -p /dev/shm && mount -t tmpfs shm /dev/shm
ln -s /proc/self/fd /dev/fd
# Neither udev nor dmeventd runs here; LVM would wait for them.
echo 'activation { monitoring=0 udev_sync=0 udev_rules=0 }' >/new/etc/lvm/lvmlocal.conf
cp /serve /new/run/serve
cp -a /extra/. /new/
for directory in dev proc sys; do mount --move "/$directory" "/new/$directory"; done
exec switch_root /new /bin/bash /run/serve
