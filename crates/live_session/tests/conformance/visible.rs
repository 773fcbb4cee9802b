//! What changes on the laptop is seen on the server, also by a process that has the file open or mapped.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::ChildStdin;
use std::time::Instant;

use testkit::{Process, wait_until};

use crate::programs::{command, find};
use crate::session::{LIMIT, Session, with_session};

const HOLDER: &str = include_str!("holder.py");

/// A process on the server that has a file open and mapped.
struct Holder {
    process: Process,
    /// Closed, it ends.
    stdin: Option<ChildStdin>,
    answers: usize,
}

impl Holder {
    fn start(session: &Session, file: &Path) -> Holder {
        let mut python = command(session, "python3", &session.beside(""));
        python.args(["-uc", HOLDER]).arg(file);
        let mut process = Process::spawn_talking(python);
        let stdin = Some(process.take_stdin());
        Holder {
            process,
            stdin,
            answers: 0,
        }
    }

    /// What it sees: `read`, `map`, `size`, `path` or `links`.
    fn sees(&mut self, what: &str) -> String {
        writeln!(self.stdin.as_ref().unwrap(), "{what}").unwrap();
        let line = self.process.wait_for_line(self.answers, LIMIT);
        self.answers += 1;
        line
    }

    /// Waits until it sees that; how long it took is printed, and measured by nobody.
    #[track_caller]
    fn until_it_sees(&mut self, what: &str, wanted: &str) {
        let start = Instant::now();
        wait_until(&format!("{what}: {wanted}"), LIMIT, || {
            self.sees(what) == wanted
        });
        println!("{what}: {wanted}: seen after {:?}", start.elapsed());
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.stdin = None;
        self.process.wait(LIMIT);
    }
}

fn with_holder(test_name: &str, body: impl FnOnce(&Session, &mut Holder)) {
    with_session(test_name, |session| {
        if find("python3", "apt-get install python3").is_none() {
            return;
        }
        fs::write(session.laptop("file"), "before").unwrap();
        let mut holder = Holder::start(session, &session.server("file"));
        for what in ["read", "map", "path"] {
            holder.until_it_sees(what, "before");
        }
        body(session, &mut holder);
    });
}

fn open(path: &Path) -> File {
    File::options()
        .write(true)
        .append(false)
        .open(path)
        .unwrap()
}

#[test]
fn who_has_a_file_open_or_mapped_sees_what_is_written_into_it() {
    let name = "visible::who_has_a_file_open_or_mapped_sees_what_is_written_into_it";
    with_holder(name, |session, holder| {
        let file = open(&session.laptop("file"));
        for contents in ["second", "third!", "fourth"] {
            file.write_all_at(contents.as_bytes(), 0).unwrap();
            for what in ["read", "map", "path"] {
                holder.until_it_sees(what, contents);
            }
        }
        // The same length, the same second, and a time of change that is put back.
        let before = file.metadata().unwrap().modified().unwrap();
        file.write_all_at(b"fifth!", 0).unwrap();
        file.set_modified(before).unwrap();
        for what in ["read", "map", "path"] {
            holder.until_it_sees(what, "fifth!");
        }
    });
}

#[test]
fn who_has_a_file_open_sees_it_grow_and_shrink() {
    let name = "visible::who_has_a_file_open_sees_it_grow_and_shrink";
    with_holder(name, |session, holder| {
        let file = open(&session.laptop("file"));
        file.write_all_at(b" and after", 6).unwrap();
        holder.until_it_sees("read", "before and after");
        holder.until_it_sees("size", "16");
        file.set_len(3).unwrap();
        holder.until_it_sees("read", "bef");
        holder.until_it_sees("size", "3");
        // What is beyond the end is gone, also when the file grows again.
        file.set_len(6).unwrap();
        holder.until_it_sees("size", "6");
        holder.until_it_sees("read", r"bef\0\0\0");
        holder.until_it_sees("map", r"bef\0\0\0");
    });
}

#[test]
fn who_has_a_file_open_keeps_it_when_another_takes_its_name() {
    let name = "visible::who_has_a_file_open_keeps_it_when_another_takes_its_name";
    with_holder(name, |session, holder| {
        fs::write(session.laptop("new"), "another").unwrap();
        fs::rename(session.laptop("new"), session.laptop("file")).unwrap();
        holder.until_it_sees("path", "another");
        holder.until_it_sees("links", "0");
        assert_eq!(holder.sees("read"), "before");
        assert_eq!(holder.sees("map"), "before");
        fs::remove_file(session.laptop("file")).unwrap();
        holder.until_it_sees("path", "FileNotFoundError");
        assert_eq!(holder.sees("read"), "before");
    });
}

#[test]
fn names_that_come_go_and_move_are_seen() {
    with_session("visible::names_that_come_go_and_move_are_seen", |session| {
        let names = || {
            let entries = fs::read_dir(session.server("")).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        // Looked for before, so that it is known not to be there.
        assert!(!session.server("new").exists());
        assert_eq!(names(), Vec::<String>::new());
        fs::write(session.laptop("new"), "x").unwrap();
        wait_until("the new file", LIMIT, || session.server("new").exists());
        wait_until("its name", LIMIT, || names() == ["new"]);
        fs::create_dir_all(session.laptop("deep/er")).unwrap();
        fs::rename(session.laptop("new"), session.laptop("deep/er/moved")).unwrap();
        wait_until("the move", LIMIT, || {
            fs::read(session.server("deep/er/moved")).is_ok_and(|contents| contents == b"x")
        });
        wait_until("its old name", LIMIT, || names() == ["deep"]);
        // In a directory that was not there when the watching began.
        fs::write(session.laptop("deep/er/another"), "y").unwrap();
        wait_until("a file in a new directory", LIMIT, || {
            session.server("deep/er/another").exists()
        });
        fs::remove_dir_all(session.laptop("deep")).unwrap();
        wait_until("the removal", LIMIT, || names().is_empty());
        assert!(!session.server("deep/er/moved").exists());
    });
}
