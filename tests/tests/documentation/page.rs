//! What a page says is to be done: its blocks of commands, and the comments that tell the test what no reader needs.

use std::ops::Range;
use std::path::Path;

/// A page of the documentation, read.
#[derive(Debug)]
pub(crate) struct Page {
    /// Relative to the repository.
    pub(crate) path: String,
    /// Where it is run; empty where it does not say.
    pub(crate) place: String,
    /// Programs without which it cannot be run.
    pub(crate) needs: Vec<String>,
    /// In their order.
    pub(crate) steps: Vec<Step>,
    /// Every fence that is opened, also of those that are no commands.
    pub(crate) fences: Vec<Fence>,
    /// What cannot be understood.
    pub(crate) complaints: Vec<String>,
}

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Fence {
    /// The first word after the fence.
    pub(crate) language: String,
    /// Of the fence itself, from 1.
    pub(crate) line: usize,
    /// What stands in it.
    pub(crate) lines: Vec<String>,
    /// Whether the page's test puts it into a file.
    pub(crate) is_file: bool,
}

/// What the test does.
#[derive(Debug)]
pub(crate) enum Step {
    /// Commands that a reader sees.
    Block(Block),
    /// A script that he does not see.
    Do(Seat, String),
    /// A command that he does not see, and that stays.
    Start(Seat, String),
    /// What stands in a block is put into the file, instead of what was there.
    Write(Seat, String, String),
    /// The reader has this file of the repository, at the same place below his home.
    Copy(String),
    /// Typed into what stays.
    Type(String),
    /// Until what stays has shown it.
    Wait(String),
    /// Until what stays has ended, with this status.
    Ends(i32),
    /// The token server forgets a login.
    Revoke(String),
}

/// Who types, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seat {
    /// The page's first machine if it does not say.
    pub(crate) machine: Option<String>,
    /// The page's user if it does not say.
    pub(crate) user: Option<String>,
}

/// A `console` block.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Of the fence, from 1.
    pub(crate) line: usize,
    /// Before each line in it.
    pub(crate) indent: String,
    pub(crate) seat: Seat,
    /// Prompts, and what is typed at them.
    pub(crate) answers: Vec<(String, String)>,
    /// How the last command ends.
    pub(crate) exit: i32,
    /// Whether the last command goes on.
    pub(crate) stays: bool,
    pub(crate) commands: Vec<Shown>,
}

/// A command and what it prints.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) command: String,
    pub(crate) by_root: bool,
    pub(crate) output: String,
    /// Where the output stands in the page: indices of lines, from 0.
    pub(crate) output_lines: Range<usize>,
}

/// What the comments say of the block that follows.
#[derive(Default)]
struct Said {
    block: Block,
    /// Whether there is anything that is for commands only.
    any: bool,
    /// The file that it is.
    file: Option<(Seat, String)>,
}

/// A comment, taken apart.
struct Comment<'a> {
    /// Of its first line, from 0.
    index: usize,
    /// Before the colon.
    name: &'a str,
    /// Behind it.
    rest: &'a str,
}

