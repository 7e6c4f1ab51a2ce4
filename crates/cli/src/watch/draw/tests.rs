//! Screens of a test feed. Those compared as a whole are files in `tests/`: `TICKLOT_BLESS=1 cargo test` writes them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use ratatui::buffer::{Buffer, Cell};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use ticklot::events::TradeSide;
use ticklot::{BookId, BookUpdate, ConnectionId, Event, Gap, Nanos, Scale, Side};

use super::theme::Theme;
use super::{Scene, draw, ladder, numbers};
use crate::watch::fixture::{Fixture, last, trade};
use crate::watch::keys::{ScreenState, View};
use crate::watch::model::Model;

const COLOUR: Theme = Theme::new(true, true);
const ASCII: Theme = Theme::new(false, false);

/// The shortest duration.
const NANO: Duration = Duration::from_nanos(1);

/// The time of the screens.
const NOW: Nanos = Nanos::from_millis(12_345);

/// Three books like those of the embedded venues, with trades, changes and two seconds of messages.
fn market() -> Fixture {
    let mut feed = Fixture::new();
    let btc = feed.add(0, "BTCUSDT", "BTCUSDT", Scale::new(2, 6).unwrap());
    let outcome = |feed: &mut Fixture, name| {
        let scale = Scale::new(2, 6).unwrap();
        feed.add(1, "mkt_us-rate-cut", name, scale)
    };
    let yes = outcome(&mut feed, "out_us-rate-cut-yes");
    let no = outcome(&mut feed, "out_us-rate-cut-no");
    feed.now = Nanos::from_millis(NOW.0 / 1_000_000 - 2_100);
    // Twenty messages a second. The last one changes some levels.
    for beat in 0..=40 {
        let last_beat = i64::from(beat == 40);
        spot(&mut feed, btc, beat, last_beat);
        if beat % 2 == 0 {
            outcomes(&mut feed, yes, no, last_beat);
        }
        feed.tick();
        let _ = feed.take();
        feed.wait(50);
    }
    feed.now = NOW;
    feed.tick();
    let _ = feed.take();
    feed
}

fn spot(feed: &mut Fixture, id: BookId, beat: i64, change: i64) {
    let side = |best: i64, step: i64, change: i64| -> Vec<(i64, i64)> {
        let ticks = |n| best + step * (n * (n + 5) / 2);
        let lots = |n| 40_123 * (n * 37 % 50 + 1) + change * (n % 3) * 111;
        (0..20).map(|n: i64| (ticks(n), lots(n))).collect()
    };
    let (bids, asks) = (side(6_679_950, -1, -change), side(6_680_027, 1, change));
    feed.replace(id, &bids, &asks);
    let side = match beat % 3 {
        0 => TradeSide::Sell,
        _ => TradeSide::Buy,
    };
    let (lots, created_ms) = (1_000 * (beat + 1), 1_700_000_000_000 + 50 * beat);
    let trades = [trade(6_680_027, lots, side, created_ms)];
    let update = BookUpdate {
        last_trade: last(6_680_027, side),
        ..feed.update(id)
    };
    feed.traded(update, &trades);
}

fn outcomes(feed: &mut Fixture, yes: BookId, no: BookId, change: i64) {
    let cents = 10_000;
    let bids = [
        (59, 293_252 * cents),
        (58, 115_858 * cents),
        (55, (68_079 - change) * cents),
    ];
    let asks = [
        (64, 8_000 * cents),
        (65, (113_490 + change) * cents),
        (70, 1_000_000 * cents),
    ];
    feed.replace(yes, &bids, &asks);
    let update = BookUpdate {
        last_trade: last(59, TradeSide::Sell),
        ..feed.update(yes)
    };
    feed.event(Event::Book(update));
    let bids = [(35, 113_490 * cents), (30, 75_000 * cents)];
    feed.snapshot(no, &bids, &[(41, 293_252 * cents)]);
}

fn view(keys: &str) -> View {
    let mut view = View::new(None);
    let screen = ScreenState {
        books: 3,
        pair: (1, Some(2)),
        room: 8,
    };
    for key in keys.chars() {
        let key = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
        let _ = view.key(key, screen);
    }
    view
}

