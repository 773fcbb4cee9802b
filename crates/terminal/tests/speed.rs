//! How fast output goes through; run by hand: `cargo test --release -p terminal --test speed -- --ignored --nocapture`.

mod common;

use std::time::{Duration, Instant};

use common::{Watching, shell};
use terminal::{History, Size, Terminal};

const OUTPUT: usize = 50 << 20;

#[test]
#[ignore = "measures"]
fn a_history_forgets_fast() {
    let plain = "the quick brown fox jumps over the lazy dog, and then again\r\n".repeat(66);
    let coloured = "\x1b[32mthe quick\x1b[0m brown \x1b[1;31mfox\x1b[m\x1b[K jumps\r\n".repeat(80);
    let endless = "0123456789abcdef".repeat(256);
    let moving = "\x1b[3;4H\x1b[Kmoving about\x1b[10;20H\x1b[32mand back\x1b[m".repeat(80);
    let wide = "漢字と仮名、それから👍\r\n".repeat(120);
    for (name, piece) in [
        ("plain", plain),
        ("coloured", coloured),
        ("endless", endless),
        ("moving", moving),
        ("wide", wide),
    ] {
        let mut history = History::new(Size::DEFAULT, 1 << 20);
        let begun = Instant::now();
        let mut bytes = 0;
        while bytes < OUTPUT {
            history.push(piece.as_bytes());
            bytes += piece.len();
        }
        let pushed = begun.elapsed();
        let begun = Instant::now();
        let picture = history.picture().len();
        println!(
            "{name}: {:.0} MB/s, picture of {picture} bytes in {:?}",
            bytes as f64 / 1e6 / pushed.as_secs_f64(),
            begun.elapsed()
        );
        history.resize(Size::clamped(30, 100));
        history.push(b"x");
        let begun = Instant::now();
        let picture = history.picture().len();
        println!(
            "    after a resize {picture} bytes in {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn a_program_is_read_fast() {
    let home = testkit::TestHome::new();
    for (name, script, viewers) in [
        (
            "plain, nobody looks",
            "yes 'the quick brown fox jumps over the lazy dog' | head -c 50000000",
            0,
        ),
        (
            "plain, one viewer",
            "yes 'the quick brown fox jumps over the lazy dog' | head -c 50000000",
            1,
        ),
        (
            "plain, three viewers",
            "yes 'the quick brown fox jumps over the lazy dog' | head -c 50000000",
            3,
        ),
        ("raw, one viewer", "stty raw; head -c 50000000 /dev/zero", 1),
    ] {
        let cpu = own_cpu();
        let begun = Instant::now();
        let mut start = shell(&home, script);
        start.kept = 1 << 20;
        let terminal = Terminal::start(start).unwrap();
        let mut tasks = Vec::new();
        for _ in 0..viewers {
            let mut viewer = terminal.attach(None);
            tasks.push(tokio::spawn(async move {
                let mut events = 0;
                while let Some(event) = viewer.next().await {
                    events += 1;
                    if let terminal::Event::Output { after, .. }
                    | terminal::Event::Picture { after, .. } = event
                    {
                        viewer.acknowledge(after);
                    }
                }
                events
            }));
        }
        terminal.wait().await;
        let mut events = 0;
        for task in tasks {
            events += task.await.unwrap();
        }
        let (took, bytes) = (begun.elapsed(), terminal.output_bytes());
        println!(
            "{name}: {:.1} MB/s, {:?} of CPU here, {events} events",
            bytes as f64 / 1e6 / took.as_secs_f64(),
            own_cpu() - cpu
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn a_key_comes_back_fast() {
    let home = testkit::TestHome::new();
    let flooding = Terminal::start(shell(&home, "yes")).unwrap();
    for flood in [false, true] {
        let terminal = Terminal::start(shell(&home, "stty raw; cat")).unwrap();
        let mut watching = Watching::from_start(&terminal);
        if flood {
            let mut viewer = flooding.attach(None);
            viewer.set_acknowledging(false);
            tokio::spawn(async move { while viewer.next().await.is_some() {} });
        }
        let mut times = Vec::new();
        for key in 0..1_000 {
            let begun = Instant::now();
            let text = format!("<{key}>");
            terminal.input(text.clone().into()).unwrap();
            watching.bytes.clear();
            watching.until(&text).await;
            times.push(begun.elapsed());
        }
        times.sort();
        println!("flood {flood}: p50 {:?}, p99 {:?}", times[500], times[990]);
    }
}

fn own_cpu() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        used.tv_sec.unsigned_abs(),
        used.tv_nsec.unsigned_abs() as u32,
    )
}
