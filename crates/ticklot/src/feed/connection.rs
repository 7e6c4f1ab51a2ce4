//! The connections of a feed, for either driver.

use std::cell::RefCell;
use std::pin::Pin;

use ticklot_transport as transport;
use tokio::sync::watch;

use super::clock::Clock;
use super::driver::Driver;
use super::handle::{ConnectionHandle, ControlMessage};
use super::inbox::{Bell, Inbox};
use super::link::Link;
use super::spin::{SpinDriver, SpinningConnection};
use super::{ConnectionSummary, Shared};
#[cfg(feature = "latency")]
use crate::books::Books;
use crate::observe::tap::Tap;
use crate::session::Session;
use crate::venue::Venue;
use crate::venue::on_message::OnMessage;

/// A [`FeedConnection`] of any venue, as a trait object.
pub(super) trait DynConnection<H> {
    fn tap(&mut self, tap: Box<dyn Tap>);

    fn run<'a>(
        &'a mut self,
        shared: &'a RefCell<Shared<H>>,
        clock: Clock,
        stop: &'a watch::Sender<bool>,
    ) -> Pin<Box<dyn Future<Output = ConnectionSummary> + 'a>>;

    fn spin<'a>(
        &'a mut self,
        shared: &'a RefCell<Shared<H>>,
        clock: Clock,
        stop: &'a watch::Sender<bool>,
        keep_warm: bool,
    ) -> Box<dyn SpinningConnection + 'a>;

    #[cfg(feature = "latency")]
    fn measure(&mut self, clock: Clock, books: &mut Books);
}

/// A session, its transport configuration, and the inbox of its [`ConnectionHandle`].
pub(super) struct FeedConnection<V: Venue> {
    session: Session<V>,
    transport: transport::Config,
    inbox: Inbox<ControlMessage<V::Command>>,
}

impl<V: Venue> FeedConnection<V> {
    /// A connection and its handle.
    pub(super) fn new(
        session: Session<V>,
        transport: transport::Config,
        bell: &Bell,
    ) -> (Self, ConnectionHandle<V::Command>) {
        let (handle, inbox) =
            ConnectionHandle::new(session.id(), session.venue().command_check(), bell);
        let connection = Self {
            session,
            transport,
            inbox,
        };
        (connection, handle)
    }
}

impl<V: Venue, H: OnMessage<V>> DynConnection<H> for FeedConnection<V> {
    fn tap(&mut self, tap: Box<dyn Tap>) {
        self.session.tap(tap);
    }

    fn run<'a>(
        &'a mut self,
        shared: &'a RefCell<Shared<H>>,
        clock: Clock,
        stop: &'a watch::Sender<bool>,
    ) -> Pin<Box<dyn Future<Output = ConnectionSummary> + 'a>> {
        let link = Link::new(&mut self.session, shared, clock, stop);
        let driver = Driver::new(link, &self.transport, &self.inbox);
        Box::pin(driver.run())
    }

    fn spin<'a>(
        &'a mut self,
        shared: &'a RefCell<Shared<H>>,
        clock: Clock,
        stop: &'a watch::Sender<bool>,
        keep_warm: bool,
    ) -> Box<dyn SpinningConnection + 'a> {
        let mut link = Link::new(&mut self.session, shared, clock, stop);
        if keep_warm {
            link.keep_warm();
        }
        Box::new(SpinDriver::new(link, &self.transport, &self.inbox))
    }

    #[cfg(feature = "latency")]
    fn measure(&mut self, clock: Clock, books: &mut Books) {
        self.session.measure(move || clock.now(), books);
    }
}
