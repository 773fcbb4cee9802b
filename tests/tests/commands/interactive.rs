//! Programs that are used by hand: typed in a shell of the server's, on the laptop they run.

use std::fs;

use end_to_end::machines::{Machines, USER};
use end_to_end::{LIMIT, is_installed};
use testkit::terminal::CONTROL_C;
use testkit::{Terminal, skip, wait_until};

use crate::scene::{processes_with, session_or_skip, wait_until_gone};

const CONTROL_D: &str = "\u{4}";
const CONTROL_Z: &str = "\u{1a}";
const ESCAPE: &str = "\u{1b}";

/// A shell on the server, on a terminal of 30 rows and 100 columns. What it shows of what is typed is not what any
/// command says: numbers are added up first.
struct Shell {
    machines: Machines,
    terminal: Terminal,
    /// How many statuses were asked for.
    asked: u32,
}

impl Shell {
    fn or_skip(options: &[&str]) -> Option<Shell> {
        let machines = session_or_skip(options)?;
        let words = [
            "run",
            "env",
            "PS1=$ ",
            "bash",
            "--norc",
            "--noprofile",
            "-i",
        ];
        let mut terminal = machines.cs_terminal(&words);
        terminal.wait_for("$ ", LIMIT);
        terminal.type_text("stty -echo\r");
        terminal.type_text("echo it-is-$((40+2))\r");
        terminal.wait_for("it-is-42", LIMIT);
        Some(Shell {
            machines,
            terminal,
            asked: 0,
        })
    }

    fn line(&mut self, line: &str) {
        self.terminal.type_text(&format!("{line}\r"));
    }

    /// The same once the shell asks for one: what is typed before goes to what runs, as with `ssh`.
    #[track_caller]
    fn command(&mut self, line: &str) {
        wait_until("a prompt", LIMIT, || self.terminal.shown().ends_with("$ "));
        self.line(line);
    }

    fn key(&mut self, key: &str) {
        self.terminal.type_text(key);
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        self.terminal.wait_for(text, LIMIT);
    }

    /// The shell is back, and what was run has ended so.
    #[track_caller]
    fn has_status(&mut self, status: i32) {
        self.asked += 1;
        let asked = self.asked;
        self.command(&format!("echo status-{asked}-is-$?."));
        self.shows(&format!("status-{asked}-is-{status}."));
    }

    /// How often something was shown.
    fn count(&self, text: &str) -> usize {
        self.terminal.shown().matches(text).count()
    }

    /// Ends it all: the terminal is in the state that the shell has left it in.
    #[track_caller]
    fn end(mut self) {
        self.command("exit 7");
        assert_eq!(
            self.terminal.wait(LIMIT).code(),
            Some(7),
            "{}",
            self.terminal.shown()
        );
        assert_eq!(self.machines.cs(&["stop"]).success().stderr, "");
    }
}

/// As one word for a shell.
fn python(program: &str) -> String {
    format!("python3 -SEu -c '{program}'")
}

#[test]
fn a_prompt_of_python() {
    let Some(mut shell) = Shell::or_skip(&[]) else {
        return;
    };
    shell.command("kept=$(stty -g)");
    shell.command("python3 -q");
    shell.shows(">>> ");
    shell.line("import os; print('on', os.uname().nodename)");
    shell.shows("on laptop");
    shell.line("for each in range(3): print('each', each * 11)\r");
    shell.shows("each 22");
    // A terminal throws away what is typed and not read yet when it interrupts.
    shell.line("print('for' + 'ever') or exec('while True: pass')");
    shell.shows("forever");
    shell.key(CONTROL_C);
    shell.shows("KeyboardInterrupt");
    wait_until("the prompt after it", LIMIT, || {
        shell.terminal.shown().ends_with(">>> ")
    });
    shell.key("half of a li");
    shell.shows("half of a li");
    // Between two keys, Python heeds an interrupt only once it waits for the next: else with the next.
    let process = *processes_with(&shell.machines.laptop, "python3 -q")
        .last()
        .unwrap();
    wait_until("it to wait for the next key", LIMIT, || {
        state(&shell.machines, process) == "S"
    });
    shell.key(CONTROL_C);
    wait_until("an answer to that", LIMIT, || {
        shell.count("KeyboardInterrupt") == 2
    });
    shell.line("print('still', 6 * 7)");
    shell.shows("still 42");
    shell.key(CONTROL_D);
    shell.has_status(0);
    shell.command("[ \"$kept\" = \"$(stty -g)\" ] && echo same-$((40+2))");
    shell.shows("same-42");
    shell.end();
}

