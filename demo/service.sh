#!/bin/bash
# `npm run demo:service`: a site with thirty small disks, from the configuration to a failure that is found and repaired.
# Works in a temporary directory and leaves nothing behind but, with Chromium, a screenshot of the page of the service.
set -Eeuo pipefail
export LC_ALL=C.UTF-8

root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp --directory "${TMPDIR:-/var/tmp}/backy-demo-XXXXXX")
screenshot=${1:-${TMPDIR:-/var/tmp}/backy-service.png}
config=$work/backy.conf
service=

main() {
  [ -e "$root/dist/cli/main.js" ] || die 'Build backy first: npm run build'

  step "A site with thirty disks"
  make_site
  run backy -c "$config" config check

  step "The service starts"
  # Not through the function: a shell would stand between, and get the signals.
  "$root/bin/backy" -c "$config" scheduler 2>"$work/log" &
  service=$!
  until [ -S "$work/srv/.status.sock" ]; do is_running || die "The service ended: $(cat "$work/log")"; sleep 0.1; done
  say "It is process $service."

  step "Somebody takes a disk away; all jobs run"
  mv "$work/disks/vm07.img" "$work/vm07.img"
  expect 1 run backy -c "$config" run --all

  step "What people and their monitoring see"
  run backy -c "$config" jobs vm0
  expect 1 run backy -c "$config" check

  step "The disk is back, and so is its backup"
  mv "$work/vm07.img" "$work/disks/vm07.img"
  run backy -c "$config" run vm07
  # The service writes its status once a second at most.
  until backy -c "$config" jobs vm07 | grep --quiet '^vm07 *ok'; do sleep 0.2; done
  run backy -c "$config" jobs vm07
  cmp "$work/disks/vm07.img" "$work/srv/vm07/last"
  say "srv/vm07/last equals the disk."

  step "The page"
  take_screenshot

  step "The service stops"
  kill -TERM "$service"
  wait "$service" || die "The service ended with $?: $(cat "$work/log")"
  service=
  step "Everything made here is removed again."
}

make_site() {
  mkdir "$work/disks" "$work/srv" "$work/backy.d"
  cat >"$config" <<END
global:
  base-dir: $work/srv
  worker-limit: {fast: 4, slow: 2}
  include: backy.d/*.yml
schedules:
  default:
    daily: {interval: 1d, keep: 9}
    weekly: {interval: 7d, keep: 5}
END
  local name
  for name in vm{01..30}; do
    head --bytes=256K /dev/urandom >"$work/disks/$name.img"
    truncate --size=8M "$work/disks/$name.img"
    printf 'jobs: {%s: {schedule: default, source: {type: file, filename: %s}}}\n' \
      "$name" "$work/disks/$name.img" >"$work/backy.d/$name.yml"
  done
}

# The page comes through a socket, which Chromium cannot open: it shows a copy.
take_screenshot() {
  node -e '
    const request = { socketPath: process.argv[1], path: "/", headers: { host: "localhost" } };
    require("node:http").get(request, (answer) => {
      if (answer.statusCode !== 200) throw new Error(`the page answers ${answer.statusCode}`);
      answer.pipe(process.stdout);
    });' "$work/srv/.status.sock" >"$work/page.html"
  local browser; browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    say "There is no Chromium here, so there is no screenshot. The page has $(wc --bytes <"$work/page.html") bytes."
    return
  }
  "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/chromium" \
    --window-size=1200,1100 --screenshot="$screenshot" "file://$work/page.html" >>"$work/log" 2>&1 ||
    die "Chromium failed: $(tail -n 5 "$work/log")"
  say "$screenshot shows it."
}

backy() { "$root/bin/backy" "$@"; }
is_running() { kill -0 "$service" 2>/dev/null; }
step() { printf '\n== %s\n' "$1"; }
say() { printf '%s\n' "$1"; }
die() { printf '%s\n' "$1" >&2; exit 1; }

# Shows a command, and runs it.
run() {
  local shown=${*//$work\//}
  printf '$ %s\n' "$shown"
  "$@" | sed "s|$work/||g"
}

# Runs what has to end with this exit code.
expect() {
  local wanted=$1 code=0
  shift
  "$@" || code=$?
  [ "$code" = "$wanted" ] || die "This ended with $code instead of $wanted: $*"
}

clean_up() {
  local code=$?
  if [ -n "$service" ] && is_running; then kill -KILL "$service"; wait "$service" 2>/dev/null || true; fi
  rm --recursive --force "$work"
  exit "$code"
}
trap clean_up EXIT

main
