//! Draws the model at most thirty times a second.

use std::time::Duration;

use ratatui::backend::Backend;
use ratatui::crossterm::event::KeyEvent;
use ratatui::{Terminal, TerminalOptions, Viewport};
use ticklot::Nanos;

use super::draw::theme::Theme;
use super::draw::{self, Scene};
use super::keys::{Action, ScreenState, View};
use super::latest_value::Reader;
use super::model::Model;
use super::ui_snapshot::UiSnapshot;

/// The minimum time between two drawings: a thirtieth of a second, rounded up.
pub(crate) const FRAME: Duration = Duration::from_nanos(33_333_334);

/// Limits the rate of drawings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameLimiter {
    last: Option<Nanos>,
}

impl FrameLimiter {
    /// Whether a drawing is due. If so, the next one is due an interval later.
    pub(crate) fn is_due(&mut self, now: Nanos) -> bool {
        let is_due = self.wait(now) == Duration::ZERO;
        if is_due {
            self.last = Some(now);
        }
        is_due
    }

    /// The time until the next drawing.
    pub(crate) fn wait(&self, now: Nanos) -> Duration {
        match self.last {
            None => Duration::ZERO,
            Some(last) => FRAME.saturating_sub(now.since(last)),
        }
    }
}

/// The drawing thread's state: it reads the latest snapshot and draws it.
pub(crate) struct Renderer<B: Backend> {
    terminal: Terminal<B>,
    reader: Reader<UiSnapshot>,
    model: Model,
    /// The frozen model, and when it was frozen.
    frozen: Option<(Box<Model>, Nanos)>,
    view: View,
    theme: Theme,
    frame_limiter: FrameLimiter,
    /// The number of levels per side that fit in the last drawing.
    room: usize,
    /// Whether other output may have overwritten the screen.
    is_torn: bool,
}

impl<B: Backend> Renderer<B> {
    /// Nothing is drawn yet.
    pub(crate) fn new(
        backend: B,
        reader: Reader<UiSnapshot>,
        view: View,
        theme: Theme,
        now: Nanos,
    ) -> Result<Self, B::Error> {
        let options = TerminalOptions {
            viewport: Viewport::Fullscreen,
        };
        Ok(Self {
            terminal: Terminal::with_options(backend, options)?,
            reader,
            model: Model::new(now),
            frozen: None,
            view,
            theme,
            frame_limiter: FrameLimiter::default(),
            room: 0,
            is_torn: false,
        })
    }

    /// The time until the next drawing.
    pub(crate) fn wait(&self, now: Nanos) -> Duration {
        self.frame_limiter.wait(now)
    }

    /// Handles a key; false if it quits.
    pub(crate) fn key(&mut self, key: KeyEvent, now: Nanos) -> bool {
        let screen = ScreenState {
            books: self.model.books.len(),
            pair: self.model.pair(self.view.selected),
            room: self.room,
        };
        let action = self.view.key(key, screen);
        self.is_torn |= action == Action::Redraw;
        if !self.view.frozen {
            self.frozen = None;
        } else if self.frozen.is_none() {
            self.frozen = Some((Box::new(self.model.clone()), now));
        }
        action != Action::Quit
    }

    /// Draws the latest model if a drawing is due; returns whether it drew.
    pub(crate) fn draw_if_due(&mut self, now: Nanos) -> Result<bool, B::Error> {
        let is_due = self.frame_limiter.is_due(now);
        if is_due {
            self.draw(now)?;
        }
        Ok(is_due)
    }

    /// Draws the latest model.
    pub(crate) fn draw(&mut self, now: Nanos) -> Result<(), B::Error> {
        self.model.take(&mut self.reader, now);
        if std::mem::take(&mut self.is_torn) {
            // `Terminal::clear` would query the cursor's position, and fail if the reply is late.
            let area = self.terminal.get_frame().area();
            self.terminal.resize(area)?;
        }
        let (model, at) = match &self.frozen {
            Some((model, at)) => (&**model, *at),
            None => (&self.model, now),
        };
        let scene = Scene {
            model,
            at,
            latest: &self.model,
            now,
            view: &self.view,
            theme: self.theme,
        };
        let room = &mut self.room;
        self.terminal.draw(|frame| {
            *room = draw::draw(frame.buffer_mut(), &scene).room;
        })?;
        Ok(())
    }

    /// The model that was drawn last.
    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    pub(crate) fn terminal(&self) -> &Terminal<B> {
        &self.terminal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_thirty_times_a_second() {
        let mut frame_limiter = FrameLimiter::default();
        let mut random = fastrand::Rng::with_seed(7);
        let (mut now, mut drawn) = (Nanos(0), Vec::new());
        while now < Nanos::from_secs(60) {
            now = now.after(Duration::from_nanos(random.u64(1..3_000_000)));
            if frame_limiter.is_due(now) {
                drawn.push(now);
            }
        }
        // Thirty-one drawings take more than a second.
        for window in drawn.windows(31) {
            assert!(window[30].since(window[0]) >= Duration::from_secs(1));
        }
        assert!(drawn.len() > 60 * 25, "and not much fewer: {}", drawn.len());
    }

    #[test]
    fn wait_ends_when_due() {
        let mut frame_limiter = FrameLimiter::default();
        assert_eq!(frame_limiter.wait(Nanos(5)), Duration::ZERO);
        assert!(frame_limiter.is_due(Nanos(5)) && !frame_limiter.is_due(Nanos(6)));
        let wait = frame_limiter.wait(Nanos(6));
        assert_eq!(wait, FRAME - Duration::from_nanos(1));
        let due = Nanos(6 + u64::try_from(wait.as_nanos()).unwrap());
        assert!(!frame_limiter.is_due(Nanos(due.0 - 1)) && frame_limiter.is_due(due));
        let later = due.after(Duration::from_secs(9));
        assert_eq!(frame_limiter.wait(later), Duration::ZERO);
    }
}
