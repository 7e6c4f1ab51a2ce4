//! A WebSocket client over tokio: connect, TLS, read, write, close.
//!
//! It builds on hyper (the upgrade), rustls (`wss://`, see [Features](#features)) and fastwebsockets (masking, and the
//! encoding of frames). It decodes incoming frames itself, in place. It is independent of venues and of JSON.
//!
//! ```no_run
//! use ticklot_transport::{Config, close, connect};
//!
//! # async fn run() -> Result<(), ticklot_transport::Error> {
//! let mut connection = connect("wss://stream.example/ws", &Config::default()).await?;
//! connection.text(br#"{"subscribe":"trades"}"#).await?;
//! if let Some(message) = connection.read().await? {
//!     println!("{} bytes", message.payload.len());
//! }
//! connection.close(close::NORMAL, "").await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Reading and writing at the same time
//!
//! Every call is cancel safe, so a `select!` loop may drop a read each time a timer fires. The two halves of
//! [`Connection::split`] work concurrently: one task can write while the same read stays pending. The owner of the halves
//! replies to pings and closes:
//!
//! ```no_run
//! use std::pin::pin;
//! use std::time::Duration;
//! use ticklot_transport::{Config, Error, Incoming, connect};
//!
//! # async fn run() -> Result<(), Error> {
//! let connection = connect("ws://127.0.0.1:9000", &Config::default()).await?;
//! let (mut reader, mut writer) = connection.split();
//! let mut timer = tokio::time::interval(Duration::from_secs(10));
//! loop {
//!     let mut read = pin!(reader.read());
//!     // The timer writes while the read stays pending.
//!     let incoming = loop {
//!         tokio::select! {
//!             incoming = &mut read => break incoming?,
//!             _ = timer.tick() => writer.ping(b"").await?,
//!         }
//!     };
//!     match incoming {
//!         Incoming::Message(message) => println!("{} bytes", message.payload.len()),
//!         Incoming::Ping(payload) => writer.pong(payload).await?,
//!         Incoming::Close { code, .. } => return writer.close(code, "").await,
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! # Protocol checks
//!
//! The crate enforces the requirements of RFC 6455 on a peer, and closes with the specified code. The codes are 1002
//! for a protocol violation, 1007 for text that is not UTF-8, and 1009 for a message over [`Config::max_message_size`].
//! The limit applies to all fragments of a message together. A frame whose header exceeds it is refused before memory
//! is reserved. Extensions are never offered, so frames are never compressed.
//!
//! Known deviations:
//!
//! - A length that is encoded in more bytes than necessary is accepted.
//! - A text that is not UTF-8 is refused when it is complete, not at its first invalid byte.
//! - A frame with two violations is refused for either of them.
//!
//! # Without a runtime
//!
//! [`connect_nonblocking`] opens a [`NonblockingConnection`], for a thread that reads in a loop without blocking and
//! without a runtime. It decodes frames with the same code. [`Poller`] finds the readable ones among many.
//!
//! # HTTP requests
//!
//! [`HttpClient`] sends GET requests with the same [`Config`], for the data that a venue serves over
//! HTTP, such as an initial order book. It keeps its connections open between requests.
//!
//! # Features
//!
//! | feature | default | `wss://` with |
//! |---|---|---|
//! | `tls` | yes | ring |
//! | `tls-aws-lc` | | aws-lc-rs, also if both are enabled |
//! | `tls-no-provider` | | the provider that the program installs (`rustls::crypto::CryptoProvider`) |
//!
//! The same applies to `https://`. Without any of them, a `wss://` or `https://` URL is an error.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod codec;
mod config;
mod connection;
mod dial;
mod dial_fn;
mod error;
mod http_client;
mod http_connection;
mod http_exchange;
mod instant;
mod message;
mod nonblocking;
mod proxy;
mod reader;
mod refusal;
mod refused_response;
mod stream;
#[cfg(feature = "tls-no-provider")]
mod tls;
mod tunnel;
mod upgrade;
mod url;
mod writer;

pub mod close;

pub use config::Config;
pub use connection::Connection;
pub use dial::{connect, connect_over};
pub use error::{Error, Phase};
pub use http_client::HttpClient;
pub use instant::Instant;
pub use message::{Incoming, Kind, Message};
pub use nonblocking::{NonblockingConnection, Poller, connect_nonblocking};
pub use proxy::Proxy;
pub use reader::Reader;
pub use refused_response::RefusedResponse;
pub use stream::Stream;
#[cfg(feature = "tls-no-provider")]
pub use tls::Roots;
#[cfg(feature = "tls-no-provider")]
pub use tokio_rustls::rustls;
pub use upgrade::accept_key;
pub use url::{check_http_url, check_url};
pub use writer::Writer;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
