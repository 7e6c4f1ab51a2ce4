//! The helper thread of a spinning feed: it connects and fetches, so that the spinning thread never blocks.

use std::any::Any;
use std::io;
use std::panic::AssertUnwindSafe;
use std::thread;

use futures_util::FutureExt;
use ticklot_transport::{
    self as transport, HttpClient, NonblockingConnection, connect_nonblocking,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::inbox::{Bell, Inbox, Sender, inbox};
use crate::books::ConnectionId;
use crate::venue::{HttpRequest, RequestId};

/// The connection of a task, and its attempt: outcomes for an earlier attempt are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) connection: ConnectionId,
    pub(super) attempt: u64,
}

/// The outcome of a task.
pub(super) enum Outcome {
    Connected(Result<Box<NonblockingConnection>, transport::Error>),
    Fetched(RequestId, Result<Vec<u8>, transport::Error>),
    /// A user's function panicked: see [`transport::Config::with_dial`].
    Panicked(Box<dyn Any + Send>),
}

/// A thread with a tokio runtime. Dropping it cancels its tasks.
pub(super) struct Helper {
    runtime: Handle,
    outcomes: Sender<(Ticket, Outcome)>,
    /// Dropped to end the thread.
    _running: oneshot::Sender<()>,
}

impl Helper {
    /// Starts the thread. The inbox receives the outcomes of its tasks.
    pub(super) fn start(bell: &Bell) -> io::Result<(Self, Inbox<(Ticket, Outcome)>)> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // Each connection has a bounded number of tasks.
        let (outcomes, inbox) = inbox(usize::MAX, bell);
        let (running, ended) = oneshot::channel::<()>();
        let helper = Self {
            runtime: runtime.handle().clone(),
            outcomes,
            _running: running,
        };
        thread::Builder::new()
            .name("ticklot-connect".to_owned())
            .spawn(move || {
                let _ = runtime.block_on(ended);
                // A plain drop would block on a running DNS lookup.
                runtime.shutdown_background();
            })?;
        Ok((helper, inbox))
    }

    pub(super) fn connect(
        &self,
        ticket: Ticket,
        url: String,
        config: transport::Config,
    ) -> AbortHandle {
        self.run(ticket, async move {
            let connection = connect_nonblocking(&url, &config).await;
            Outcome::Connected(connection.map(Box::new))
        })
    }

    pub(super) fn fetch(
        &self,
        ticket: Ticket,
        HttpRequest { id, url }: HttpRequest,
        client: HttpClient,
    ) -> AbortHandle {
        self.run(ticket, async move {
            Outcome::Fetched(id, client.get(&url).await)
        })
    }

    fn run(
        &self,
        ticket: Ticket,
        task: impl Future<Output = Outcome> + Send + 'static,
    ) -> AbortHandle {
        let outcomes = self.outcomes.clone();
        let task = self.runtime.spawn(async move {
            let outcome = AssertUnwindSafe(task).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(Outcome::Panicked);
            // Fails only after the feed was dropped.
            let _ = outcomes.send((ticket, outcome));
        });
        task.abort_handle()
    }
}
