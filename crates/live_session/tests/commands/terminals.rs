//! Commands on a terminal.

use live::commands::{End, News, Order, Start};
use live::programs::Size;
use rustix::process::Signal;

use crate::ends::{Laptop, on_terminal};

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_has_its_size_and_echoes_what_is_typed() {
    let (_laptop, mut server) = Laptop::both().await;
    let text =
        "stty size; trap 'stty size; exit 5' WINCH; while :; do read line; echo got $line; done";
    let command = server.begin(on_terminal(text)).await;
    server.hear_until(command, "31 97\r\n").await;
    server.type_in(command, "typed\r");
    let heard = server.hear_until(command, "got typed\r\n").await;
    assert!(heard.text().starts_with("typed\r\n"), "{heard:?}");
    server.say(
        command,
        Order::Resize(Size {
            rows: 12,
            columns: 50,
        }),
    );
    let heard = server.finish(command).await;
    assert!(heard.text().contains("12 50\r\n"), "{heard:?}");
    assert_eq!(heard.code, Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_interrupt_stop_and_end() {
    let (_laptop, mut server) = Laptop::both().await;
    let command = server
        .begin(on_terminal("echo ready; exec sleep 1000"))
        .await;
    server.hear_until(command, "ready\r\n").await;
    server.type_in(command, "\x03");
    let heard = server.finish(command).await;
    assert_eq!(heard.signal, Some(Signal::INT.as_raw()));
    // Without another program: a shell that begins one while that is stopped does not stop itself.
    let command = server
        .begin(on_terminal("echo ready; read line; echo end"))
        .await;
    server.hear_until(command, "ready\r\n").await;
    server.type_in(command, "\x1a");
    let mut output = Vec::new();
    loop {
        match server.next_of(command).await {
            News::Output { bytes, .. } => output.extend_from_slice(&bytes),
            News::Stopped(signal) => break assert_eq!(signal, Signal::TSTP.as_raw()),
            News::Taken(_) => {}
            news => panic!("{news:?}"),
        }
    }
    // What it had output before was told before.
    assert_eq!(output, b"^Z");
    server.say(command, Order::Signal(Signal::CONT.as_raw()));
    assert_eq!(server.next_of(command).await, News::Continued);
    server.type_in(command, "\x04");
    let heard = server.finish(command).await;
    assert_eq!((heard.text().as_str(), heard.code), ("end\r\n", Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_streams_are_the_terminal_that_are_it_on_the_server() {
    let (_laptop, mut server) = Laptop::both().await;
    let text = "test -t 0 && test ! -t 1 && test -t 2 && echo so; echo shown >&2";
    let start = Start {
        streams: [End::Terminal, End::Pipe, End::Terminal],
        ..on_terminal(text)
    };
    let heard = server.run(start).await;
    assert_eq!(
        (&heard.output[..], &heard.errors[..]),
        (&b"so\n"[..], &b"shown\r\n"[..])
    );
    let text = "test ! -t 0 && test -t 1 && test ! -t 2 && echo so; echo apart >&2";
    let start = Start {
        streams: [End::Nothing, End::Terminal, End::Pipe],
        ..on_terminal(text)
    };
    let heard = server.run(start).await;
    assert_eq!(
        (&heard.output[..], &heard.errors[..]),
        (&b"so\r\n"[..], &b"apart\n"[..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_it_outputs_last_comes() {
    let (_laptop, mut server) = Laptop::both().await;
    for _ in 0..20 {
        let heard = server.run(on_terminal("seq 1 3000; exit 4")).await;
        assert!(heard.text().ends_with("2999\r\n3000\r\n"));
        assert_eq!(heard.code, Some(4));
    }
}
