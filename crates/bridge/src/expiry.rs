//! Answers queued requests whose time has passed, also while every instance is busy.

use std::sync::Arc;
use std::task::{Wake, Waker};

use tokio::sync::Notify;
use trilith_engine::clock::SystemClock;
use trilith_engine::{Clock, Engine};

struct Alarm(Notify);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Runs as long as the server's threads do.
pub(crate) async fn run(engine: Arc<Engine>, clock: Arc<SystemClock>) {
    let alarm = Arc::new(Alarm(Notify::new()));
    loop {
        engine.set_expiry_waker(Waker::from(Arc::clone(&alarm)));
        match engine.expire(clock.now()) {
            None => alarm.0.notified().await,
            Some(next) => {
                let sleep = tokio::time::sleep_until(clock.instant(next).into());
                tokio::select! {
                    () = alarm.0.notified() => {}
                    () = sleep => {}
                }
            }
        }
    }
}
