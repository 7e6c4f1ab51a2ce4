//! When a book loses its trust, a file has what came before, and shows the loss again.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::ops::ControlFlow;

use ticklot::bayse::Bayse;
use ticklot::capture::FlightOptions;
use ticklot::capture::{FrameLog, IncidentReport, Incidents, RecordOptions, Recorder};
use ticklot::jayx::{Envelope, JayX};
use ticklot::observe::RecordKind;
use ticklot::venue::Venue;
use ticklot::{Books, ConnectionId, Disconnect, Event, Nanos, Options, Session};
use ticklot_tests::program::{Ran, TempFolder, ticklot};

const SECOND: u64 = 1_000_000_000;
/// The zero of the sessions' clock here.
const ZERO: u64 = 1_700_000_000 * SECOND;

/// What is done to a session.
enum Step {
    Frame(String),
    /// So many seconds pass.
    Pass(u64),
    Lose,
    Open,
}

/// Drives a session in virtual time, with an incident recorder and a recorder beside it. Returns where the
/// incident is.
fn drive<V: Venue>(venue: V, folder: &TempFolder, steps: Vec<Step>) -> String {
    let mut books = Books::new();
    let mut handler = |_: Event<'_>, _: &Books| ControlFlow::Continue(());
    let mut session = Session::new(venue, ConnectionId(3), Options::default(), &mut books);
    let incidents =
        Incidents::create(folder.file("incidents"), ZERO, FlightOptions::default()).unwrap();
    let recorder =
        Recorder::create(folder.file("log.jsonl"), ZERO, RecordOptions::default()).unwrap();
    session.tap(Box::new(incidents.clone()));
    session.tap(Box::new(recorder.clone()));
    let mut now = Nanos(SECOND);
    let _ = session.opened(now, &mut books, &mut handler);
    while session.outgoing(now).is_some() {}
    for step in steps {
        now.0 += 1_000_000;
        match step {
            Step::Frame(frame) => {
                let _ = session.frame(frame.as_bytes(), now, &mut books, &mut handler);
            }
            Step::Pass(seconds) => {
                now.0 += seconds * SECOND;
                let _ = session.timeout(now, &mut books, &mut handler);
            }
            Step::Lose => {
                let reason = Disconnect::Silent;
                let _ = session.disconnected(now, &reason, &mut books, &mut handler);
            }
            Step::Open => {
                let _ = session.opened(now, &mut books, &mut handler);
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

fn jayx() -> JayX {
    JayX::new("BTCUSDT")
        .envelope(Envelope::Plain)
        .build()
        .unwrap()
}

fn jayx_book(bid: i64, ask: i64) -> Step {
    Step::Frame(format!(
        r#"{{"orderBook":{{"asks":[{{"ticks":{ask},"lots":1}}],"bids":[{{"ticks":{bid},"lots":1}}]}}}}"#
    ))
}

fn bayse_book(outcome: &str, levels: &str) -> String {
    format!(
        r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":"m","outcomeId":"{outcome}","bids":[{levels}],"asks":[]}}}}}}"#
    )
}

const LEVEL: &str = r#"{"price":0.6,"quantity":5}"#;

/// Replays the incident and the whole recording: both show one loss of trust, and show it as it was.
fn shows(folder: &TempFolder, incident: &str, what: &str) {
    let log = folder.file("log.jsonl");
    for path in [incident, &log] {
        let ran = ticklot(["replay", path]);
        assert_eq!(ran.status, 0, "{path}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(what), "{path}: {}", ran.err);
        let summary = "1 invalidations, 0 of them not as recorded\n";
        assert!(ran.out.contains(summary), "{path}: {}", ran.out);
    }
}

fn kinds(path: &str) -> String {
    let log = FrameLog::open(path).unwrap().everything();
    let kinds = log.map(|record| record.unwrap().kind.as_str());
    kinds.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_crossed_book() {
    let folder = TempFolder::new("crossed");
    let steps = vec![jayx_book(10, 11), jayx_book(12, 11)];
    let incident = drive(jayx(), &folder, steps);
    assert!(
        incident.ends_with("/incident-1700000001002000000-3-crossed.jsonl.zst"),
        "{incident}"
    );
    assert_eq!(kinds(&incident), "open out in in trust");
    shows(&folder, &incident, "Z: BTCUSDT is crossed\n");
}

#[test]
fn a_snapshot_that_is_refused() {
    let folder = TempFolder::new("refused");
    let doubled = r#"{"orderBook":{"asks":[{"ticks":5,"lots":1},{"ticks":5,"lots":1}],"bids":[]}}"#;
    let steps = vec![jayx_book(10, 11), Step::Frame(doubled.to_owned())];
    let incident = drive(jayx(), &folder, steps);
    shows(&folder, &incident, "Z: BTCUSDT is gap\n");
}

#[test]
fn unreadable_book_line_writes_incident() {
    let folder = TempFolder::new("unread");
    let off_grid = bayse_book("b", r#"{"price":0.605,"quantity":1}"#);
    let frame = [bayse_book("a", LEVEL), off_grid].join("\n");
    let steps = vec![Step::Frame(bayse_book("b", LEVEL)), Step::Frame(frame)];
    let incident = drive(Bayse::any().build().unwrap(), &folder, steps);
    assert!(incident.ends_with("-3-gap.jsonl.zst"), "{incident}");
    shows(&folder, &incident, "Z: b is gap\n");
}

/// Nothing came, which no frame shows: the log notes it.
#[test]
fn a_stale_book() {
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
    shows(&folder, &incident, "Z: BTCUSDT is stale\n");
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
    shows(&folder, &incident, "Z: BTCUSDT is crossed\n");
}

/// What is played is held against what is noted.
#[test]
fn changed_log_is_reported() {
    let folder = TempFolder::new("changed");
    let incident = drive(jayx(), &folder, vec![jayx_book(10, 11), jayx_book(12, 11)]);
    let lines: Vec<String> = FrameLog::open(&incident)
        .map(|_| zstd::decode_all(std::fs::File::open(&incident).unwrap()).unwrap())
        .map(|text| String::from_utf8(text).unwrap())
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let replay_without = |kind: RecordKind| -> Ran {
        let path = folder.file("changed.jsonl");
        let mark = format!(r#""dir":"{}""#, kind.as_str());
        let keep = |line: &&String| match kind {
            RecordKind::Received => !line.contains(r#"\"ticks\":12,"#),
            _ => !line.contains(&mark),
        };
        let kept: Vec<String> = lines.iter().filter(keep).cloned().collect();
        assert_eq!(kept.len(), lines.len() - 1);
        std::fs::write(&path, kept.join("\n") + "\n").unwrap();
        ticklot(["replay", &path])
    };
    let different = "1 invalidations, 1 of them not as recorded\n";
    let crossed = replay_without(RecordKind::Received);
    assert!(
        crossed
            .err
            .ends_with("BTCUSDT is crossed in the log, but not in the replay\n"),
        "{}",
        crossed.err
    );
    crossed.assert_out(different);
    let unnoted = replay_without(RecordKind::Invalidated);
    assert!(
        unnoted
            .err
            .ends_with("BTCUSDT is crossed, which the log does not state\n"),
        "{}",
        unnoted.err
    );
    unnoted.assert_out(different);
}

#[test]
fn unwritable_incident_is_reported() {
    let folder = TempFolder::new("unwritten");
    let incidents =
        Incidents::create(folder.file("incidents"), ZERO, FlightOptions::default()).unwrap();
    let mut books = Books::new();
    let mut handler = |_: Event<'_>, _: &Books| ControlFlow::Continue(());
    let mut session = Session::new(jayx(), ConnectionId(0), Options::default(), &mut books);
    session.tap(Box::new(incidents.clone()));
    let _ = session.opened(Nanos(0), &mut books, &mut handler);
    std::fs::remove_dir(folder.file("incidents")).unwrap();
    for step in [jayx_book(10, 11), jayx_book(12, 11)] {
        let Step::Frame(frame) = step else { continue };
        let _ = session.frame(frame.as_bytes(), Nanos(0), &mut books, &mut handler);
    }
    assert!(matches!(
        incidents.wait_report(),
        Some(IncidentReport::Failed(_))
    ));
    assert_eq!((incidents.taken(), incidents.suppressed()), (1, 0));
}

/// As a user has it: a server whose lines are garbage now and then, and a folder for what that does.
/// A second of real time.
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
    let ran = ticklot([
        "watch",
        "--venue=jayx",
        "--url",
        &url,
        "--duration=1s",
        "--incidents",
        &at,
    ]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let told = ran
        .err
        .lines()
        .filter_map(|line| line.strip_prefix("ticklot: an incident: "));
    let paths: Vec<&str> = told.collect();
    assert_eq!(paths.len(), 1, "one a minute: {}", ran.err);
    ran.assert_err(" more invalidations followed another too soon to be written\n");
    let again = ticklot(["replay", paths[0]]);
    assert!(again.err.ends_with("BTCUSDT is gap\n"), "{}", again.err);
    again.assert_out("1 invalidations, 0 of them not");
}