fn scene<'a>(model: &'a Model, view: &'a View, theme: Theme) -> Scene<'a> {
    Scene {
        model,
        at: NOW,
        latest: model,
        now: NOW,
        view,
        theme,
    }
}

/// Draws a scene on an empty screen of this size.
fn drawn(scene: &Scene<'_>, (columns, rows): (u16, u16)) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    let _ = draw(&mut buffer, scene);
    buffer
}

fn screen(model: &Model, keys: &str, theme: Theme, size: (u16, u16)) -> Buffer {
    drawn(&scene(model, &view(keys), theme), size)
}

/// The text of a screen.
fn text(buffer: &Buffer) -> String {
    lines(buffer).join("\n")
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let rows = buffer.content().chunks(usize::from(buffer.area.width));
    let line = |cells: &[Cell]| cells.iter().map(Cell::symbol).collect::<String>();
    rows.map(|cells| line(cells).trim_end().to_owned())
        .collect()
}

/// Compares a screen with the file of this name.
fn check(name: &str, buffer: &Buffer) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/watch/draw/tests");
    let path = folder.join(format!("{name}.txt"));
    let drawn = text(buffer) + "\n";
    if std::env::var_os("TICKLOT_BLESS").is_some() {
        std::fs::write(&path, &drawn).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(drawn, wanted, "{name}\n{drawn}\nis not\n{wanted}");
}

#[test]
fn screens_match_snapshots() {
    let feed = market();
    for (name, keys) in [
        ("all", ""),
        ("one", "o"),
        ("pair", "2s"),
        ("help", "?"),
        ("grouped", "ggg--"),
    ] {
        for (columns, rows) in [(80, 24), (200, 50)] {
            let buffer = screen(&feed.model, keys, COLOUR, (columns, rows));
            check(&format!("{name}-{columns}x{rows}"), &buffer);
        }
    }
    for (columns, rows) in [(20, 5), (40, 12), (60, 16), (16, 3)] {
        let buffer = screen(&feed.model, "", COLOUR, (columns, rows));
        check(&format!("all-{columns}x{rows}"), &buffer);
    }
    check("ascii-80x24", &screen(&feed.model, "", ASCII, (80, 24)));
}

/// Feeds whose three books have the same state other than live, with its label.
fn invalid() -> Vec<(&'static str, Fixture)> {
    type Invalidate = fn(&mut Fixture, BookId);
    let states: [(&str, Invalidate); 4] = [
        ("STALE", |feed, id| {
            let now = feed.now;
            assert!(feed.book(id).expire(now.after(NANO), NANO));
        }),
        ("DISCONNECTED", |feed, id| feed.book(id).disconnect()),
        ("CROSSED", |feed, id| feed.replace(id, &[(9, 5)], &[(7, 5)])),
        ("GAP", |feed, id| feed.book(id).mark_gap(Gap::Refused)),
    ];
    let mut all: Vec<(&'static str, Fixture)> = Vec::new();
    for (word, invalidate) in states {
        let mut feed = market();
        (0..3).map(BookId).for_each(|id| invalidate(&mut feed, id));
        feed.tick();
        let _ = feed.take();
        all.push((word, feed));
    }
    let mut empty = Fixture::new();
    for name in ["a", "b", "c"] {
        empty.add(0, "m", name, Scale::new(2, 6).unwrap());
    }
    empty.now = NOW;
    empty.tick();
    let _ = empty.take();
    all.push(("EMPTY", empty));
    let mut silent = market();
    silent.model.last_update = Nanos(0);
    all.push(("NO FEED", silent));
    all
}

#[test]
fn invalid_screens_match_snapshots() {
    for (word, feed) in invalid() {
        let name = word.to_lowercase().replace(' ', "-");
        let buffer = screen(&feed.model, "", COLOUR, (80, 24));
        check(&format!("{name}-80x24"), &buffer);
    }
}

// Over a second in a debug build: thousands of screens.
#[test]
fn invalid_books_never_show_live() {
    for (word, feed) in invalid() {
        for keys in ["", "o", "s"] {
            for size in sizes() {
                let text = text(&screen(&feed.model, keys, ASCII, size));
                let is_right = text.contains(word) && !text.contains("LIVE");
                assert!(is_right, "{word}: {size:?} {keys}\n{text}");
            }
        }
    }
}

fn sizes() -> impl Iterator<Item = (u16, u16)> {
    let columns = (20..100).step_by(7).chain([120, 200]);
    columns.flat_map(|columns| (3..60).step_by(3).map(move |rows| (columns, rows)))
}

#[test]
fn invalid_books_lose_side_colours() {
    for (word, feed) in invalid() {
        let buffer = screen(&feed.model, "", COLOUR, (80, 24));
        // Below the header and the three rows above the ladders.
        let ladders = &buffer.content()[80 * 4..];
        let lively = |cell: &Cell| matches!(cell.fg, Color::Green) || cell.bg == Color::Green;
        assert!(!ladders.iter().any(lively), "{word}");
    }
}

/// The cells of the first occurrence of a text.
fn find<'a>(buffer: &'a Buffer, text: &str) -> &'a [Cell] {
    let width = usize::from(buffer.area.width);
    for (y, line) in lines(buffer).iter().enumerate() {
        if let Some(at) = line.find(text) {
            let x = line[..at].chars().count();
            let start = y * width + x;
            return &buffer.content()[start..start + text.chars().count()];
        }
    }
    panic!("{text:?} is not in\n{}", self::text(buffer));
}

