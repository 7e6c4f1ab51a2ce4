//! Tests of the full-screen view on a real terminal. tmux is the terminal, presses the keys and captures the screen.
//!
//! Without tmux each test prints a line and is skipped; `TICKLOT_TMUX=required` makes that a failure. The screens are
//! kept in `target/tmp/screens` for inspection.

#![cfg(unix)] // tmux, signals
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{PROGRAM, assert_contains, kill};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use ticklot_cli::watch::terminal::{TerminalGuard, while_taken};

/// The time limit for an expected screen. Only a failing test reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether tmux is missing. Prints that the test is skipped, or fails if tmux is required.
fn skips_without_tmux() -> bool {
    let is_missing = Command::new("tmux").arg("-V").output().is_err();
    if is_missing {
        let is_required = std::env::var_os("TICKLOT_TMUX").is_some_and(|it| it == "required");
        assert!(!is_required, "tmux is missing");
        println!("skipped: tmux is missing");
    }
    is_missing
}

/// A terminal with a shell that runs a command and then waits.
struct Terminal {
    socket: String,
    folder: PathBuf,
}

impl Terminal {
    /// Runs a command line on a terminal of this size. Writes the terminal's settings before and after it, its process id
    /// and its status to files.
    fn run((columns, rows): (u16, u16), command: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let socket = format!("ticklot-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(&socket);
        fs::create_dir_all(&folder).unwrap();
        let terminal = Self { socket, folder };
        let script = format!(
            "cd {}; stty -g >before; sh -c 'echo $$ >pid; exec {command}'; echo $? >status; \
             stty -g >after; echo done; exec sleep 600",
            terminal.folder.display()
        );
        let size = [columns.to_string(), rows.to_string()];
        let options = ["start-server", ";", "set", "-g", "status", "off", ";"];
        let session = ["new-session", "-d", "-x", &size[0], "-y", &size[1], &script];
        let started = terminal.tmux(&[&options[..], &session[..]].concat());
        assert!(started.status.success(), "{started:?}");
        terminal
    }

    fn program(size: (u16, u16), args: &str) -> Self {
        Self::run(size, &format!("env LC_ALL=C.UTF-8 {PROGRAM} {args}"))
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", &self.socket, "-u", "-f", "/dev/null"]);
        // Prevents a nested session, and an inherited setting of the colours.
        tmux.env_remove("TMUX").env_remove("NO_COLOR");
        tmux.args(args).output().unwrap()
    }

    fn tmux_output(&self, args: &[&str]) -> String {
        String::from_utf8_lossy(&self.tmux(args).stdout).into_owned()
    }

    fn press(&self, keys: &[&str]) {
        for key in keys {
            let _ = self.tmux(&["send-keys", key]);
        }
    }

    fn screen(&self) -> String {
        self.tmux_output(&["capture-pane", "-p"])
    }

    /// Waits for a screen that fulfils a condition, and returns it.
    fn wait(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if is_it(&screen) {
                return screen;
            }
            assert!(start.elapsed() < PATIENCE, "no {what} on\n{screen}");
            thread::sleep(Duration::from_millis(30));
        }
    }

    fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    fn file(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        text.trim().to_owned()
    }

    fn signal(&self, signal: &str) {
        kill(signal, &self.file("pid"));
    }

    /// Waits until the command has ended with this status, and checks that the terminal is restored: its screen, cursor
    /// and settings. Returns the screen, which contains all parts.
    #[track_caller]
    fn restored(&self, status: &str, parts: &[&str]) -> String {
        let screen = self.wait_for("\ndone");
        let modes = ["display-message", "-p", "#{alternate_on} #{cursor_flag}"];
        let modes = self.tmux_output(&modes);
        assert_eq!(modes.trim(), "0 1", "alternate screen, cursor\n{screen}");
        assert_eq!(self.file("after"), self.file("before"), "stty");
        assert!(!self.file("before").is_empty());
        assert_eq!(self.file("status"), status, "{screen}");
        assert_contains(&screen, parts);
        screen
    }

