//! Does what a page says.

use end_to_end::LIMIT;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use testkit::Terminal;

use crate::likeness::difference;
use crate::page::{Block, Page, Seat, Shown, Step};
use crate::place::{Place, ended, wait_for_end, wait_for_text};

/// Set to `overwrite`: what is printed is put into the page where it differs.
const MODE: &str = "DOCUMENTATION";
/// How long nothing more has to come, where what comes is not known.
const QUIET: Duration = Duration::from_secs(2);

/// The repository.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").to_owned()
}

/// Runs the page at `path`, relative to the repository.
pub(crate) fn check(path: &str) {
    if !root().join(path).exists() {
        // `rules` complains of a list that has a page which the book has not.
        return;
    }
    let page = Page::read(&root(), path);
    assert!(page.complaints.is_empty(), "{}", page.complaints.join("\n"));
    if !page.is_run() || lacks_program(&page) {
        return;
    }
    let Some(place) = Place::or_skip(&page.place) else {
        return;
    };
    let overwrite = std::env::var_os(MODE).is_some_and(|mode| mode == "overwrite");
    let mut run = Run {
        path,
        staying: Vec::new(),
        place,
        overwrite,
        complaints: Vec::new(),
        edits: Vec::new(),
    };
    for step in &page.steps {
        run.step(step);
    }
    for index in 0..run.staying.len() {
        run.expect_silence(index);
    }
    let Run {
        complaints, edits, ..
    } = run;
    if overwrite {
        apply(path, edits);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Whether a program that the page needs is missing; the test is noted as skipped then.
fn lacks_program(page: &Page) -> bool {
    let directories = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
    let is_missing = |program: &&String| {
        let mut places = directories
            .iter()
            .map(|place| Path::new(place).join(program));
        !places.any(|path| path.is_file())
    };
    let missing = page.needs.iter().find(is_missing);
    if let Some(program) = missing {
        testkit::skip(format!("needs {program}"));
    }
    missing.is_some()
}

/// A command that goes on while the page does.
struct Staying<'a> {
    terminal: Terminal,
    /// Where the page shows it, if it prints nothing there: it has to print nothing until something is typed into it.
    silent: Option<(&'a Block, &'a Shown)>,
}

struct Run<'a> {
    path: &'a str,
    /// Dropped first: they run in the place.
    staying: Vec<Staying<'a>>,
    place: Place,
    overwrite: bool,
    complaints: Vec<String>,
    /// Lines of the page, and what is to stand in their place.
    edits: Vec<(Range<usize>, Vec<String>)>,
}

impl<'a> Run<'a> {
    fn step(&mut self, step: &'a Step) {
        match step {
            Step::Block(block) => self.block(block),
            Step::Do(seat, script) => self.unseen(seat, script),
            Step::Start(seat, line) => {
                let terminal = self.place.start(seat, line);
                let silent = None;
                self.staying.push(Staying { terminal, silent });
            }
            Step::Write(seat, path, text) => self.write(seat, path, text),
            Step::Copy(path) => self.place.copy(path),
            Step::Type(text) => {
                let index = self.newest();
                self.expect_silence(index);
                self.staying[index].terminal.type_text(text);
            }
            Step::Wait(text) => {
                let index = self.newest();
                wait_for_text(&self.staying[index].terminal, text);
            }
            Step::Ends(expected) => {
                let index = self.newest();
                self.expect_silence(index);
                let mut terminal = self.staying.remove(index).terminal;
                let status = wait_for_end(&mut terminal, "what stayed");
                assert_eq!(
                    status,
                    *expected,
                    "{}: what stayed: {}",
                    self.path,
                    terminal.shown()
                );
            }
            Step::Revoke(name) => self.place.revoke(name),
        }
    }

    /// The index of what stays since the shortest time.
    fn newest(&self) -> usize {
        let newest = self.staying.len().checked_sub(1);
        newest.expect("something that stays")
    }

    /// Complains if what the page shows without output has printed something.
    fn expect_silence(&mut self, index: usize) {
        let staying = &mut self.staying[index];
        if let Some((block, shown)) = staying.silent.take() {
            let printed = self.place.as_shown(&staying.terminal.shown());
            self.compare(block, shown, &printed);
        }
    }

    fn write(&mut self, seat: &Seat, path: &str, text: &str) {
        let directory = path.rsplit_once('/').map_or(".", |(above, _)| above);
        let end = "END OF THE BLOCK";
        let script = format!("mkdir -p {directory} && cat > {path} <<'{end}'\n{text}\n{end}");
        self.unseen(seat, &script);
    }

