//! Work that costs memory and processor time, and that anybody can ask for.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::Semaphore;

use crate::error::ApiError;
use crate::vaults::blocking;

/// So many things of a kind at once; others wait, and beyond that they are refused.
pub(crate) struct Slots {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// How much was begun.
    #[cfg(test)]
    pub(crate) begun: std::sync::atomic::AtomicUsize,
}

impl Slots {
    pub(crate) fn new(running: usize, waiting: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(running)),
            admitted: Arc::new(Semaphore::new(running + waiting)),
            #[cfg(test)]
            begun: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// Does `work` where it may block, when it is its turn. A caller who goes away meanwhile frees
    /// no place before the work is done.
    ///
    /// # Errors
    /// 503 if too many wait; else what `work` says.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let Ok(admitted) = Arc::clone(&self.admitted).try_acquire_owned() else {
            return Err(busy());
        };
        let turn = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| busy())?;
        #[cfg(test)]
        self.begun.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        blocking(move || {
            let result = work();
            drop((turn, admitted));
            result
        })
        .await
    }
}

fn busy() -> ApiError {
    let message = "too many are being served at this moment";
    let mut error =
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message).hinted("Try again in a moment.");
    error.retry_after = Some(1);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[tokio::test(flavor = "multi_thread")]
    async fn two_run_some_wait_the_rest_is_refused() {
        let slots = Arc::new(Slots::new(2, 3));
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut admitted = Vec::new();
        for _ in 0..5 {
            let (slots, gate) = (Arc::clone(&slots), Arc::clone(&gate));
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            admitted.push(tokio::spawn(async move {
                let work = move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    gate.lock().unwrap().recv().unwrap_err();
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                slots.run(work).await
            }));
        }
        while slots.admitted.available_permits() > 0 || now.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        let refused = slots.run(|| Ok(())).await.unwrap_err();
        assert_eq!(
            (refused.status.as_u16(), refused.retry_after),
            (503, Some(1))
        );
        drop(release); // opens the gate for all
        for task in admitted {
            task.await.unwrap().unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
        slots.run(|| Ok(())).await.unwrap();
    }
}
