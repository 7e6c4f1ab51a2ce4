//! Incidents, into files, from a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::file::{LogFile, RecordError};
use super::log_line::{self, unix};
use crate::capture::flight_recorder::{FlightOptions, FlightRecorder, Incident};
use crate::observe::tap::{Tap, WireRecord};

/// Writes a file when a book loses its trust: what passed over the feed's connections just before, and
/// the loss itself. A [`Tap`]: its clones share the recent past and the folder.
///
/// A file is a log like any other, so [`Replay`](super::Replay) and `ticklot replay` show the loss
/// again. It is named `incident-<nanoseconds since 1970>-<connection>-<state>.jsonl.zst`.
///
/// ```no_run
/// use ticklot::capture::Incidents;
/// use ticklot::capture::FlightOptions;
/// # use ticklot::{Books, Event, Feed};
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut feed = Feed::new(|_: Event<'_>, _: &Books| std::ops::ControlFlow::Continue(()));
/// let zero = feed.clock().unix_zero();
/// feed.tap(Incidents::create("incidents", zero, FlightOptions::default())?);
/// # Ok(())
/// # }
/// ```
///
/// On the reading task a message costs a lock that is free and a copy, an incident an exchange of two
/// rings; nothing is allocated. Dropping the last clone waits for a file that is being written.
#[derive(Clone, Debug)]
pub struct Incidents {
    shared: Arc<Shared>,
}

/// What became of an incident.
#[derive(Debug)]
#[non_exhaustive]
pub enum IncidentReport {
    /// It is in this file.
    Written(PathBuf),
    /// It could not be written.
    Failed(RecordError),
}

#[derive(Debug)]
struct Shared {
    flight: Arc<Mutex<FlightRecorder>>,
    /// None once it is being dropped.
    to: Option<SyncSender<Incident>>,
    reports: Mutex<Reports>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread tells.
#[derive(Debug)]
struct Reports {
    reports: Receiver<IncidentReport>,
    /// How many were told on.
    count: u32,
}

impl Reports {
    fn count(&mut self, report: Option<IncidentReport>) -> Option<IncidentReport> {
        self.count += u32::from(report.is_some());
        report
    }
}

impl Incidents {
    /// Keeps the recent past, and the folder for its files, which is created if it is not there.
    /// `unix_zero` is the zero of the session's clock in nanoseconds since 1970:
    /// `Clock::unix_zero` of a feed.
    ///
    /// # Errors
    /// The folder cannot be created, or the thread cannot be started.
    pub fn create(
        folder: impl AsRef<Path>,
        unix_zero: u64,
        options: FlightOptions,
    ) -> Result<Self, RecordError> {
        let folder = folder.as_ref().to_owned();
        std::fs::create_dir_all(&folder).map_err(|source| RecordError::Write {
            path: folder.clone(),
            source,
        })?;
        let flight = Arc::new(Mutex::new(FlightRecorder::new(options)));
        // There is one incident at a time: the next takes the memory that this one gives back.
        let (to, incidents) = mpsc::sync_channel(1);
        let (tell, reports) = mpsc::channel();
        let back = Arc::clone(&flight);
        let work = move || {
            for mut incident in incidents {
                let written = write(&mut incident, &folder, unix_zero);
                lock(&back).recycle(incident);
                // Nobody may be listening.
                let _ =
                    tell.send(written.map_or_else(IncidentReport::Failed, IncidentReport::Written));
            }
        };
        let thread = thread::Builder::new()
            .name("ticklot-incident".to_owned())
            .spawn(work)
            .map_err(RecordError::Thread)?;
        let shared = Shared {
            flight,
            to: Some(to),
            reports: Mutex::new(Reports { reports, count: 0 }),
            thread: Some(thread),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// What became of the next incident, if that is known and was not told yet. Does not wait.
    #[must_use]
    pub fn try_report(&self) -> Option<IncidentReport> {
        let mut reports = self.lock_reports();
        let report = reports.reports.try_recv().ok();
        reports.count(report)
    }

    /// What became of the next incident: waits until it is written. None when all that there were so
    /// far were told.
    #[must_use]
    pub fn wait_report(&self) -> Option<IncidentReport> {
        let mut reports = self.lock_reports();
        if reports.count >= self.taken() {
            return None;
        }
        let report = reports.reports.recv().ok();
        reports.count(report)
    }

    fn lock_reports(&self) -> MutexGuard<'_, Reports> {
        let reports = self.shared.reports.lock();
        reports.unwrap_or_else(PoisonError::into_inner)
    }

    /// How many incidents there were.
    #[must_use]
    pub fn taken(&self) -> u32 {
        lock(&self.shared.flight).taken()
    }

    /// How many losses of trust led to no file: see [`FlightRecorder::suppressed`].
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        lock(&self.shared.flight).suppressed()
    }
}

impl Tap for Incidents {
    fn record(&mut self, passed: &WireRecord<'_>) {
        let mut flight = lock(&self.shared.flight);
        let Some(incident) = flight.record(passed) else {
            return;
        };
        drop(flight);
        if let Some(to) = &self.shared.to {
            // There is room, since there is one at a time; a thread that is gone loses it.
            let _ = to.try_send(incident);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.to.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(flight: &Mutex<FlightRecorder>) -> MutexGuard<'_, FlightRecorder> {
    flight.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes an incident to a file of its own.
fn write(incident: &mut Incident, folder: &Path, unix_zero: u64) -> Result<PathBuf, RecordError> {
    let name = format!(
        "incident-{}-{}-{}.jsonl.zst",
        unix(unix_zero, incident.at),
        incident.connection,
        incident.state
    );
    let mut file = LogFile::create(&folder.join(name))?;
    let (mut text, mut line) = (Vec::new(), Vec::new());
    while let Some(kept) = incident.next_record(&mut text) {
        let head = log_line::RecordHeader {
            recv_ns: unix(unix_zero, kept.at),
            connection: Some(kept.connection),
            venue: kept.venue.0,
            kind: kept.kind,
        };
        line.clear();
        log_line::write(&mut line, &head, &text);
        file.line(head.recv_ns, &line)?;
    }
    let path = file.path().to_owned();
    file.finish()?;
    Ok(path)
}