    fn unseen(&mut self, seat: &Seat, script: &str) {
        let mut terminal = self.place.start(seat, &format!("(umask 077\n{script}\n)"));
        let status = wait_for_end(&mut terminal, script);
        assert_eq!(status, 0, "{}: {script}\n{}", self.path, terminal.shown());
    }

    fn block(&mut self, block: &'a Block) {
        let mut answers = block.answers.iter();
        let last = block.commands.len() - 1;
        for (index, shown) in block.commands.iter().enumerate() {
            let is_last = index == last;
            let seat = if shown.by_root {
                Seat {
                    user: Some("root".to_owned()),
                    ..block.seat.clone()
                }
            } else {
                block.seat.clone()
            };
            let mut terminal = self.place.start(&seat, &shown.command);
            self.answer(&mut terminal, shown, &mut answers);
            if is_last && block.stays {
                self.stays(terminal, block, shown);
                continue;
            }
            let status = wait_for_end(&mut terminal, &shown.command);
            let expected = if is_last { block.exit } else { 0 };
            if status != expected {
                self.complain(
                    block,
                    shown,
                    &format!("ended with {status}, not {expected}"),
                );
            }
            let printed = self.place.as_shown(&terminal.shown());
            self.compare(block, shown, &printed);
        }
        assert!(
            answers.next().is_none(),
            "{}:{}: an answer to which there was no question",
            self.path,
            block.line
        );
    }

    /// Types the answers, each when its prompt is there. One that the command does not ask for is for the next.
    fn answer<'b>(
        &self,
        terminal: &mut Terminal,
        shown: &Shown,
        answers: &mut (impl Iterator<Item = &'b (String, String)> + Clone),
    ) {
        let (mut seen, deadline) = (0, Instant::now() + LIMIT);
        while let Some((prompt, answer)) = answers.clone().next() {
            let sent = terminal.shown();
            if let Some(found) = sent[seen..].find(prompt.as_str()) {
                seen += found + prompt.len();
                terminal.type_text(&format!("{answer}\r"));
                answers.next();
            } else if ended(&sent).is_some() {
                return;
            } else {
                let command = &shown.command;
                assert!(
                    Instant::now() < deadline,
                    "{command}: waited for {prompt:?}; shown: {sent}"
                );
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Waits until what is to be shown is there, and leaves the command running.
    fn stays(&mut self, terminal: Terminal, block: &'a Block, shown: &'a Shown) {
        if shown.output.is_empty() && !self.overwrite {
            let silent = Some((block, shown));
            self.staying.push(Staying { terminal, silent });
            return;
        }
        let (mut before, mut since) = (String::new(), Instant::now());
        let deadline = Instant::now() + LIMIT;
        loop {
            let printed = self.place.as_shown(&terminal.shown());
            if printed != before {
                (before, since) = (printed, Instant::now());
            }
            let is_there = !shown.output.is_empty() && difference(&shown.output, &before).is_none();
            let is_all = self.overwrite && !before.is_empty() && since.elapsed() > QUIET;
            if is_there || is_all || Instant::now() > deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.compare(block, shown, &before);
        let silent = None;
        self.staying.push(Staying { terminal, silent });
    }

    fn compare(&mut self, block: &Block, shown: &Shown, printed: &str) {
        let Some(difference) = difference(&shown.output, printed) else {
            return;
        };
        if self.overwrite {
            let line = |line: &str| format!("{}{line}", block.indent).trim_end().to_owned();
            let lines = if printed.is_empty() {
                Vec::new()
            } else {
                printed.lines().map(line).collect()
            };
            self.edits.push((shown.output_lines.clone(), lines));
        } else {
            self.complain(block, shown, &difference);
        }
    }

    fn complain(&mut self, block: &Block, shown: &Shown, what: &str) {
        let (path, line, command) = (self.path, block.line, &shown.command);
        let complaint = format!("{path}:{line}: {command}\n{what}");
        self.complaints.push(complaint);
    }
}

/// From the last to the first, so that lines keep their numbers until they are changed.
fn apply(path: &str, mut edits: Vec<(Range<usize>, Vec<String>)>) {
    if edits.is_empty() {
        return;
    }
    let file = root().join(path);
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // What should have been silent is looked at late.
    edits.sort_by_key(|(range, _)| range.start);
    for (range, with) in edits.into_iter().rev() {
        lines.splice(range, with);
    }
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    eprintln!("{path}: overwritten");
}
