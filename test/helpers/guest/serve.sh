#!/bin/bash
# In the guest: runs one script for each line of the serial port, and answers with status, output and errors.
# Both sides speak base64, one line for each message.
exec 3<>"$(echo /dev/vport*)"
echo ready >&3
while read -r line <&3; do
  base64 -d <<<"$line" >/run/script
  bash /run/script >/run/output 2>/run/errors </dev/null 3>&-
  echo "$? =$(base64 -w 0 /run/output) =$(base64 -w 0 /run/errors)" >&3
done
echo o >/proc/sysrq-trigger
sleep 60
