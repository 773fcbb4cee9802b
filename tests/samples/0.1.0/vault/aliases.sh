# Made by claude-accounts from the names of the accounts; do not edit.
# `claude-accounts install` makes it anew, `claude-accounts uninstall` removes it.
alias claude-accounts='/work/main/target/debug/claude-accounts'
alias claude-perso='/work/main/target/debug/claude-accounts launch perso --'
alias claude-gateway='/work/main/target/debug/claude-accounts launch gateway --'
alias claude-work='/work/main/target/debug/claude-accounts launch work --'
alias claude-client='/work/main/target/debug/claude-accounts launch client --'
alias claude-empty='/work/main/target/debug/claude-accounts launch empty --'
alias claude-torn='/work/main/target/debug/claude-accounts launch torn --'
