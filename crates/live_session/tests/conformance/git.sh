# shellcheck shell=sh
# Clones $1, which is made here, to $2; works there; git has to find everything right after each step.
set -eu
origin=$1
clone=$2

git init --quiet --initial-branch=main "$origin"
cd "$origin"
for directory in one two three; do
    mkdir $directory
    for number in 1 2 3 4 5 6 7 8 9 10; do
        seq 1 $((number * 200)) >$directory/$number.txt
    done
done
head -c 300000 /dev/urandom >binary
printf '#!/bin/sh\nexit 0\n' >program
chmod +x program
ln -s one/1.txt link
git add .
git commit --quiet -m first
git switch --quiet -c topic
for number in 1 2 3 4 5; do
    echo "topic $number" >>two/$number.txt
    git commit --quiet -am "topic $number"
done
git switch --quiet main
echo main >>one/1.txt
git commit --quiet -am second

clean() {
    git fsck --strict --full
    test -z "$(git status --porcelain)"
}

git clone --quiet --no-local "$origin" "$clone"
cd "$clone"
clean
test -x program
test "$(readlink link)" = one/1.txt
git switch --quiet -c topic origin/topic
git rebase --quiet main
test "$(git rev-list --count main..topic)" = 5
clean
git mv one renamed
git rm --quiet -r three
git commit --quiet -m moved
git stash list
echo unfinished >>binary
git stash --quiet
clean
git stash pop --quiet
git checkout --quiet -- binary
git worktree add --quiet ../worktree main
git -C ../worktree status --porcelain
git worktree remove ../worktree
git switch --quiet main
git merge --quiet --no-edit topic
git repack --quiet -a -d -f
git gc --quiet --aggressive --prune=now
clean
git reset --quiet --hard HEAD~1
git switch --quiet --detach topic~2
git switch --quiet main
git push --quiet origin HEAD:refs/heads/pushed
git clean --quiet -dfx
clean
