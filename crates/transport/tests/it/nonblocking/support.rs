//! The test helpers, with a non-blocking connection.

use ticklot_transport::{
    Config, Error, Incoming, Kind, NonblockingConnection, connect_nonblocking,
};
use tokio::task::yield_now;

pub(crate) use crate::support::*;

/// A non-blocking connection with the interface of a [`ticklot_transport::Connection`]. It waits by trying again.
#[derive(Debug)]
pub(crate) struct Connection {
    inner: NonblockingConnection,
    payload: Vec<u8>,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Clean,
    Failed,
}

/// A copied message.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: Kind,
    pub(crate) payload: &'a mut [u8],
}

impl Connection {
    pub(crate) async fn read(&mut self) -> Result<Option<Message<'_>>, Error> {
        match self.end {
            Some(End::Clean) => return Ok(None),
            Some(End::Failed) => return Err(Error::Closed),
            None => {}
        }
        match self.advance().await {
            Ok(Some(kind)) => Ok(Some(Message {
                kind,
                payload: &mut self.payload,
            })),
            Ok(None) => {
                self.end = Some(End::Clean);
                Ok(None)
            }
            Err(error) => {
                self.end = Some(End::Failed);
                self.inner.close(error.close_code().unwrap_or(1000), "")?;
                let _ = self.finish().await;
                Err(error)
            }
        }
    }

    async fn advance(&mut self) -> Result<Option<Kind>, Error> {
        loop {
            match self.inner.try_read()? {
                Some(Incoming::Message(message)) => {
                    self.payload.clear();
                    self.payload.extend_from_slice(message.payload);
                    return Ok(Some(message.kind));
                }
                Some(Incoming::Ping(_)) => self.inner.pong()?,
                Some(Incoming::Close { code, .. }) => {
                    self.inner.close(code, "")?;
                    self.finish().await?;
                    return Ok(None);
                }
                Some(_) => {}
                None => yield_now().await,
            }
        }
    }

    pub(crate) async fn text(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.inner.text(payload)?;
        self.flush().await
    }

    pub(crate) async fn binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.inner.binary(payload)?;
        self.flush().await
    }

    pub(crate) async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.inner.ping(payload)?;
        self.flush().await
    }

    pub(crate) async fn close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        if self.end.is_some() {
            return Ok(());
        }
        self.inner.close(code, reason)?;
        self.end = Some(End::Clean);
        self.finish().await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        while !self.inner.flush()? {
            yield_now().await;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Error> {
        while !self.inner.try_close()? {
            yield_now().await;
        }
        Ok(())
    }
}

pub(crate) async fn open(url: &str, config: &Config) -> NonblockingConnection {
    connect_nonblocking(url, config).await.unwrap()
}

pub(crate) async fn connect(url: &str, config: &Config) -> Result<Connection, Error> {
    Ok(Connection {
        inner: connect_nonblocking(url, config).await?,
        payload: Vec::new(),
        end: None,
    })
}

pub(crate) async fn pair(config: &Config) -> (Connection, Peer) {
    pair_with(config, b"").await
}

pub(crate) async fn pair_with(config: &Config, ride: &[u8]) -> (Connection, Peer) {
    let (listener, url) = listen().await;
    let serve = Peer::upgraded(&listener, ride);
    let (connection, peer) = tokio::join!(connect(&url, config), serve);
    (connection.unwrap(), peer)
}

pub(crate) async fn next(connection: &mut Connection) -> Vec<u8> {
    let message = soon(connection.read()).await.unwrap();
    message.unwrap().payload.to_vec()
}