#[test]
fn colours_repeat_words_and_signs() {
    let feed = market();
    let buffer = screen(&feed.model, "", COLOUR, (80, 24));
    let all = |cells: &[Cell], is: fn(&Cell) -> bool| cells.iter().all(is);
    assert!(all(find(&buffer, " LIVE "), |it| it.bg == Color::Green));
    assert!(all(find(&buffer, "66799.50"), |it| it.fg == Color::Green));
    assert!(all(find(&buffer, "66800.27"), |it| it.fg == Color::Red));
    // The quantity of the level that the last message changed is highlighted.
    let lit = &find(&buffer, "▲ 1134.91")[1..];
    assert!(all(lit, |it| it.bg == Color::Indexed(52)));
    assert!(all(find(&buffer, "2932.52"), |it| it.bg == Color::Reset));
    let (_, stale) = invalid().swap_remove(0);
    let buffer = screen(&stale.model, "", COLOUR, (80, 24));
    assert!(all(find(&buffer, " STALE "), |it| it.bg == Color::Yellow));
    // Without colours, a status other than live is reversed.
    let plain = Theme::new(false, true);
    let colourless = |cell: &Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
    let is_reversed = |cell: &Cell| cell.modifier.contains(Modifier::REVERSED);
    let buffer = screen(&stale.model, "", plain, (80, 24));
    assert!(all(buffer.content(), colourless));
    assert!(all(find(&buffer, " STALE "), is_reversed));
    let buffer = screen(&feed.model, "", plain, (80, 24));
    assert!(all(buffer.content(), colourless));
    assert!(!is_reversed(&find(&buffer, " LIVE ")[1]));
}

#[test]
fn frozen_screen_is_not_live() {
    let mut feed = market();
    let frozen = feed.model.clone();
    feed.now = NOW.after(Duration::from_secs(5));
    feed.book(BookId(0)).disconnect();
    feed.tick();
    let now = feed.now;
    let latest = feed.take();
    let view = view("f");
    let scene = Scene {
        latest,
        now,
        ..scene(&frozen, &view, COLOUR)
    };
    let buffer = drawn(&scene, (80, 24));
    check("frozen-80x24", &buffer);
    let text = text(&buffer);
    assert!(!text.contains(" LIVE  "), "{text}");
    assert!(text.contains("FROZEN 5.0s ago"), "{text}");
    assert!(text.contains("1 DISCONNECTED"), "{text}");
}

/// The numbers of a line: runs of digits and points.
fn numbers_of(line: &str) -> impl Iterator<Item = &str> {
    let parts = line.split(|c: char| !c.is_ascii_digit() && c != '.');
    parts.filter(|part| part.contains(|c: char| c.is_ascii_digit()))
}

