//! When a book becomes invalid, an incident file records the messages before it, and its replay reproduces the event.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use ticklot::bayse::Bayse;
use ticklot::capture::{
    FlightOptions, FrameLog, IncidentReport, Incidents, RecordOptions, Recorder,
};
use ticklot::jayx::{Envelope, JayX};
use ticklot::observe::RecordKind;
use ticklot::venue::Venue;
use ticklot::{Books, ConnectionId, Disconnect, Nanos, Options, Session};
use ticklot_tests::handler::ignore;
use ticklot_tests::messages::{self, bayse_book};
use ticklot_tests::program::{Ran, TempFolder, ticklot};

const SECOND: u64 = 1_000_000_000;
/// The Unix time of the sessions' clock at zero.
const ZERO: u64 = 1_700_000_000 * SECOND;

/// A step of a session.
enum Step {
    Frame(String),
    /// Advances the time by this many seconds.
    Pass(u64),
    Lose,
    Open,
}

/// Drives a session in virtual time, with an incident recorder and a recorder. Returns the path of the incident.
fn drive<V: Venue>(venue: V, folder: &TempFolder, steps: Vec<Step>) -> String {
    let mut books = Books::new();
    let mut session = Session::new(venue, ConnectionId(3), Options::default(), &mut books);
    let incidents = incidents(folder);
    let options = RecordOptions::default();
    let recorder = Recorder::create(folder.file("log.jsonl"), ZERO, options).unwrap();
    session.tap(Box::new(incidents.clone()));
    session.tap(Box::new(recorder.clone()));
    let mut now = Nanos(SECOND);
    let _ = session.opened(now, &mut books, &mut ignore);
    while session.outgoing(now).is_some() {}
    for step in steps {
        now.0 += 1_000_000;
        match step {
            Step::Frame(frame) => {
                let _ = session.frame(frame.as_bytes(), now, &mut books, &mut ignore);
            }
            Step::Pass(seconds) => {
                now.0 += seconds * SECOND;
                let _ = session.timeout(now, &mut books, &mut ignore);
            }
            Step::Lose => {
                let reason = Disconnect::IdleTimeout;
                let _ = session.disconnected(now, &reason, &mut books, &mut ignore);
            }
            Step::Open => {
                let _ = session.opened(now, &mut books, &mut ignore);
            }
        }
        while session.outgoing(now).is_some() {}
    }
    recorder.finish().unwrap();
    match incidents.wait_report() {
        Some(IncidentReport::Written(path)) => {
            assert!(incidents.wait_report().is_none() && incidents.try_report().is_none());
            path.to_str().unwrap().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

fn incidents(folder: &TempFolder) -> Incidents {
    Incidents::create(folder.file("incidents"), ZERO, FlightOptions::default()).unwrap()
}

fn jayx() -> JayX {
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain);
    venue.build().unwrap()
}

fn jayx_book(bid: i64, ask: i64) -> Step {
    Step::Frame(messages::jayx_book(bid, ask))
}

const LEVEL: &str = r#"{"price":0.6,"quantity":5}"#;

/// Replays the incident and the whole recording. Both must report one invalidation, as recorded.
fn check_replays(folder: &TempFolder, incident: &str, report: &str) {
    let log = folder.file("log.jsonl");
    for path in [incident, &log] {
        let ran = ticklot(["replay", path]);
        ran.assert_status(0);
        ran.assert_err(report);
        ran.assert_out("1 invalidations, 0 of them not as recorded\n");
    }
}

fn kinds(path: &str) -> String {
    let log = FrameLog::open(path).unwrap().everything();
    let kinds = log.map(|record| record.unwrap().kind.as_str());
    kinds.collect::<Vec<_>>().join(" ")
}

#[test]
fn crossed_book_writes_incident() {
    let folder = TempFolder::new("crossed");
    let steps = vec![jayx_book(10, 11), jayx_book(12, 11)];
    let incident = drive(jayx(), &folder, steps);
    assert!(
        incident.ends_with("/incident-1700000001002000000-3-crossed.jsonl.zst"),
        "{incident}"
    );
    assert_eq!(kinds(&incident), "open out in in trust");
    check_replays(&folder, &incident, "Z: BTCUSDT is crossed\n");
}

#[test]
fn refused_snapshot_writes_incident() {
    let folder = TempFolder::new("refused");
    let doubled = r#"{"orderBook":{"asks":[{"ticks":5,"lots":1},{"ticks":5,"lots":1}],"bids":[]}}"#;
    let steps = vec![jayx_book(10, 11), Step::Frame(doubled.to_owned())];
    let incident = drive(jayx(), &folder, steps);
    check_replays(&folder, &incident, "Z: BTCUSDT is gap\n");
}

#[test]
fn unreadable_book_line_writes_incident() {
    let folder = TempFolder::new("unread");
    let off_grid = bayse_book("b", r#"{"price":0.605,"quantity":1}"#);
    let frame = [bayse_book("a", LEVEL), off_grid].join("\n");
    let steps = vec![Step::Frame(bayse_book("b", LEVEL)), Step::Frame(frame)];
    let incident = drive(Bayse::any().build().unwrap(), &folder, steps);
    assert!(incident.ends_with("-3-gap.jsonl.zst"), "{incident}");
    check_replays(&folder, &incident, "Z: b is gap\n");
}

/// No frame shows a timeout, so the log records it.
#[test]
fn stale_book_writes_incident() {
    let folder = TempFolder::new("stale");
    let steps = vec![
        jayx_book(10, 11),
        Step::Pass(29),
        jayx_book(10, 12),
        Step::Pass(30),
        jayx_book(9, 12),
    ];
    let incident = drive(jayx(), &folder, steps);
    assert_eq!(kinds(&incident), "open out in in trust");
    check_replays(&folder, &incident, "Z: BTCUSDT is stale\n");
    let ran = ticklot(["replay", &incident]);
    ran.assert_out("BTCUSDT stale bid 0.10 x");
}

#[test]
fn reconnected_book_writes_incident() {
    let folder = TempFolder::new("back");
    let steps = vec![
        jayx_book(10, 11),
        Step::Lose,
        Step::Open,
        jayx_book(10, 11),
        jayx_book(12, 11),
    ];
    let incident = drive(jayx(), &folder, steps);
    assert_eq!(kinds(&incident), "open out in close open out in in trust");
    check_replays(&folder, &incident, "Z: BTCUSDT is crossed\n");
}

/// A replay compares the recorded invalidations with its own.
#[test]
fn changed_log_is_reported() {
    let folder = TempFolder::new("changed");
    let incident = drive(jayx(), &folder, vec![jayx_book(10, 11), jayx_book(12, 11)]);
    let text = zstd::decode_all(std::fs::File::open(&incident).unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let replay_without = |kind: RecordKind| -> Ran {
        let path = folder.file("changed.jsonl");
        let mark = format!(r#""dir":"{}""#, kind.as_str());
        let keep = |line: &&str| match kind {
            RecordKind::Received => !line.contains(r#"\"ticks\":12,"#),
            _ => !line.contains(&mark),
        };
        let kept: Vec<&str> = lines.iter().copied().filter(keep).collect();
        assert_eq!(kept.len(), lines.len() - 1);
        std::fs::write(&path, kept.join("\n") + "\n").unwrap();
        ticklot(["replay", &path])
    };
    let different = "1 invalidations, 1 of them not as recorded\n";
    let crossed = replay_without(RecordKind::Received);
    crossed.assert_err_ends("BTCUSDT is crossed in the log, but not in the replay\n");
    crossed.assert_out(different);
    let unrecorded = replay_without(RecordKind::Invalidated);
    unrecorded.assert_err_ends("BTCUSDT is crossed, which the log does not state\n");
    unrecorded.assert_out(different);
}

#[test]
fn unwritable_incident_is_reported() {
    let folder = TempFolder::new("unwritten");
    let incidents = incidents(&folder);
    let mut books = Books::new();
    let mut session = Session::new(jayx(), ConnectionId(0), Options::default(), &mut books);
    session.tap(Box::new(incidents.clone()));
    let _ = session.opened(Nanos(0), &mut books, &mut ignore);
    std::fs::remove_dir(folder.file("incidents")).unwrap();
    for step in [jayx_book(10, 11), jayx_book(12, 11)] {
        let Step::Frame(frame) = step else { continue };
        let _ = session.frame(frame.as_bytes(), Nanos(0), &mut books, &mut ignore);
    }
    let report = incidents.wait_report();
    assert!(matches!(report, Some(IncidentReport::Failed(_))));
    assert_eq!((incidents.taken(), incidents.suppressed()), (1, 0));
}

/// The program writes incidents for a server that sends garbage lines. Takes a second.
#[test]
fn program_writes_incidents() {
    let folder = TempFolder::new("program");
    let config = ticklot_sim::jayx::Config {
        update_every: std::time::Duration::from_millis(5),
        faults: "garbage=0.1,seed=3".parse().unwrap(),
        ..Default::default()
    };
    let simulator = ticklot_sim::Simulator::spawn(config, Default::default()).unwrap();
    let url = simulator.url(ticklot_sim::Venue::Jayx).unwrap();
    let at = folder.file("incidents");
    let args = ["watch", "--venue=jayx", "--duration=1s"];
    let ran = ticklot(args.iter().chain(&["--url", &url, "--incidents", &at]));
    ran.assert_status(0);
    let lines = ran.err.lines();
    let paths = lines.filter_map(|line| line.strip_prefix("ticklot: an incident: "));
    let paths: Vec<&str> = paths.collect();
    assert_eq!(paths.len(), 1, "one a minute: {}", ran.err);
    ran.assert_err(" further invalidations were too soon after another, and were not written\n");
    let again = ticklot(["replay", paths[0]]);
    again.assert_err_ends("BTCUSDT is gap\n");
    again.assert_out("1 invalidations, 0 of them not");
}