impl Page {
    /// Reads the page at `path`, relative to `root`.
    pub(crate) fn read(root: &Path, path: &str) -> Page {
        let text = std::fs::read_to_string(root.join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        Page::parse(path, &text)
    }

    pub(crate) fn parse(path: &str, text: &str) -> Page {
        let lines: Vec<&str> = text.lines().collect();
        let mut page = Page {
            path: path.to_owned(),
            place: String::new(),
            needs: Vec::new(),
            steps: Vec::new(),
            fences: Vec::new(),
            complaints: Vec::new(),
        };
        let (mut at, mut said) = (0, Said::default());
        while at < lines.len() {
            let line = lines[at].trim_start();
            if line.starts_with("```") {
                at = page.fence(&lines, at, std::mem::take(&mut said));
            } else if line.starts_with("<!--") {
                at = page.comment(&lines, at, &mut said);
            } else {
                if (said.any || said.file.is_some()) && !line.is_empty() {
                    page.complain(at, "a comment for a block, and text follows");
                    said = Said::default();
                }
                at += 1;
            }
        }
        page
    }

    fn complain(&mut self, index: usize, what: &str) {
        let complaint = format!("{}:{}: {what}", self.path, index + 1);
        self.complaints.push(complaint);
    }

    /// Reads the fence at `start`, and gives where the page goes on.
    fn fence(&mut self, lines: &[&str], start: usize, said: Said) -> usize {
        let opening = lines[start];
        let width = opening.len() - opening.trim_start().len();
        let (indent, opening) = opening.split_at(width);
        let ticks = opening.len() - opening.trim_start_matches('`').len();
        let language = opening[ticks..].split([' ', ',', '{']).next();
        let language = language.unwrap_or_default().to_owned();
        let is_end = |line: &&str| line.trim() == "`".repeat(ticks);
        let inside = &lines[start + 1..];
        let Some(count) = inside.iter().position(is_end) else {
            self.complain(start, "a fence without an end");
            return lines.len();
        };
        let strip = |line: &&str| line.strip_prefix(indent).unwrap_or(line).to_owned();
        let inside: Vec<String> = inside[..count].iter().map(strip).collect();
        let is_file = said.file.is_some();
        let is_console = language == "console";
        if (is_file && is_console) || (said.any && !is_console) {
            self.complain(start, "a comment for another kind of block");
        }
        if is_console {
            let mut block = said.block;
            block.line = start + 1;
            indent.clone_into(&mut block.indent);
            match commands(&inside, start + 1) {
                Ok(commands) => block.commands = commands,
                Err((index, what)) => self.complain(index, what),
            }
            self.steps.push(Step::Block(block));
        } else if let Some((seat, path)) = said.file {
            self.steps.push(Step::Write(seat, path, inside.join("\n")));
        }
        self.fences.push(Fence {
            language,
            line: start + 1,
            lines: inside,
            is_file,
        });
        start + count + 2
    }

    /// Reads the comment at `start`, and gives where the page goes on.
    fn comment(&mut self, lines: &[&str], start: usize, said: &mut Said) -> usize {
        let count = lines[start..].iter().position(|line| line.contains("-->"));
        let Some(count) = count else {
            self.complain(start, "a comment without an end");
            return lines.len();
        };
        let text = lines[start..=start + count].join("\n");
        let text = text.trim().trim_start_matches("<!--");
        let text = text.split("-->").next().unwrap_or_default().trim();
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let comment = Comment {
            index: start,
            name,
            rest: rest.trim(),
        };
        self.understand(&comment, said);
        start + count + 1
    }

    fn understand(&mut self, comment: &Comment, said: &mut Said) {
        let (kind, words) = comment.name.split_once(' ').unwrap_or((comment.name, ""));
        let rest = comment.rest.to_owned();
        match kind {
            "run" => self.place = rest,
            "needs" => self.needs = rest.split(", ").map(str::to_owned).collect(),
            "do" | "start" | "file" => match seat(words) {
                Some(seat) if kind == "do" => self.steps.push(Step::Do(seat, rest)),
                Some(seat) if kind == "start" => self.steps.push(Step::Start(seat, rest)),
                Some(seat) => said.file = Some((seat, rest)),
                None => self.complain(
                    comment.index,
                    "its name is followed by `on MACHINE`, `as USER`, both or none",
                ),
            },
            "copy" => self.steps.push(Step::Copy(rest)),
            "type" => self.steps.push(Step::Type(keys(&rest))),
            "wait" => self.steps.push(Step::Wait(rest)),
            "ends" => self.steps.push(Step::Ends(rest.parse().unwrap_or(0))),
            "revoke" => self.steps.push(Step::Revoke(rest)),
            "on" | "as" | "exit" | "answers" | "stays" => {
                said.any = true;
                if let Err(what) = about_block(&mut said.block, comment.name, &rest) {
                    self.complain(comment.index, what);
                }
            }
            _ => {}
        }
    }

    /// Whether there is anything in it to be run.
    pub(crate) fn is_run(&self) -> bool {
        let is_shown = |step: &Step| matches!(step, Step::Block(_) | Step::Write(..));
        self.steps.iter().any(is_shown)
    }

    /// Those that are run.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.steps.iter().filter_map(|step| match step {
            Step::Block(block) => Some(block),
            _ => None,
        })
    }
}

fn about_block(block: &mut Block, name: &str, rest: &str) -> Result<(), &'static str> {
    match name {
        "on" | "as" => {
            block.seat = seat(&format!("{name} {rest}"))
                .ok_or("`on: MACHINE`, `as: USER` or `on: MACHINE as USER`")?;
        }
        "exit" => block.exit = rest.parse().map_err(|_| "`exit: NUMBER`")?,
        "stays" => block.stays = true,
        _ => {
            for line in rest.lines() {
                let (prompt, answer) = line
                    .split_once("=>")
                    .ok_or("`PROMPT => ANSWER`, one a line")?;
                block
                    .answers
                    .push((prompt.trim().to_owned(), keys(answer.trim())));
            }
        }
    }
    Ok(())
}

/// `on server as alice`, either half or nothing.
fn seat(words: &str) -> Option<Seat> {
    let mut seat = Seat::default();
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        let name = Some(words.next()?.to_owned());
        match word {
            "on" => seat.machine = name,
            "as" => seat.user = name,
            _ => return None,
        }
    }
    Some(seat)
}

