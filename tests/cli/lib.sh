# Shared by the tests that run krepro on real kernels. KREPRO, ROOT and the XDG folders come from CTest.
set -eu

: "${KREPRO:?}" "${ROOT:?}"
JOBS=$ROOT/images/jobs
HISTORY=$ROOT/build/history
WORK=$(mktemp -d "${TMPDIR:-/tmp}/krepro-test-XXXXXX")
trap 'rm -rf "$WORK"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect FILE REGEX...: lines that match, in this order.
expect() {
  local file=$1 from=1 regex line
  shift
  for regex in "$@"; do
    line=$(tail -n "+$from" "$file" | grep -nE -m1 -- "$regex" | cut -d: -f1) ||
      fail "no line from $from on matches: $regex"
    [ -n "$line" ] || fail "no line from $from on matches: $regex"
    from=$((from + line))
  done
}

# The commit that the story plants, found without krepro: the one that takes the nesting away.
planted() {
  local found
  found=$(git -C "$HISTORY" log --format=%H -S'mutex_lock_nested(&d->vqs[i]->mutex, i)' v1.1..v1.2 \
    -- drivers/vhost/vhost.c)
  [ "$(echo "$found" | wc -w)" = 1 ] || fail "the history plants $(echo "$found" | wc -w) culprits"
  echo "$found"
}

# Every file of a repository with its digest: what must not change.
tree_state() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }
