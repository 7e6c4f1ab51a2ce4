//! The user's dial function: see [`Config::with_dial`](crate::Config::with_dial).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use crate::stream::Stream;

/// A function that opens a byte stream to a host and port, in place of TCP.
#[derive(Clone)]
pub(crate) struct Dial(Arc<DialFn>);

type DialFn = dyn Fn(String, u16) -> Dialing + Send + Sync;
type Dialing = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

impl Dial {
    pub(crate) fn new<F, R>(dial: F) -> Self
    where
        F: Fn(String, u16) -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<Stream>> + Send + 'static,
    {
        Self(Arc::new(move |host, port| Box::pin(dial(host, port))))
    }

    pub(crate) fn call(&self, host: &str, port: u16) -> Dialing {
        (self.0)(host.to_owned(), port)
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial")
    }
}