#[test]
fn control_c_twice() {
    let Some(mut shell) = Shell::or_skip(&[]) else {
        return;
    };
    let program = python(
        "import time
try:
    print(\"beg\" + \"un\")
    time.sleep(100)
except KeyboardInterrupt:
    print(\"on\" + \"ce\")
    time.sleep(100)",
    );
    shell.command(&program);
    shell.shows("begun");
    shell.key(CONTROL_C);
    shell.shows("once");
    shell.key(CONTROL_C);
    shell.has_status(130);
    assert_eq!(
        processes_with(&shell.machines.laptop, "time.sleep(100)"),
        [0; 0]
    );
    // Of a list, the rest does not run either.
    shell.command(&format!(
        "{}; echo rest",
        python("import time; print(\"a\" + \"gain\"); time.sleep(101)")
    ));
    shell.shows("again");
    shell.key(CONTROL_C);
    shell.has_status(130);
    assert_eq!(shell.count("rest\r\n"), 0, "{}", shell.terminal.shown());
    shell.end();
}

#[test]
fn control_z_and_fg() {
    let Some(mut shell) = Shell::or_skip(&[]) else {
        return;
    };
    shell.command(&python(
        "print(\"s\" + \"ay\"); print(\"heard\", input()); print(\"and\", input())",
    ));
    shell.shows("say");
    let process = *processes_with(&shell.machines.laptop, "heard")
        .last()
        .unwrap();
    shell.key(CONTROL_Z);
    shell.shows("Stopped");
    shell.has_status(148);
    wait_until("it to be stopped on the laptop", LIMIT, || {
        state(&shell.machines, process) == "T"
    });
    shell.command("fg");
    shell.line("hello");
    shell.shows("heard hello");
    shell.key(CONTROL_Z);
    shell.has_status(148);
    shell.command("fg");
    shell.line("again");
    shell.shows("and again");
    shell.has_status(0);
    shell.end();
}

/// As the kernel has it: `T` is stopped.
fn state(machines: &Machines, process: u32) -> String {
    let path = machines.laptop.path(&format!("/proc/{process}/stat"));
    let stat = fs::read_to_string(path).unwrap_or_default();
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    rest.split(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn jobs_in_the_background() {
    let Some(mut shell) = Shell::or_skip(&[]) else {
        return;
    };
    // What is typed is the shell's, and then that of what is in the foreground.
    shell.command(&format!("{} &", python("print(\"heard\", input())")));
    shell.command("echo mine-$((40+2))");
    shell.shows("mine-42");
    shell.command("fg");
    shell.shows("python3 -SEu");
    shell.line("hello");
    shell.shows("heard hello");
    shell.has_status(0);
    shell.command(&format!(
        "{} &",
        python("import time; time.sleep(0.5); print(\"done \" + \"behind\")")
    ));
    shell.line("echo prompt-$((40+2))");
    shell.shows("prompt-42");
    shell.shows("done behind");
    shell.line("wait; echo waited-$((40+2))");
    shell.shows("waited-42");
    // One that was stopped goes on behind.
    shell.command(&python(
        "import time; print(\"beg\" + \"un\"); time.sleep(1); print(\"at the \" + \"end\")",
    ));
    shell.shows("begun");
    shell.key(CONTROL_Z);
    shell.has_status(148);
    shell.command("bg; echo prompt-$((40+3))");
    shell.shows("prompt-43");
    shell.shows("at the end");
    shell.line("wait");
    shell.end();
}

#[test]
fn a_terminal_with_colours_and_a_size() {
    let Some(mut shell) = Shell::or_skip(&[]) else {
        return;
    };
    let asks = "import os; print([os.isatty(n) for n in range(3)], file=open(\"/dev/tty\", \"w\"))";
    shell.command(&python(asks));
    shell.shows("[True, True, True]");
    shell.command(&format!("{} | cat", python(asks)));
    shell.shows("[True, False, True]");
    shell.command(&format!("echo | {} 2>/dev/null", python(asks)));
    shell.shows("[False, True, False]");
    shell.command(&python(
        "import os; print(\"size\", *os.get_terminal_size(), os.environ[\"TERM\"])",
    ));
    shell.shows("size 100 30 xterm-256color");
    shell.command(&python("print(\"\\033[31m\" + \"red\" + \"\\033[0m\")"));
    shell.shows("\u{1b}[31mred\u{1b}[0m");
    shell.command(&python(
        "import time
for percent in range(0, 101, 10):
    print(f\"\\r{percent}%\", end=\"\"); time.sleep(0.01)
print()",
    ));
    shell.shows("\r70%\r80%\r90%\r100%\r\n");
    shell.command(&python(
        "import getpass; print(\"secret of\", len(getpass.getpass(\"say: \")))",
    ));
    shell.shows("say: ");
    shell.line("secret");
    shell.shows("secret of 6");
    shell.end();
}

#[test]
fn a_window_that_grows() {
    let Some(mut shell) = Shell::or_skip(&[]) else {
        return;
    };
    shell.command(&python(
        "import os, signal, time
def told(*_):
    size = os.get_terminal_size()
    if size.columns == 121: print(\"grown\", *size); raise SystemExit(3)
signal.signal(signal.SIGWINCH, told)
print(\"wait\" + \"ing\")
while True: time.sleep(1)",
    ));
    shell.shows("waiting");
    // As a window does: by another program, the size of the same terminal.
    let find = "for each in /proc/[0-9]*; do [ \"$(cat $each/comm)\" = cs ] && readlink $each/fd/0; done 2>/dev/null | grep pts | head -1";
    let tty = shell.machines.on_laptop(find).stdout.trim().to_owned();
    let resize = ["stty", "-F", &tty, "rows", "41", "cols", "121"];
    drop(shell.machines.laptop.run(&resize).success());
    shell.shows("grown 121 41");
    shell.has_status(3);
    shell.end();
}

#[test]
fn a_pager_and_an_editor() {
    for program in ["less", "vim"] {
        if !is_installed(program) {
            return skip(format!("needs {program}"));
        }
    }
    let Some(mut shell) = Shell::or_skip(&["--proxy", "vim"]) else {
        return;
    };
    shell.command(&python(
        "import subprocess
text = \"\".join(f\"line {number}\\n\" for number in range(1000))
subprocess.run([\"less\"], input=text, text=True)",
    ));
    shell.shows("line 28");
    shell.key("G");
    shell.shows("line 999");
    shell.key("q");
    shell.has_status(0);
    shell.command("vim -u NONE -n notes");
    shell.shows("\"notes\" [New");
    shell.key("iwritten by hand");
    shell.key(ESCAPE);
    shell.line(":wq");
    shell.command("echo \"found: $(cat notes)\"");
    shell.shows("found: written by hand");
    let here = shell.machines.on_laptop("cat project/notes").success();
    assert_eq!(here.stdout, "written by hand\n");
    // Through another command, as `git commit` does, and none of it is the server's.
    shell.command(&python(
        "import subprocess; subprocess.run([\"vim\", \"-u\", \"NONE\", \"-n\", \"other\"])",
    ));
    shell.shows("\"other\" [New");
    assert!(!processes_with(&shell.machines.laptop, "vim -u NONE -n other").is_empty());
    shell.key("x");
    shell.key(ESCAPE);
    shell.line(":q!");
    shell.has_status(0);
    shell.end();
}

#[test]
fn npm_asks_and_is_answered() {
    if !is_installed("npm") {
        return skip("needs npm");
    }
    let Some(mut shell) = Shell::or_skip(&[]) else {
        return;
    };
    shell.command("npm --no-update-notifier init");
    for (question, answer) in [
        ("package name:", "by-hand"),
        ("version:", "2.3.4"),
        ("description:", "typed far away"),
        ("entry point:", ""),
        ("test command:", "echo tested"),
        ("git repository:", ""),
        ("keywords:", ""),
        ("author:", ""),
        ("license:", "MIT"),
    ] {
        shell.shows(question);
        shell.line(answer);
    }
    // Newer ones ask more.
    wait_until("the last question", LIMIT, || {
        shell.count("type:") + shell.count("Is this OK?") > 0
    });
    if shell.count("Is this OK?") == 0 {
        shell.line("");
        shell.shows("Is this OK?");
    }
    shell.line("yes");
    shell.has_status(0);
    let made = "node -p 'const {name, version, description, license, scripts} = require(\"./package.json\"); [name, version, description, license, scripts.test].join()'";
    let expected = "by-hand,2.3.4,typed far away,MIT,echo tested";
    shell.command(made);
    shell.shows(expected);
    let here = shell.machines.on_laptop(&format!("cd project && {made}"));
    assert_eq!(here.success().stdout, format!("{expected}\n"));
    shell.end();
}

#[test]
fn an_editor_that_git_starts() {
    for program in ["git", "vim"] {
        if !is_installed(program) {
            return skip(format!("needs {program}"));
        }
    }
    let Some(mut shell) = Shell::or_skip(&["--proxy", "git,vim"]) else {
        return;
    };
    let make = "cd project && git init -q -b main . && git config user.name Dev && git config user.email dev@example.com && echo a > a && git add a";
    drop(shell.machines.on_laptop(make).success());
    shell.command("git -c core.editor='vim -u NONE -n' commit");
    shell.shows("Please enter the commit message");
    // What git starts runs where git does.
    let edits = "vim -u NONE -n /home/dev/project/.git/COMMIT_EDITMSG";
    assert_ne!(processes_with(&shell.machines.laptop, edits), [0; 0]);
    assert_eq!(
        processes_with(&shell.machines.server, "COMMIT_EDITMSG"),
        [0; 0]
    );
    shell.key("iwritten by hand");
    shell.key(ESCAPE);
    shell.line(":wq");
    shell.shows("1 file changed");
    shell.has_status(0);
    let log = shell.machines.on_laptop("git -C project log --format=%s");
    assert_eq!(log.success().stdout, "written by hand\n");
    // One that is left without a message commits nothing, and says so.
    shell.command("git -c core.editor='vim -u NONE -n' commit --allow-empty");
    wait_until("the editor again", LIMIT, || {
        shell.count("Please enter the commit message") == 2
    });
    shell.line(":q!");
    shell.has_status(1);
    shell.end();
}

/// Whoever typed a command is gone, with the terminal: the command is, too.
#[test]
fn a_closed_window_ends_what_runs_in_it() {
    let Some(mut shell) = Shell::or_skip(&[]) else {
        return;
    };
    shell.command(&python(
        "import time; print(\"wait\" + \"ing\"); time.sleep(102)",
    ));
    shell.shows("waiting");
    let kill = "for each in /proc/[0-9]*; do
            tr '\\0' ' ' 2>/dev/null < $each/cmdline | grep -q '^bash --norc' && kill -HUP ${each#/proc/} && exit
        done; exit 1";
    drop(
        shell
            .machines
            .server
            .run_quickly_as(USER, &["sh", "-c", kill])
            .success(),
    );
    wait_until_gone(&shell.machines.laptop, "time.sleep(102)");
    assert_eq!(shell.machines.cs(&["stop"]).success().stderr, "");
}
