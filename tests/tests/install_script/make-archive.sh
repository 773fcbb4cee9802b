#!/bin/sh
# make-archive.sh VERSION DIRECTORY INSTALL-SCRIPT [DOCUMENT...]: an archive as a release has it, of programs that only say
# their version, and its sum, in DIRECTORY.
set -eu
version=$1 directory=$2 script=$3
shift 3
name=claude-accounts-$version-$(uname -m)-linux
work=$(mktemp -d)
cd "$work"
mkdir -p "$name/bin" "$name/share/man/man1" "$name/share/bash-completion/completions" \
    "$name/share/doc/claude-accounts" "$name/lib/systemd/user" "$name/lib/systemd/system" "$directory"
cd "$name"
for program in claude-accounts claude-share cs; do
    printf '#!/bin/sh\necho "%s %s"\n' "$program" "$version" >"bin/$program"
    chmod 755 "bin/$program"
    echo "manual of $version" >"share/man/man1/$program.1"
    echo "# completions of $version" >"share/bash-completion/completions/$program"
done
printf '[Service]\nExecStart=@BINDIR@/claude-accounts keeper run\n' >lib/systemd/user/made-up-keeper.service
printf '[Service]\nExecStart=@BINDIR@/claude-share server keeper\n' >lib/systemd/system/made-up-server.service
echo "what it is" >share/doc/claude-accounts/README.md
for document in "$@"; do
    mkdir -p "share/doc/claude-accounts/$document"
    echo "about $document" >"share/doc/claude-accounts/$document/index.md"
done
cp "$script" install.sh
find . -type f | sed 's|^\./||' | LC_ALL=C sort | xargs sha256sum >"$work/sums"
mv "$work/sums" SHA256SUMS
cd ..
tar --sort=name --owner=0 --group=0 --numeric-owner -czf "$directory/$name.tar.gz" "$name"
cd "$directory"
sha256sum "$name.tar.gz" >"$name.tar.gz.sha256"
rm -r "$work"
