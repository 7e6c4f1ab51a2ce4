//! Runs a feed until its end, on a runtime or on a spinning thread.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use ticklot::control::{ConnectionSummary, ShutdownHandle};
use ticklot::{Books, Disconnect, Event, Feed, Handler, SpinOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::failure::{Failure, usage, work};
use crate::feed_args::SpinArgs;
use crate::{format_event, signals};

/// Runs one feed, on a runtime or on a spinning thread, as the options select.
pub(crate) struct Driver {
    /// Runs the feed, or the thread that stops a spinning feed.
    runtime: Runtime,
    spin: Option<SpinOptions>,
}

impl Driver {
    /// # Errors
    /// An error of the operating system; a usage error when no thread can be bound to `--cpu`.
    pub(crate) fn new(args: &SpinArgs) -> Result<Self, Failure> {
        if let Some(cpu) = args.cpu {
            can_bind(cpu)?;
        }
        Ok(Self {
            runtime: runtime()?,
            spin: args.options(),
        })
    }

    /// Runs the feed until its connections have ended, `after` has passed, or a signal arrives. SIGHUP counts only when
    /// `hangs_up`.
    ///
    /// # Errors
    /// An error of the operating system before the first connection.
    pub(crate) fn drive<H: Handler>(
        self,
        feed: &mut Feed<H>,
        after: Option<Duration>,
        hangs_up: bool,
    ) -> Result<Vec<ConnectionSummary>, Failure> {
        let stop = stop_when_due(feed.shutdown_handle(), after, hangs_up);
        let Self { runtime, spin } = self;
        let Some(options) = spin else {
            return Ok(runtime.block_on(async {
                tokio::spawn(stop);
                feed.run().await
            }));
        };
        let (is_running, is_over) = oneshot::channel::<()>();
        // Started before the calling thread is bound to a processor, because a thread inherits the affinity of its parent.
        let stopper = thread::Builder::new()
            .name("stopper".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = stop => {}
                        _ = is_over => {}
                    }
                });
            })
            .map_err(Failure::work)?;
        let ended = feed.spin(&options);
        drop(is_running);
        // A panic of the thread was reported when it happened.
        let _ = stopper.join();
        ended.map_err(Failure::work)
    }
}

/// A runtime on the calling thread.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::work)
}

/// Rejects a processor that no thread can be bound to. Only an attempt shows this, because a thread may be bound to
/// processors outside of its current affinity mask, such as isolated ones.
fn can_bind(cpu: usize) -> Result<(), Failure> {
    let mut nothing = Feed::new(|_: Event<'_>, _: &Books| ControlFlow::Continue(()));
    let mut options = SpinOptions::default();
    options.cpu = Some(cpu);
    nothing.spin(&options).map(drop).map_err(|error| {
        usage!("--cpu {cpu}: the thread cannot be bound to this processor: {error}")
    })
}

/// Stops the feed after the duration or at a signal.
async fn stop_when_due(handle: ShutdownHandle, after: Option<Duration>, hangs_up: bool) {
    let time_is_up = async {
        match after {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time_is_up => {}
        () = signals::interrupted(hangs_up) => {}
    }
    handle.stop();
}

/// Reports a connection's end as an error unless it was requested or, with `no_reconnect`, a normal close by the server.
pub(crate) fn check_end(end: &ConnectionSummary, no_reconnect: bool) -> Result<(), Failure> {
    match end.reason {
        Disconnect::Stopped => Ok(()),
        // No close code and "going away" are normal closes too.
        Disconnect::Closed {
            code: 1000 | 1001 | 1005,
            ..
        } if no_reconnect => Ok(()),
        Disconnect::Impossible(_) => Err(Failure::usage(&end.reason)),
        _ => {
            let advice = format_event::advice(&end.reason);
            Err(work!("{}{advice}", end.reason))
        }
    }
}