/// All numbers that a ladder may show.
fn whole_numbers(model: &Model, at: usize, view: &View) -> BTreeSet<String> {
    let book = &model.books[at];
    let price = |ticks: i64| numbers::price(book.scale, i128::from(ticks));
    let mut all: BTreeSet<String> = (0..=100).map(|count| count.to_string()).collect();
    for side in [Side::Bid, Side::Ask] {
        for row in book.rows(side, view.step(at), 99) {
            all.insert(price(row.level.ticks.0));
            all.insert(numbers::quantity(book, i128::from(row.level.lots.0)));
            all.insert(numbers::quantity(book, row.sum));
        }
    }
    all.insert(price(view.step(at).0));
    all.insert(price(book.spread().map_or(0, |it| it.0)));
    all.insert(price(book.last_trade.map_or(0, |it| it.ticks.0)));
    all
}

// Over a second in a debug build: thousands of ladders.
#[test]
fn no_number_is_ever_cut() {
    let feed = market();
    for (at, keys) in [(0, ""), (0, "ggggg"), (1, ""), (2, "")] {
        let view = view(keys);
        let whole = whole_numbers(&feed.model, at, &view);
        let scene = scene(&feed.model, &view, COLOUR);
        for (columns, rows) in (1..70).flat_map(|columns| (1..24).map(move |rows| (columns, rows)))
        {
            let area = Rect::new(0, 0, columns, rows);
            let mut buffer = Buffer::empty(area);
            let _ = ladder::draw(&mut buffer, &scene, at, area);
            for line in lines(&buffer) {
                for number in numbers_of(&line) {
                    let is_whole = whole.contains(number);
                    assert!(is_whole, "{columns}x{rows}: {number} in {line:?}");
                }
            }
        }
    }
}

// Over a second in a debug build: thousands of screens.
#[test]
fn any_size_and_any_keys() {
    let feed = market();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..3_000 {
        let (columns, rows) = (random.u16(1..220), random.u16(1..70));
        let keys: String = (0..random.usize(0..12))
            .map(|_| random.choice(*b"sao?fgG+-123nph").map_or('q', char::from))
            .collect();
        let theme = Theme::new(random.bool(), random.bool());
        let text = text(&screen(&feed.model, &keys, theme, (columns, rows)));
        let is_allowed = theme.unicode || text.is_ascii();
        assert!(is_allowed, "{columns}x{rows} {keys}\n{text}");
    }
}

#[test]
fn server_text_is_escaped() {
    let mut feed = Fixture::new();
    let scale = Scale::new(2, 6).unwrap();
    feed.add(0, "\u{1b}[2J", "\u{9b}31m\u{202e}", scale);
    feed.now = NOW;
    feed.event(Event::Refused {
        connection: ConnectionId(0),
        message: "\u{1b}]0;title\u{7}\r\n",
        topic: None,
    });
    let _ = feed.take();
    for keys in ["", "o"] {
        let text = lines(&screen(&feed.model, keys, COLOUR, (120, 30))).join("");
        let is_hidden = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!text.contains(is_hidden), "{text:?}");
        for escaped in ["\\u{1b}[2J", "\\u{1b}]0;title"] {
            assert!(text.contains(escaped), "{text}");
        }
    }
}

#[test]
fn many_books_are_paged() {
    let mut feed = Fixture::new();
    let names: Vec<String> = (0..30).map(|number| format!("book-{number}")).collect();
    for name in &names {
        feed.add(0, "m", name, Scale::UNIT);
    }
    feed.now = NOW;
    feed.tick();
    let _ = feed.take();
    let mut shown = BTreeSet::new();
    for (selected, name) in names.iter().enumerate() {
        let mut view = view("");
        view.selected = selected;
        let scene = scene(&feed.model, &view, COLOUR);
        for size in [(200, 50), (30, 10), (80, 24)] {
            let text = text(&drawn(&scene, size));
            let title = format!("m/{name}");
            assert!(text.contains(&title), "{title}\n{text}");
            assert!(text.contains("0 of 30"), "{text}");
            if size == (80, 24) {
                let words = text.split([' ', '│', '\n']);
                shown.extend(
                    words
                        .filter(|it| it.starts_with("m/book-"))
                        .map(str::to_owned),
                );
            }
        }
    }
    assert_eq!(shown.len(), 30, "{shown:?}");
}