/// `^C` and the like as the terminal has them.
fn keys(text: &str) -> String {
    let mut typed = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek().copied()) {
            ('^', Some(key @ '@'..='_')) => {
                typed.push(char::from(key as u8 & 0x1f));
                letters.next();
            }
            ('\\', Some('r')) => {
                typed.push('\r');
                letters.next();
            }
            _ => typed.push(letter),
        }
    }
    typed
}

/// The commands of a block whose first line has the index `first` in the page.
fn commands(lines: &[String], first: usize) -> Result<Vec<Shown>, (usize, &'static str)> {
    let mut commands: Vec<Shown> = Vec::new();
    let (mut at, mut printed) = (0, Vec::new());
    while at < lines.len() {
        let line = lines[at].as_str();
        let prompted = line.strip_prefix("$ ").map(|command| (command, false));
        let Some((typed, by_root)) =
            prompted.or_else(|| line.strip_prefix("# ").map(|command| (command, true)))
        else {
            if commands.is_empty() {
                return Err((first + at, "output before the first command"));
            }
            printed.push(line);
            at += 1;
            continue;
        };
        finish(commands.last_mut(), &mut printed);
        let mut command = typed.to_owned();
        at += 1;
        // A here-document ends with its word, whatever it holds.
        while let Some(next) = lines.get(at) {
            let goes_on = command.ends_with('\\');
            let Some(more) = next.strip_prefix("> ").or_else(|| goes_on.then_some(next)) else {
                break;
            };
            command.push('\n');
            command.push_str(more);
            at += 1;
        }
        commands.push(Shown {
            command,
            by_root,
            output: String::new(),
            output_lines: first + at..first + at,
        });
    }
    finish(commands.last_mut(), &mut printed);
    if commands.is_empty() {
        return Err((first, "a block without a command"));
    }
    Ok(commands)
}

/// Gives the command what it printed. Blank lines before the next one are no output.
fn finish(command: Option<&mut Shown>, printed: &mut Vec<&str>) {
    while printed.last().is_some_and(|line| line.trim().is_empty()) {
        printed.pop();
    }
    if let Some(command) = command {
        let start = command.output_lines.start;
        command.output_lines = start..start + printed.len();
        command.output = printed.join("\n");
    }
    printed.clear();
}

#[test]
fn a_page_is_read() {
    let text = "<!-- run: host -->\n# Title\n\n<!-- on: server as alice -->\n<!-- answers:\nName: => me\n[y/N] => ^C\n-->\n\n```console\n$ one \\\n  two\nsaid\n\n# three\n```\n\n<!-- do as root: touch /x -->\n```sh\nfour\n```\n";
    let page = Page::parse("page.md", text);
    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
    assert_eq!(page.place, "host");
    let block = page.blocks().next().expect("a block");
    assert_eq!(block.seat.machine.as_deref(), Some("server"));
    assert_eq!(block.seat.user.as_deref(), Some("alice"));
    assert_eq!(block.answers[1], ("[y/N]".to_owned(), "\u{3}".to_owned()));
    let [first, second] = &block.commands[..] else {
        panic!("{block:?}");
    };
    assert_eq!(first.command, "one \\\n  two");
    assert_eq!(
        (first.output.as_str(), first.output_lines.clone()),
        ("said", 12..13)
    );
    assert!(second.by_root && second.output.is_empty());
    assert!(
        matches!(&page.steps[1], Step::Do(seat, script) if seat.user.as_deref() == Some("root") && script == "touch /x")
    );
    assert_eq!(page.fences.len(), 2);
}

#[test]
fn what_stands_in_a_file_is_no_command() {
    let text = "<!-- needs: fish, tmux -->\n<!-- copy: packaging/x -->\n<!-- file as root: /etc/x -->\n```sh\none\n  two\n```\n<!-- start: fish -->\n";
    let page = Page::parse("page.md", text);
    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
    assert_eq!(page.needs, ["fish", "tmux"]);
    assert!(page.is_run() && page.fences[0].is_file && page.blocks().next().is_none());
    let [
        Step::Copy(copied),
        Step::Write(seat, path, text),
        Step::Start(_, line),
    ] = &page.steps[..]
    else {
        panic!("{:?}", page.steps);
    };
    assert_eq!(seat.user.as_deref(), Some("root"));
    assert_eq!(
        [copied, path, text, line].map(String::as_str),
        ["packaging/x", "/etc/x", "one\n  two", "fish"]
    );
    for wrong in [
        "<!-- file: x -->\n```console\n$ one\n```\n",
        "<!-- file: x -->\ntext\n",
        "<!-- file me: x -->\n",
        "<!-- exit: 1 -->\n<!-- file: x -->\n```sh\none\n```\n",
    ] {
        let page = Page::parse("page.md", wrong);
        assert!(!page.complaints.is_empty(), "{wrong}");
    }
}
