//! What goes on in a session while something happens to it: programs on the server that write through the mount, read and
//! count, each of whose steps can be told from any other.

use std::time::Duration;

use end_to_end::LIMIT;
use testkit::{Process, Terminal, wait_until};

use end_to_end::machines::{Machines, USER};

/// Whoever works on the server ends its work when this is there.
const STOP: &str = "/tmp/stop";
/// Files of known content, made durable one by one, and a log that says each that is.
const WRITE: &str = "i=0; while [ ! -e /tmp/stop ]; do
        i=$((i+1))
        seq $i $((i+1999)) > \"$1/written/$i\" && sync \"$1/written/$i\" || exit 1
        echo \"line $i\" >> \"$1/log\" || exit 1
        echo $i
        sleep 0.05
    done";
/// The whole of a big file, over and over. What was read is not kept by the kernel.
const READ: &str = "while [ ! -e /tmp/stop ]; do
        sum=$(dd if=\"$1/big\" bs=256k iflag=nocache status=none | sha256sum) || exit 1
        echo ${sum%% *}
        sleep 0.05
    done";
const COUNT: &str = "i=0; while [ ! -e /tmp/stop ]; do i=$((i+1)); echo count $i.; sleep 0.05; done; echo counted $i";

/// See the head of this file.
pub(crate) struct Work {
    writer: Process,
    reader: Process,
    counter: Terminal,
    sum: String,
}

impl Work {
    /// Has it begin in the main directory of the one session.
    #[track_caller]
    pub(crate) fn begin(machines: &Machines) -> Work {
        let script = "mkdir project/written && yes 'known content' | head -c 16777216 > project/big && sha256sum < project/big";
        let sum = machines.on_laptop(script).success().stdout;
        let mount = machines.main_mount();
        let start = |script: &str| {
            let mut command = machines.server.command_as_user(USER, "sh");
            command.args(["-c", script, "sh", &mount]);
            Process::spawn_talking(command)
        };
        Work {
            writer: start(WRITE),
            reader: start(READ),
            counter: machines.cs_terminal(&["run", "sh", "-c", COUNT]),
            sum: sum.split(' ').next().unwrap().to_owned(),
        }
    }

    /// How far whoever writes has come.
    pub(crate) fn written(&self) -> usize {
        self.writer.lines().len()
    }

    /// Waits until each has done something more.
    #[track_caller]
    pub(crate) fn wait_until_it_goes_on(&self, limit: Duration) {
        let (written, read, counted) = (
            self.written() + 5,
            self.reader.lines().len() + 2,
            self.counted().len() + 5,
        );
        wait_until("writing", limit, || self.written() >= written);
        wait_until("reading", limit, || self.reader.lines().len() >= read);
        wait_until("counting", limit, || self.counted().len() >= counted);
    }

    fn counted(&self) -> Vec<usize> {
        let shown = without_titles(&self.counter.shown());
        let told = shown.split("count ").skip(1);
        told.filter_map(|rest| rest.split_once('.')?.0.parse().ok())
            .collect()
    }

    /// Ends it: everything was done, once, and is on the laptop.
    #[track_caller]
    pub(crate) fn assert_whole(mut self, machines: &Machines) {
        drop(machines.on_server(&format!("touch {STOP}")).success());
        for process in [&mut self.writer, &mut self.reader] {
            assert!(process.wait(LIMIT).success());
        }
        assert_eq!(self.counter.wait(LIMIT).code(), Some(0));
        drop(machines.on_server(&format!("rm {STOP}")).success());
        let counted = self.counted();
        self.counter
            .wait_for(&format!("counted {}", counted.len()), LIMIT);
        assert_eq!(counted, Vec::from_iter(1..=counted.len()));
        assert!(
            self.reader.lines().iter().all(|sum| *sum == self.sum),
            "what was read is {}: {:?}",
            self.sum,
            self.reader.lines()
        );
        self.assert_written(machines);
    }

    #[track_caller]
    fn assert_written(&self, machines: &Machines) {
        let steps = 1..=self.written();
        assert_eq!(
            machines.on_laptop("cat project/log").success().stdout,
            lines(steps.clone().map(|step| format!("line {step}")))
        );
        let script = "cd project/written && for each in $(ls | sort -n); do echo file $each; cat $each; done";
        let expected = steps.map(|step| format!("file {step}\n{}", lines(step..step + 2000)));
        let found = machines.on_laptop(script).success().stdout;
        assert!(found == String::from_iter(expected), "a file is damaged");
    }
}

fn lines(each: impl Iterator<Item = impl std::fmt::Display>) -> String {
    each.map(|line| format!("{line}\n")).collect()
}

/// What a terminal shows without the titles that it was given meanwhile.
fn without_titles(shown: &str) -> String {
    let shown = shown
        .replace("\u{1b}[22;0t", "")
        .replace("\u{1b}[23;0t", "");
    let mut parts = shown.split("\u{1b}]2;");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once("\u{1b}\\").map_or("", |(_, rest)| rest)
    })
}
