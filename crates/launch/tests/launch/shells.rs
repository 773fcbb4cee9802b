//! The aliases in the shells that they are for.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use launch::{Shell, script};
use testkit::documents::write_private;
use testkit::{Ran, TestHome, skip};

/// A shell and how it is told to read nothing but what it is given. None where it is missing.
pub(crate) fn installed(shell: Shell) -> Option<&'static [&'static str]> {
    let words: &[&str] = match shell {
        Shell::Bash => &["bash", "--norc", "-O", "expand_aliases"],
        Shell::Zsh => &["zsh", "-f", "-o", "rcquotes"],
        Shell::Fish => &["fish", "--no-config"],
    };
    let found = ["/usr/local/bin", "/usr/bin", "/bin"]
        .iter()
        .any(|directory| Path::new(directory).join(words[0]).exists());
    if !found {
        skip(format!("{} is not installed", words[0]));
    }
    found.then_some(words)
}

/// What `shell` prints for a script, which is read from a file as an rc file is.
pub(crate) fn run(home: &TestHome, words: &[&str], script: &[u8]) -> Ran {
    let file = home.root().join("script");
    write_private(&file, script);
    let mut command = home.command(words[0]);
    command.args(&words[1..]).arg(&file);
    Ran::of(command)
}

/// A program that prints its arguments, one a line, at a path that needs all the quoting there is.
fn awkward_program(home: &TestHome) -> PathBuf {
    let directory = home.root().join("it's a $dir \\ `x` \"\u{e9}\n;");
    fs::create_dir(&directory).unwrap();
    let source = home.root().join("source");
    write_private(&source, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
    let program = directory.join(OsStr::from_bytes(b"claude\xff-accounts"));
    let mut install = home.command("install");
    install.args(["-m", "755"]).args([&source, &program]);
    let _installed = Ran::of(install).success();
    program
}

fn aliases_reach_the_program(shell: Shell) {
    let Some(words) = installed(shell) else {
        return;
    };
    let home = TestHome::new();
    let names = ["work", "仕事", "a.b_c-2", "équipe"].map(str::to_owned);
    let mut text = script(shell, &awkward_program(&home), &names);
    text.extend(b"\nclaude-accounts list --json\n");
    for name in &names {
        text.extend(format!("claude-{name} -p 'two words'\n").into_bytes());
    }
    let mut expected = "list\n--json\n".to_owned();
    for name in &names {
        expected.push_str(&format!("launch\n{name}\n--\n-p\ntwo words\n"));
    }
    assert_eq!(run(&home, words, &text).success().stdout, expected);
}

#[test]
fn bash_aliases_reach_the_program() {
    aliases_reach_the_program(Shell::Bash);
}

#[test]
fn zsh_aliases_reach_the_program() {
    aliases_reach_the_program(Shell::Zsh);
}

#[test]
fn fish_functions_reach_the_program() {
    aliases_reach_the_program(Shell::Fish);
}

#[test]
fn plain_paths_are_written_plainly_and_bad_names_are_left_out() {
    let names = ["work", "accounts", "a'; rm -rf ~; '", "a\nb", ""].map(str::to_owned);
    let text = script(Shell::Zsh, Path::new("/usr/bin/claude-accounts"), &names);
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!(
        lines,
        [
            "alias claude-accounts='/usr/bin/claude-accounts'",
            "alias claude-work='/usr/bin/claude-accounts launch work --'",
            "# Left out: accounts: the alias would hide a program",
            "# Left out: a'; rm -rf ~; ': no alias can have this name",
            "# Left out: a\\nb: no alias can have this name",
            "# Left out: : no alias can have this name",
        ]
    );
    let text = script(Shell::Fish, Path::new("/usr/bin/claude-accounts"), &names);
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains(
            "\nfunction claude-work; /usr/bin/claude-accounts launch work -- $argv; end\n"
        )
    );
}
