# Made by claude-accounts from the names of the accounts; do not edit.
# `claude-accounts install` makes it anew, `claude-accounts uninstall` removes it.
function claude-accounts; /work/main/target/debug/claude-accounts $argv; end
function claude-perso; /work/main/target/debug/claude-accounts launch perso -- $argv; end
function claude-gateway; /work/main/target/debug/claude-accounts launch gateway -- $argv; end
function claude-work; /work/main/target/debug/claude-accounts launch work -- $argv; end
function claude-client; /work/main/target/debug/claude-accounts launch client -- $argv; end
function claude-empty; /work/main/target/debug/claude-accounts launch empty -- $argv; end
function claude-torn; /work/main/target/debug/claude-accounts launch torn -- $argv; end
