//! Writes incidents to files, on a separate thread.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::file::{LogFile, RecordError};
use super::log_line::{self, unix};
use crate::capture::flight_recorder::{FlightOptions, FlightRecorder, Incident};
use crate::observe::tap::{Tap, WireRecord};

/// Writes a file when a book becomes invalid, with the latest records of the feed's connections up to the invalidation.
/// A [`Tap`] whose clones share the records and the folder.
///
/// Each file is a log, so [`Replay`](super::Replay) and `ticklot replay` reproduce the invalidation. Its name is
/// `incident-<nanoseconds since 1970>-<connection>-<state>.jsonl.zst`.
///
/// ```no_run
/// use ticklot::capture::Incidents;
/// use ticklot::capture::FlightOptions;
/// # use ticklot::{Books, Event, Feed};
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut feed = Feed::new(|_: Event<'_>, _: &Books| std::ops::ControlFlow::Continue(()));
/// let zero = feed.clock().unix_offset();
/// feed.tap(Incidents::create("incidents", zero, FlightOptions::default())?);
/// # Ok(())
/// # }
/// ```
///
/// A message costs the reading task an uncontended lock and a copy, and an incident a swap of two rings. Neither
/// allocates. Dropping the last clone waits for the file that is being written.
#[derive(Clone, Debug)]
pub struct Incidents {
    shared: Arc<Shared>,
}

/// The result of writing an incident.
#[derive(Debug)]
#[non_exhaustive]
pub enum IncidentReport {
    /// The incident is in this file.
    Written(PathBuf),
    /// The file could not be written.
    Failed(RecordError),
}

#[derive(Debug)]
struct Shared {
    flight: Arc<Mutex<FlightRecorder>>,
    /// `None` once this is being dropped.
    incidents: Option<SyncSender<Incident>>,
    reports: Mutex<Reports>,
    thread: Option<JoinHandle<()>>,
}

/// The results from the writing thread.
#[derive(Debug)]
struct Reports {
    receiver: Receiver<IncidentReport>,
    /// The number of results that were returned to the user.
    count: u32,
}

impl Reports {
    fn count(&mut self, report: Option<IncidentReport>) -> Option<IncidentReport> {
        self.count += u32::from(report.is_some());
        report
    }
}

impl Incidents {
    /// Creates the folder if it does not exist, allocates the rings, and starts the writing thread. `unix_offset` is the
    /// zero of the session's clock in nanoseconds since 1970: `Clock::unix_offset` of a feed.
    ///
    /// # Errors
    /// The folder cannot be created, or the thread cannot be started.
    pub fn create(
        folder: impl AsRef<Path>,
        unix_offset: u64,
        options: FlightOptions,
    ) -> Result<Self, RecordError> {
        let folder = folder.as_ref().to_owned();
        std::fs::create_dir_all(&folder).map_err(|source| RecordError::Write {
            path: folder.clone(),
            source,
        })?;
        let flight = Arc::new(Mutex::new(FlightRecorder::new(options)));
        // There is one incident at a time, because the next one needs its memory.
        let (incidents, queue) = mpsc::sync_channel(1);
        let (sender, receiver) = mpsc::channel();
        let recorder = Arc::clone(&flight);
        let work = move || {
            for mut incident in queue {
                let written = write(&mut incident, &folder, unix_offset);
                lock(&recorder).recycle(incident);
                let report = written.map_or_else(IncidentReport::Failed, IncidentReport::Written);
                // The receiver may have been dropped.
                let _ = sender.send(report);
            }
        };
        let thread = thread::Builder::new()
            .name("ticklot-incident".to_owned())
            .spawn(work)
            .map_err(RecordError::Thread)?;
        let shared = Shared {
            flight,
            incidents: Some(incidents),
            reports: Mutex::new(Reports { receiver, count: 0 }),
            thread: Some(thread),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The result of the next incident, if it is written. Does not wait. Each result is returned once.
    #[must_use]
    pub fn try_report(&self) -> Option<IncidentReport> {
        let mut reports = self.lock_reports();
        let report = reports.receiver.try_recv().ok();
        reports.count(report)
    }

    /// The result of the next incident. Waits until it is written. `None` if the results of all incidents so far were
    /// returned.
    #[must_use]
    pub fn wait_report(&self) -> Option<IncidentReport> {
        let mut reports = self.lock_reports();
        if reports.count >= self.taken() {
            return None;
        }
        let report = reports.receiver.recv().ok();
        reports.count(report)
    }

    fn lock_reports(&self) -> MutexGuard<'_, Reports> {
        let reports = self.shared.reports.lock();
        reports.unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of incidents.
    #[must_use]
    pub fn taken(&self) -> u32 {
        lock(&self.shared.flight).taken()
    }

    /// The number of invalidations without a file: see [`FlightRecorder::suppressed`].
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        lock(&self.shared.flight).suppressed()
    }
}

impl Tap for Incidents {
    fn record(&mut self, record: &WireRecord<'_>) {
        let incident = lock(&self.shared.flight).record(record);
        if let (Some(incident), Some(incidents)) = (incident, &self.shared.incidents) {
            // The channel has room, because there is one incident at a time.
            let _ = incidents.try_send(incident);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.incidents.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(flight: &Mutex<FlightRecorder>) -> MutexGuard<'_, FlightRecorder> {
    flight.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes an incident to a new file.
fn write(incident: &mut Incident, folder: &Path, unix_offset: u64) -> Result<PathBuf, RecordError> {
    let name = format!(
        "incident-{}-{}-{}.jsonl.zst",
        unix(unix_offset, incident.at),
        incident.connection,
        incident.state
    );
    let mut file = LogFile::create(&folder.join(name))?;
    let (mut text, mut line) = (Vec::new(), Vec::new());
    while let Some(record) = incident.next_record(&mut text) {
        let head = record.line_header(unix_offset);
        line.clear();
        log_line::write(&mut line, &head, &text);
        file.line(head.recv_ns, &line)?;
    }
    let path = file.path().to_owned();
    file.finish()?;
    Ok(path)
}