    /// Keeps a screen for inspection.
    fn keep(&self, name: &str, screen: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screens");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), screen).unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const SIZES: [(u16, u16); 2] = [(80, 24), (200, 50)];

/// The number of occurrences of a text.
fn count(screen: &str, text: &str) -> usize {
    screen.matches(text).count()
}

// Over a second each: they wait for a real program on a real terminal.

#[test]
fn keys_match_the_help() {
    if skips_without_tmux() {
        return;
    }
    for (columns, rows) in SIZES {
        let terminal = Terminal::program((columns, rows), "");
        let keep = |name: &str, screen: &str| {
            terminal.keep(&format!("{name}-{columns}x{rows}.txt"), screen);
        };
        let is_whole = |screen: &str| {
            screen.contains("3 books live")
                && count(screen, " LIVE ") == 3
                && screen.contains("p99")
        };
        let all = terminal.wait("three live books", is_whole);
        keep("all", &all);
        assert_contains(&all, &["BTCUSDT", "rate-cut-yes", "rate-cut-no"]);
        assert_contains(&all, &["q quit", "? help", "/s", "█"]);
        assert_eq!(count(&all, "spread "), 3, "{all}");
        assert_eq!(all.lines().count(), usize::from(rows));

        terminal.press(&["?"]);
        let help = "the only state in which a book may be traded on";
        keep("help", &terminal.wait_for(help));
        terminal.press(&["?"]);
        terminal.wait("help gone", |screen| !screen.contains(help));

        terminal.press(&["g"]);
        keep("grouped", &terminal.wait_for("by 0.02"));
        terminal.press(&["G"]);
        terminal.wait("single prices", |screen| !screen.contains("by 0.02"));

        terminal.press(&["-"; 40]);
        terminal.wait("a level", |screen| count(screen, "1 level:") == 3);
        terminal.press(&["+", "+"]);
        let flat = terminal.wait("three levels", |screen| count(screen, "3 levels:") == 3);
        keep("flat", &flat);
        terminal.press(&["+"; 40]);
        terminal.wait("more levels", |screen| !screen.contains("3 levels:"));

        terminal.press(&["Tab"]);
        terminal.wait_for(">2 mkt");
        terminal.press(&["s"]);
        let pair = terminal.wait_for("one of each: asks ");
        assert!(!pair.contains("BTCUSDT"), "{pair}");
        keep("pair", &pair);
        terminal.press(&["s", "1", "o"]);
        let one = terminal.wait_for("trades (UTC)");
        terminal.wait_for(">1  LIVE          BTCUSDT");
        keep("one", &one);
        terminal.press(&["Escape"]);
        terminal.wait("all books", |screen| count(screen, "spread ") == 3);

        terminal.press(&["f"]);
        let frozen = terminal.wait_for("FROZEN 1.");
        let is_frozen = count(&frozen, " FROZEN ") >= 4 && !frozen.contains(" LIVE ");
        assert!(is_frozen, "{frozen}");
        keep("frozen", &frozen);
        // Only the time since the screen was frozen changes.
        let ladder = |screen: &str| -> Vec<String> {
            let prices = |line: &&str| !line.contains("FROZEN");
            screen.lines().filter(prices).map(str::to_owned).collect()
        };
        let later = terminal.wait_for("FROZEN 2.");
        assert_eq!(ladder(&later)[..10], ladder(&frozen)[..10]);
        terminal.press(&["f"]);
        terminal.wait("live again", |screen| count(screen, " LIVE ") == 3);

        terminal.press(&["q"]);
        let after = terminal.restored("0", &["BTCUSDT: "]);
        assert!(!after.contains("spread "), "only the summary\n{after}");
    }
}

#[test]
fn terminal_may_be_resized() {
    if skips_without_tmux() {
        return;
    }
    let terminal = Terminal::program((20, 5), "");
    let small = terminal.wait("a small screen", |screen| {
        screen.contains(" LIVE ") && screen.contains("spread ") && screen.contains("BTC")
    });
    terminal.keep("all-20x5.txt", &small);
    for (columns, rows, text) in [
        (80, 24, "3 books live"),
        (40, 10, " LIVE "),
        (10, 2, "too small"),
        (1, 1, "t"),
        (200, 50, "f freeze"),
        (80, 24, "a all"),
    ] {
        let size = [format!("{columns}"), format!("{rows}")];
        let _ = terminal.tmux(&["resize-window", "-x", &size[0], "-y", &size[1]]);
        let screen = terminal.wait(text, |screen| {
            screen.contains(text) && screen.lines().all(|line| line.chars().count() <= columns)
        });
        terminal.keep(&format!("resized-{columns}x{rows}.txt"), &screen);
    }
    terminal.press(&["q"]);
    terminal.restored("0", &[]);
}

#[test]
fn signals_restore_the_terminal() {
    if skips_without_tmux() {
        return;
    }
    let spin = "--spin --keep-warm=100us";
    for (options, end) in [
        ("", "C-c"),
        ("", "-INT"),
        ("", "-TERM"),
        ("", "-HUP"),
        (spin, "q"),
        (spin, "-HUP"),
    ] {
        let terminal = Terminal::program((80, 24), options);
        terminal.wait_for("3 books live");
        match end.starts_with('-') {
            true => terminal.signal(end),
            false => terminal.press(&[end]),
        }
        terminal.restored("0", &["BTCUSDT: "]);
    }
}

#[test]
fn ends_and_errors_restore_terminal() {
    if skips_without_tmux() {
        return;
    }
    // A file size limit causes a signal, which would kill the program.
    let watch = format!("{PROGRAM} watch --books rows.csv");
    let limited = format!("sh -c \"ulimit -f 8; exec {watch}\"");
    for (command, status, part) in [
        (format!("{PROGRAM} --duration 700ms"), "0", "BTCUSDT: "),
        (
            // Without a server.
            format!("{PROGRAM} watch --venue=jayx --url=ws://127.0.0.1:1"),
            "1",
            "ticklot: cannot connect to 127.0.0.1:1",
        ),
        (
            // An error after the terminal was set up.
            format!("{PROGRAM} --books=/nowhere/rows.csv"),
            "1",
            "ticklot: cannot write /nowhere/rows.csv",
        ),
        (
            limited,
            "1",
            "ticklot: cannot write the books: File too large",
        ),
    ] {
        let command = format!("env LC_ALL=C.UTF-8 {command}");
        Terminal::run((80, 24), &command).restored(status, &[part]);
    }
}

/// The program on a terminal that does not reply to queries.
struct Silent {
    child: Child,
    keyboard: File,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Silent {
    fn start(args: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let keyboard = openpt(flags).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size).unwrap();
        let child = Command::new(PROGRAM)
            .args(args)
            .env("TERM", "xterm-256color")
            .stdin(Stdio::from(terminal.try_clone().unwrap()))
            .stdout(Stdio::from(terminal))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let keyboard = File::from(keyboard);
        let mut screen = keyboard.try_clone().unwrap();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let log = Arc::clone(&written);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            // Reading fails once the program has ended.
            while let Ok(count @ 1..) = screen.read(&mut chunk) {
                log.lock().unwrap().extend_from_slice(&chunk[..count]);
            }
        });
        Self {
            child,
            keyboard,
            written,
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Waits until the program has written each of these texts after the one before it.
    fn wait_for(&mut self, texts: &[&str]) {
        let start = Instant::now();
        loop {
            let written = self.written();
            let mut rest = Some(written.as_str());
            for text in texts {
                rest = rest.and_then(|rest| Some(rest.split_once(text)?.1));
            }
            if rest.is_some() {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            let waits = ended.is_none() && start.elapsed() < PATIENCE;
            assert!(waits, "{ended:?}, no {texts:?} in {written:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn drawing_again_queries_no_terminal() {
    const CLEAR: &str = "\x1b[2J";
    let mut terminal = Silent::start(&["watch", "--venue=jayx"]);
    terminal.wait_for(&["BTCUSDT"]);
    terminal.press(b"\x0c");
    terminal.wait_for(&["BTCUSDT", CLEAR, "BTCUSDT"]);
    // The reply to another program's query, and a second redraw.
    terminal.press(b"\x1b[1;1R\x0c");
    terminal.wait_for(&["BTCUSDT", CLEAR, "BTCUSDT", CLEAR, "BTCUSDT"]);
    terminal.press(b"q");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
    let written = terminal.written();
    for query in ["\x1b[6n", "\x1b[5n", "\x1b[c", "\x1b[?u", "\x1b[>q"] {
        assert!(!written.contains(query), "{query:?} in {written:?}");
    }
}

#[test]
fn closed_terminal_ends_the_program() {
    if skips_without_tmux() {
        return;
    }
    let terminal = Terminal::program((80, 24), "");
    terminal.wait_for("3 books live");
    let pid = terminal.file("pid");
    let _ = terminal.tmux(&["kill-server"]);
    let start = Instant::now();
    let kill = || Command::new("kill").args(["-0", &pid]).output().unwrap();
    while kill().status.success() {
        assert!(start.elapsed() < PATIENCE, "process {pid} continues");
        thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn disconnected_book_is_not_live() {
    if skips_without_tmux() {
        return;
    }
    let server = Terminal::run((80, 24), &format!("{PROGRAM} serve --venue jayx --seed 7"));
    let screen = server.wait_for("ws://127.0.0.1:");
    let url = screen.lines().find(|it| it.starts_with("ws://")).unwrap();
    for colours in ["", "NO_COLOR=1"] {
        let command =
            format!("env {colours} LC_ALL=C.UTF-8 {PROGRAM} watch --venue jayx --url {url}");
        let terminal = Terminal::run((80, 24), &command);
        terminal.wait_for("1 book live");
        let coloured = terminal.tmux_output(&["capture-pane", "-p", "-e"]);
        assert_eq!(has_colours(&coloured), colours.is_empty(), "{coloured:?}");
        if !colours.is_empty() {
            server.signal("-KILL");
            let screen = terminal.wait_for(" DISCONNECTED, ");
            terminal.keep("disconnected-80x24.txt", &screen);
            assert_contains(&screen, &["0 of 1 book live:  1 DISCONNECTED "]);
            assert!(!screen.contains("LIVE"), "{screen}");
            let styled = terminal.tmux_output(&["capture-pane", "-p", "-e"]);
            assert!(!has_colours(&styled), "{styled:?}");
            // The word in the header, the label and the middle row are reversed.
            let mut lines = styled.lines().filter(|line| line.contains("DISCONNECTED"));
            assert_eq!(lines.clone().count(), 3, "{styled:?}");
            let is_reversed = |line| renditions(line).any(|it| it == 7);
            assert!(lines.all(is_reversed), "{styled:?}");
        }
        terminal.press(&["q"]);
        terminal.restored("0", &[]);
    }
}

/// The graphic renditions that a text sets (ECMA-48, SGR).
fn renditions(text: &str) -> impl Iterator<Item = u32> {
    let sequences = text.split("\x1b[").skip(1);
    let sequences = sequences.filter_map(|rest| rest.split_once('m'));
    let parameters = sequences.flat_map(|(numbers, _)| numbers.split(';'));
    parameters.filter_map(|it| it.parse().ok())
}

/// Whether a text sets a colour other than the terminal's own.
fn has_colours(text: &str) -> bool {
    renditions(text).any(|it| matches!(it, 30..=38 | 40..=48 | 90..=97 | 100..=107))
}

// Not tests: the next test runs them on a terminal, each in a separate process.

#[test]
#[ignore = "run by panic_restores_the_terminal on a terminal"]
fn drawing_thread_panics() {
    let _guard = TerminalGuard::enter().unwrap();
    while_taken(|| panic!("the drawing panics on purpose"));
}

#[test]
#[ignore = "run by panic_restores_the_terminal on a terminal"]
fn feed_panics_while_drawing() {
    let _guard = TerminalGuard::enter().unwrap();
    thread::spawn(|| {
        loop {
            // A frame in many pieces, so that the panic interrupts an incomplete one.
            let _ = while_taken(|| (0..50).for_each(|_| eprint!("\x1b[Hscribble")));
        }
    });
    thread::sleep(Duration::from_millis(300));
    panic!("the feed panics on purpose");
}

#[test]
fn panic_restores_the_terminal() {
    if skips_without_tmux() {
        return;
    }
    let this = std::env::current_exe().unwrap();
    for (test, message) in [
        ("drawing_thread_panics", "the drawing panics on purpose"),
        ("feed_panics_while_drawing", "the feed panics on purpose"),
    ] {
        let command = format!("{} --exact {test} --ignored --nocapture", this.display());
        let terminal = Terminal::run((100, 50), &command);
        let screen = terminal.restored("101", &[message]);
        assert!(!screen.contains("scribble"), "drawn after it\n{screen}");
    }
}
