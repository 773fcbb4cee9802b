//! Somebody who looks at a program.

use live::Bytes;
use live::programs::{Program, Size, Viewer};
use rustix::process::Signal;
use terminal::{Acknowledger, Terminal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::piped::Piped;
use super::sizes::Wish;
use super::telling::{Telling, pieces};
use super::typed::{Taking, Typed, type_in};

/// See the head of this file. When this is dropped, nothing more is told; what was typed is still taken.
pub(super) struct Viewing {
    pub(super) program: Program,
    pub(super) wish: Wish,
    typed: UnboundedSender<Typed>,
    end: End,
}

/// What is at the other end.
enum End {
    Terminal(Acknowledger, AbortHandle),
    Piped(Piped),
}

impl Viewing {
    /// Begins to tell. Inside of a tokio runtime.
    pub(super) fn of_terminal(
        program: Program,
        viewer: Viewer,
        wish: Wish,
        terminal: &Terminal,
        telling: Telling,
        after: impl FnOnce() + Send + 'static,
    ) -> Self {
        let (typed, waiting) = unbounded_channel();
        let taking = Taking::new(viewer, telling.clone());
        let typist = Some(terminal.clone()).filter(|_| !wish.read_only);
        tokio::spawn(type_in(typist, waiting, taking));
        let shown = terminal.attach(None);
        let acknowledger = shown.acknowledger();
        let telling = tokio::spawn(async move {
            show(shown, viewer, telling).await;
            after();
        });
        Self {
            program,
            wish,
            typed,
            end: End::Terminal(acknowledger, telling.abort_handle()),
        }
    }

    pub(super) fn of_pipes(program: Program, piped: &Piped, typed: UnboundedSender<Typed>) -> Self {
        Self {
            program,
            wish: Wish {
                size: None,
                read_only: false,
            },
            typed,
            end: End::Piped(piped.clone()),
        }
    }

    pub(super) fn typed(&self, bytes: Bytes) {
        // Fails for a program that has ended.
        self.typed.send(Typed::Bytes(bytes)).ok();
    }

    pub(super) fn input_ended(&self) {
        self.typed.send(Typed::End).ok();
    }

    pub(super) fn seen(&self, after: u64) {
        match &self.end {
            End::Terminal(acknowledger, _) => acknowledger.acknowledge(after),
            End::Piped(piped) => piped.pace.seen(after),
        }
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.wish.size = Some(size);
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let End::Piped(piped) = &self.end {
            piped.signal(signal);
        }
    }
}

impl Drop for Viewing {
    fn drop(&mut self) {
        match &self.end {
            End::Terminal(_, telling) => telling.abort(),
            End::Piped(piped) => piped.pace.detach(),
        }
    }
}

/// Tells what a terminal shows, until it has ended.
async fn show(mut shown: terminal::Viewer, viewer: Viewer, telling: Telling) {
    while let Some(event) = shown.next().await {
        for output in pieces(event) {
            telling.tell(viewer, output).await;
        }
    }
}
