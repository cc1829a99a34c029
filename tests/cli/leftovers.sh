# For tests that end krepro before its time: what it may leave behind.
. "$(dirname "$0")/lib.sh"

kernels=$XDG_CACHE_HOME/krepro/kernels
export XDG_RUNTIME_DIR=$WORK       # krepro's sessions; QEMU's command line names it
export KREPRO_TEST_MARK=mark-$$    # in the environment of all that krepro starts but QEMU

# Processes that krepro started and that still run: their pids.
left_behind() {
  local name pid
  for pid in $(for name in krepro make sh gcc cc1 as ld git; do pgrep -x "$name"; done); do
    ! grep -qsa "KREPRO_TEST_MARK=$KREPRO_TEST_MARK" "/proc/$pid/environ" || echo "$pid"
  done
  pgrep -f "qemu-system.*$WORK" || true
}

# nothing_left WHEN: no process, no session folder, no half-written kernel.
nothing_left() {
  local left entry
  left=$(left_behind)
  [ -z "$left" ] || fail "$1: still running: $(ps -o pid,args -p "$(echo $left | tr ' ' ,)")"
  [ ! -d "$WORK/krepro" ] || [ -z "$(ls "$WORK/krepro")" ] || fail "$1: session folders left: $(ls "$WORK/krepro")"
  for entry in "$kernels"/*/; do
    case $entry in *.failed/ | "$kernels/*/") continue ;; esac
    [ -s "$entry/vmlinux" ] && [ -s "$entry/bzImage" ] && [ -s "$entry/config" ] || fail "$1: half-written: $entry"
  done
}

forget_kernel() {
  chmod -R u+w "$1"
  rm -rf "$1"
}
