# Shared by the tests that run krepro on KVM; after tests/cli/lib.sh.

# What a failed run leaves; in the lab only $LAB_RESULTS lasts.
keep_evidence() {
  local target=${LAB_RESULTS:-$WORK/evidence}/$1
  mkdir -p "$target"
  cp -r "$XDG_STATE_HOME/krepro/runs/." "$target" 2>/dev/null || true
  tail -n 40 "$target"/*/console* 2>/dev/null >&2 || true
}

# vhost_job FILE CPUS [KERNEL_LINES [JOB]]: images/jobs/vhost-lock.toml, or JOB.toml, for the kvm backend, readable
# from anywhere; with the given lines, if any, as its [kernel] table.
vhost_job() {
  awk -v jobs="$JOBS" -v history="$HISTORY" -v cpus="$2" -v kernel="${3-}" '
    /^\[/ { table = $0 }
    table == "[kernel]" && kernel != "" { if (/^\[/) print $0 "\n" kernel "\n"; next }
    table == "[kernel]" && /^tree =/ { print "tree = \"" history "\""; next }
    table == "[vm]" && /^cpus =/ { print "cpus = " cpus "\nbackend = \"kvm\""; next }
    table == "[reproducer]" && /^file =/ { sub(/= "/, "= \"" jobs "/") }
    { print }' "$JOBS/${4-vhost-lock}.toml" >"$1"
  grep -q '^backend = "kvm"$' "$1" || fail "images/jobs/${4-vhost-lock}.toml has no cpus in [vm]"
}

# watched SECONDS OUT COMMAND...: its exit code; what it prints goes to OUT. Of a command that takes longer it tells
# what that was so far and where the threads stand, and waits on: who stops it is CTest.
watched() {
  local limit=$1 out=$2 end=$((SECONDS + $1)) pid code=0
  shift 2
  "$@" >"$out" 2>&1 </dev/null &
  pid=$!
  while [ "$SECONDS" -lt "$end" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.3; done
  if kill -0 "$pid" 2>/dev/null; then
    echo "not done after $limit s: $*"
    cat "$out"
    ps -L -o tid,stat,pcpu,wchan:30,comm -p "$pid"
    tail -n +1 /proc/"$pid"/task/*/stack 2>/dev/null
  fi
  wait "$pid" || code=$?
  return "$code"
}

# try NAME EXPECTED_CODE REGEX ARGS...: krepro run with these arguments; a line of its output must match.
try() {
  local name=$1 expected=$2 regex=$3 code=0 start=$SECONDS
  shift 3
  rm -rf "$XDG_STATE_HOME/krepro/runs"
  watched 60 "$WORK/out" "$KREPRO" run -v "$@" || code=$?
  echo "$name: exit code $code, $((SECONDS - start)) s"
  if [ "$code" != "$expected" ] || ! grep -qE -- "$regex" "$WORK/out"; then
    cat "$WORK/out" >&2
    keep_evidence "$(echo "$name" | tr -c '[:alnum:].\n' -)"
    fail "$name: exit code $code; expected $expected and a line that matches: $regex"
  fi
}
