//! Keys: from typing one until it is shown, where the program on the server says back what it reads.

use std::time::{Duration, Instant};

use testkit::Terminal;

use super::scene::{PATIENCE, Scene};
use super::{keep, millis, print, quantile};

const KEYS: usize = 500;
/// Says back each byte as it comes.
const SAYS_BACK: &str = "stty raw -echo; echo begin; exec cat";
/// How long nobody types between two keys.
const PAUSE: Duration = Duration::from_millis(2);

pub(super) fn echo(scene: &Scene) {
    let cs = scene.terminal(&format!("cs live --command '{SAYS_BACK}'"));
    let ssh = scene.terminal(&format!("ssh -q -t dev@server '{SAYS_BACK}'"));
    let mut ends = [ssh, cs].map(Keyboard::new);
    for number in 0..KEYS {
        // In turn, so that a busy machine slows both.
        for end in &mut ends {
            end.press(number);
        }
    }
    let [ssh, cs] = ends.map(|end| (quantile(&end.times, 0.5), quantile(&end.times, 0.99)));
    let beside = format!(
        "   (p50 {:.2}; plain ssh -t: p50 {:.2}, p99 {:.2}; difference of p99 {:+.2})",
        millis(cs.0),
        millis(ssh.0),
        millis(ssh.1),
        millis(cs.1) - millis(ssh.1),
    );
    let label = format!("echo of {KEYS} keys, p99");
    print(scene, &label, cs.1, scene.bar(1, 5), &beside);
    keep(scene, "echo", cs.1, ssh.1);
    scene.cs(&["stop"]);
}

struct Keyboard {
    terminal: Terminal,
    typed: String,
    times: Vec<Duration>,
}

impl Keyboard {
    fn new(terminal: Terminal) -> Self {
        terminal.wait_for("begin", PATIENCE);
        Self {
            terminal,
            typed: String::new(),
            times: Vec::new(),
        }
    }

    fn press(&mut self, number: usize) {
        // Upper case: nothing else that is shown is in it alone.
        let key = char::from(b'A' + u8::try_from(number * 7 % 26).unwrap());
        self.typed.push(key);
        let began = Instant::now();
        self.terminal.type_text(key.encode_utf8(&mut [0; 4]));
        self.terminal.wait_for(&self.typed, PATIENCE);
        self.times.push(began.elapsed());
        std::thread::sleep(PAUSE);
    }
}
