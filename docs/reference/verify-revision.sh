#!/usr/bin/env bash
# Checks a revision of backy without backy: bash, coreutils, sed and b3sum are all it takes.
#   verify-revision.sh IMAGE        IMAGE is a revision's image, or a link to one, such as last
# Prints every bad block. Exit 0: everything is as it was; 1: something is not.
set -euo pipefail

image=$(readlink -f -- "$1")
index=$image.hashes
record=$image.rev
bad=0
complain() { printf '%s\n' "$*"; bad=1; }
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$record" | head -n 1; }
number() { od -An -v -tu8 -j "$1" -N 8 -- "$index" | tr -d ' '; }

# Older records have no checksum.
last_lines=$(tail -n 2 -- "$record")
sum=$(head -n -2 -- "$record" | sha256sum)
case $last_lines in
  *'"checksum"'* | *'"sha256-'*)
    [ "$last_lines" = "  \"checksum\": \"sha256-${sum%% *}\""$'\n}' ] || complain "the record is not as backy wrote it" ;;
esac

digest=$(b3sum --no-names -- "$index")
[ "$digest" = "$(field digest)" ] || complain "the index is not the one that the record names"
header=$(head -c 4064 -- "$index" | b3sum --no-names)
[ "$header" = "$(od -An -v -tx1 -j 4064 -N 32 -- "$index" | tr -d ' \n')" ] || complain "the header of the index is damaged"

size=$(number 16)
blocks=$(number 24)
block_size=$(od -An -v -tu4 -j 12 -N 4 -- "$index" | tr -d ' ')
[ "$size" = "$(field size)" ] || complain "the index is for $size bytes, the record says $(field size)"
[ "$size" = "$(stat -c %s -- "$image")" ] || complain "the image has $(stat -c %s -- "$image") bytes instead of $size"

zero_hash=$(printf '0%.0s' {1..64})
zeros=$(head -c "$block_size" /dev/zero | b3sum --no-names)
short=$((size % block_size))
[ "$short" = 0 ] || short_zeros=$(head -c "$short" /dev/zero | b3sum --no-names)

# split hands each block to b3sum; a block of zeros stands in the index as zeros.
n=0
while read -r found && read -r expected <&3; do
  if [ "$expected" = "$zero_hash" ]; then
    expected=$zeros
    if [ $((n + 1)) = "$blocks" ] && [ "$short" != 0 ]; then expected=$short_zeros; fi
  fi
  [ "$found" = "$expected" ] || complain "block $n, bytes $((n * block_size)) and on: expected $expected, found $found"
  n=$((n + 1))
done < <(split -b "$block_size" --filter='b3sum --no-names' -- "$image") \
  3< <(tail -c +4097 -- "$index" | od -An -v -tx1 -w32 | tr -d ' ')
[ "$n" = "$blocks" ] || complain "only $n of $blocks blocks could be compared"

[ "$bad" = 0 ] && printf '%s: all %s blocks are as they were\n' "$image" "$blocks"
exit "$bad"
