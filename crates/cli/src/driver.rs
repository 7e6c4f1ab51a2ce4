//! Runs a feed until its end: on a runtime, or spinning.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use ticklot::control::{ConnectionSummary, ShutdownHandle};
use ticklot::{Books, Disconnect, Event, Feed, Handler, SpinOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::feed_args::SpinArgs;
use crate::{format_event, signals};

/// Runs one feed, on a runtime or spinning as the options say.
pub(crate) struct Driver {
    /// For the feed, or, when it spins, for the thread that ends it.
    runtime: Runtime,
    spin: Option<SpinOptions>,
}

impl Driver {
    /// Makes what a feed runs on.
    ///
    /// # Errors
    /// The operating system's; a usage error when no thread can be bound to `--cpu`.
    pub(crate) fn new(args: &SpinArgs) -> Result<Self, Failure> {
        if let Some(cpu) = args.cpu {
            can_bind(cpu)?;
        }
        Ok(Self {
            runtime: runtime()?,
            spin: args.options(),
        })
    }

    /// Runs the feed until its connections have ended, `after` has passed, or a signal ends the program; SIGHUP only
    /// when `hangs_up`.
    ///
    /// # Errors
    /// The operating system's, before the first connection.
    pub(crate) fn drive<H: Handler>(
        self,
        feed: &mut Feed<H>,
        after: Option<Duration>,
        hangs_up: bool,
    ) -> Result<Vec<ConnectionSummary>, Failure> {
        let end = stop_at_the_end(feed.shutdown_handle(), after, hangs_up);
        let Self { runtime, spin } = self;
        let Some(options) = spin else {
            return Ok(runtime.block_on(async {
                tokio::spawn(end);
                feed.run().await
            }));
        };
        let (is_running, is_over) = oneshot::channel::<()>();
        // Started before the calling thread is bound to a processor: a thread inherits that from its parent.
        let ending = thread::Builder::new()
            .name("ending".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = end => {}
                        _ = is_over => {}
                    }
                });
            })
            .map_err(Failure::work)?;
        let ended = feed.spin(&options);
        drop(is_running);
        // A panic of it was reported when it happened.
        let _ = ending.join();
        ended.map_err(Failure::work)
    }
}

/// A runtime on the calling thread.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::work)
}

/// Refuses a processor that no thread can be bound to. Only an attempt shows it: a thread may be bound to processors
/// outside of its present set, such as isolated ones.
fn can_bind(cpu: usize) -> Result<(), Failure> {
    let mut nothing = Feed::new(|_: Event<'_>, _: &Books| ControlFlow::Continue(()));
    let mut options = SpinOptions::default();
    options.cpu = Some(cpu);
    nothing.spin(&options).map(drop).map_err(|error| {
        Failure::Usage(format!(
            "--cpu {cpu}: the thread cannot be bound to this processor: {error}"
        ))
    })
}

/// Ends the feed when its time is up, or when it is asked for from outside.
async fn stop_at_the_end(stopper: ShutdownHandle, after: Option<Duration>, hangs_up: bool) {
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
    stopper.stop();
}

/// Whether a connection's end is a success. With `no_reconnect` a normal close by the server is one.
pub(crate) fn check_end(end: &ConnectionSummary, no_reconnect: bool) -> Result<(), Failure> {
    match end.reason {
        Disconnect::Stopped => Ok(()),
        // A server that closes with no code, or because it goes away, closes normally too.
        Disconnect::Closed {
            code: 1000 | 1001 | 1005,
            ..
        } if no_reconnect => Ok(()),
        Disconnect::Impossible(_) => Err(Failure::usage(&end.reason)),
        _ => {
            let advice = format_event::advice(&end.reason);
            Err(Failure::work(format_args!("{}{advice}", end.reason)))
        }
    }
}
