//! Pictures of a feed made by hand. Whole ones are files in `tests/`: `TICKLOT_BLESS=1 cargo test` writes them
//! anew, for review before they are committed.

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
use super::{Scene, draw, ladder, numbers, text};
use crate::watch::fixture::{Fixture, last, trade};
use crate::watch::keys::{ScreenState, View};
use crate::watch::model::Model;

const COLOUR: Theme = Theme {
    colour: true,
    unicode: true,
};

/// The shortest length of time.
const NANO: Duration = Duration::from_nanos(1);

/// When the pictures are taken.
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
    // Twenty messages a second, and the last one changes something.
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
        let level = |n: i64| {
            (
                best + step * (n * (n + 5) / 2),
                40_123 * (n * 37 % 50 + 1) + change * (n % 3) * 111,
            )
        };
        (0..20).map(level).collect()
    };
    let (bids, asks) = (side(6_679_950, -1, -change), side(6_680_027, 1, change));
    feed.replace(id, &bids, &asks);
    let side = if beat % 3 == 0 {
        TradeSide::Sell
    } else {
        TradeSide::Buy
    };
    let trades = [trade(
        6_680_027,
        1_000 * (beat + 1),
        side,
        1_700_000_000_000 + 50 * beat,
    )];
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
    feed.snapshot(
        no,
        &[(35, 113_490 * cents), (30, 75_000 * cents)],
        &[(41, 293_252 * cents)],
    );
}

fn view(keys: &str) -> View {
    let mut view = View::new(None);
    let screen = ScreenState {
        books: 3,
        pair: (1, Some(2)),
        room: 8,
    };
    for key in keys.chars() {
        let _ = view.key(
            KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE),
            screen,
        );
    }
    view
}

fn picture(model: &Model, view: &View, theme: Theme, size: (u16, u16)) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    let scene = Scene {
        model,
        at: NOW,
        latest: model,
        now: NOW,
        view,
        theme,
    };
    let _ = draw(&mut buffer, &scene);
    buffer
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let rows = buffer.content().chunks(usize::from(buffer.area.width));
    let line = |cells: &[Cell]| cells.iter().map(Cell::symbol).collect::<String>();
    rows.map(|cells| line(cells).trim_end().to_owned())
        .collect()
}

/// Holds a picture to the file of this name.
fn check(name: &str, buffer: &Buffer) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/watch/draw/tests");
    let path = folder.join(format!("{name}.txt"));
    let drawn = lines(buffer).join("\n") + "\n";
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
            let buffer = picture(&feed.model, &view(keys), COLOUR, (columns, rows));
            check(&format!("{name}-{columns}x{rows}"), &buffer);
        }
    }
    for (columns, rows) in [(20, 5), (40, 12), (60, 16), (16, 3)] {
        let buffer = picture(&feed.model, &view(""), COLOUR, (columns, rows));
        check(&format!("all-{columns}x{rows}"), &buffer);
    }
    let ascii = Theme {
        colour: false,
        unicode: false,
    };
    check(
        "ascii-80x24",
        &picture(&feed.model, &view(""), ascii, (80, 24)),
    );
}

/// Each of the three books in a state that is not live, in turn.
fn untrusted() -> Vec<(&'static str, Fixture)> {
    type Spoil = fn(&mut Fixture, BookId);
    let states: [(&str, Spoil); 4] = [
        ("STALE", |feed, id| {
            let now = feed.now;
            assert!(feed.book(id).expire(now.after(NANO), NANO));
        }),
        ("DISCONNECTED", |feed, id| feed.book(id).disconnect()),
        ("CROSSED", |feed, id| feed.replace(id, &[(9, 5)], &[(7, 5)])),
        ("GAP", |feed, id| feed.book(id).mark_gap(Gap::Refused)),
    ];
    let mut all: Vec<(&'static str, Fixture)> = Vec::new();
    for (word, spoil) in states {
        let mut feed = market();
        (0..3).map(BookId).for_each(|id| spoil(&mut feed, id));
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
    let mut unheard = market();
    unheard.model.last_update = Nanos(0);
    all.push(("NO FEED", unheard));
    all
}

#[test]
fn invalid_screens_match_snapshots() {
    for (word, feed) in untrusted() {
        let name = word.to_lowercase().replace(' ', "-");
        check(
            &format!("{name}-80x24"),
            &picture(&feed.model, &view(""), COLOUR, (80, 24)),
        );
    }
}

// Over a second in a debug build: thousands of pictures.
#[test]
fn invalid_books_never_show_live() {
    let ascii = Theme {
        colour: false,
        unicode: false,
    };
    for (word, feed) in untrusted() {
        for keys in ["", "o", "s"] {
            for (columns, rows) in sizes() {
                let buffer = picture(&feed.model, &view(keys), ascii, (columns, rows));
                let text = lines(&buffer).join("\n");
                assert!(!text.contains("LIVE"), "{columns}x{rows} {keys}\n{text}");
                assert!(
                    text.contains(word),
                    "{word}: {columns}x{rows} {keys}\n{text}"
                );
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
    for (word, feed) in untrusted() {
        let buffer = picture(&feed.model, &view(""), COLOUR, (80, 24));
        // Below the header and the three rows of facts.
        let ladders = &buffer.content()[80 * 4..];
        let lively = |cell: &Cell| matches!(cell.fg, Color::Green) || cell.bg == Color::Green;
        assert!(!ladders.iter().any(lively), "{word}");
    }
}

/// The cells of the first place where a text stands.
fn find<'a>(buffer: &'a Buffer, text: &str) -> &'a [Cell] {
    let width = usize::from(buffer.area.width);
    for (y, line) in lines(buffer).iter().enumerate() {
        if let Some(at) = line.find(text) {
            let x = line[..at].chars().count();
            let start = y * width + x;
            return &buffer.content()[start..start + text.chars().count()];
        }
    }
    panic!("{text:?} is not in\n{}", lines(buffer).join("\n"));
}

#[test]
fn colours_repeat_words_and_signs() {
    let feed = market();
    let buffer = picture(&feed.model, &view(""), COLOUR, (80, 24));
    assert!(
        find(&buffer, " LIVE ")
            .iter()
            .all(|cell| cell.bg == Color::Green)
    );
    assert!(
        find(&buffer, "66799.50")
            .iter()
            .all(|cell| cell.fg == Color::Green)
    );
    assert!(
        find(&buffer, "66800.27")
            .iter()
            .all(|cell| cell.fg == Color::Red)
    );
    // The level that the last message changed is lit behind its quantity.
    let lit = &find(&buffer, "▲ 1134.91")[1..];
    assert!(lit.iter().all(|cell| cell.bg == Color::Indexed(52)));
    let calm = find(&buffer, "2932.52");
    assert!(calm.iter().all(|cell| cell.bg == Color::Reset));
    let (_, stale) = untrusted().swap_remove(0);
    let buffer = picture(&stale.model, &view(""), COLOUR, (80, 24));
    assert!(
        find(&buffer, " STALE ")
            .iter()
            .all(|cell| cell.bg == Color::Yellow)
    );
    // Without colours there are none, and what is not live is turned over.
    let plain = Theme {
        colour: false,
        unicode: true,
    };
    let buffer = picture(&stale.model, &view(""), plain, (80, 24));
    let colourless = |cell: &Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
    assert!(buffer.content().iter().all(colourless));
    assert!(
        find(&buffer, " STALE ")
            .iter()
            .all(|it| it.modifier.contains(Modifier::REVERSED))
    );
    let buffer = picture(&feed.model, &view(""), plain, (80, 24));
    assert!(buffer.content().iter().all(colourless));
    assert!(
        !find(&buffer, " LIVE ")[1]
            .modifier
            .contains(Modifier::REVERSED)
    );
}

#[test]
fn frozen_screen_is_not_live() {
    let feed = market();
    let then = feed.model.clone();
    let mut feed = feed;
    feed.now = NOW.after(Duration::from_secs(5));
    feed.book(BookId(0)).disconnect();
    feed.tick();
    let now = feed.now;
    let latest = feed.take();
    let view = view("f");
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    let scene = Scene {
        model: &then,
        at: NOW,
        latest,
        now,
        view: &view,
        theme: COLOUR,
    };
    let _ = draw(&mut buffer, &scene);
    check("frozen-80x24", &buffer);
    let text = lines(&buffer).join("\n");
    assert!(!text.contains(" LIVE  "), "{text}");
    assert!(
        text.contains("FROZEN 5.0s ago") && text.contains("1 DISCONNECTED"),
        "{text}"
    );
}

/// The numbers of a line: runs of digits and points.
fn numbers_of(line: &str) -> impl Iterator<Item = &str> {
    let parts = line.split(|c: char| !c.is_ascii_digit() && c != '.');
    parts.filter(|part| part.contains(|c: char| c.is_ascii_digit()))
}

/// Every number that a ladder may show.
fn whole_numbers(model: &Model, at: usize, view: &View) -> BTreeSet<String> {
    let book = &model.books[at];
    let mut all = BTreeSet::new();
    for side in [Side::Bid, Side::Ask] {
        for row in book.rows(side, view.step(at), 99) {
            all.insert(numbers::price(book.scale, i128::from(row.level.ticks.0)));
            all.insert(numbers::quantity(book, i128::from(row.level.lots.0)));
            all.insert(numbers::quantity(book, row.sum));
        }
    }
    all.extend((0..=100).map(|count| count.to_string()));
    all.insert(numbers::price(book.scale, i128::from(view.step(at).0)));
    let spread = book.spread().map_or(0, |it| it.0);
    all.insert(numbers::price(book.scale, i128::from(spread)));
    let last = book.last_trade.map_or(0, |it| it.ticks.0);
    all.insert(numbers::price(book.scale, i128::from(last)));
    all
}

// Over a second in a debug build: thousands of ladders.
#[test]
fn no_number_is_ever_cut() {
    let feed = market();
    for (at, keys) in [(0, ""), (0, "ggggg"), (1, ""), (2, "")] {
        let view = view(keys);
        let whole = whole_numbers(&feed.model, at, &view);
        for columns in 1..70 {
            for rows in 1..24 {
                let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
                let scene = Scene {
                    model: &feed.model,
                    at: NOW,
                    latest: &feed.model,
                    now: NOW,
                    view: &view,
                    theme: COLOUR,
                };
                let area = buffer.area;
                let _ = ladder::draw(&mut buffer, &scene, at, area);
                for line in lines(&buffer) {
                    for number in numbers_of(&line) {
                        assert!(
                            whole.contains(number),
                            "{columns}x{rows}: {number} in {line:?}"
                        );
                    }
                }
            }
        }
    }
}

// Over a second in a debug build: thousands of pictures.
#[test]
fn any_size_and_any_keys() {
    let feed = market();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..3_000 {
        let (columns, rows) = (random.u16(1..220), random.u16(1..70));
        let keys: String = (0..random.usize(0..12))
            .map(|_| random.choice(*b"sao?fgG+-123nph").map_or('q', char::from))
            .collect();
        let theme = Theme {
            colour: random.bool(),
            unicode: random.bool(),
        };
        let view = view(&keys);
        let buffer = picture(&feed.model, &view, theme, (columns, rows));
        if !theme.unicode {
            let text = lines(&buffer).join("\n");
            assert!(text.is_ascii(), "{columns}x{rows} {keys}\n{text}");
        }
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
        room: None,
    });
    let _ = feed.take();
    for keys in ["", "o"] {
        let buffer = picture(&feed.model, &view(keys), COLOUR, (120, 30));
        let text = lines(&buffer).join("");
        assert!(
            !text.contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{text:?}"
        );
        assert!(
            text.contains("\\u{1b}[2J") && text.contains("\\u{1b}]0;title"),
            "{text}"
        );
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
    let mut screen = BTreeSet::new();
    for selected in 0..30 {
        let mut view = view("");
        view.selected = selected;
        for size in [(80, 24), (200, 50), (30, 10)] {
            let text = lines(&picture(&feed.model, &view, COLOUR, size)).join("\n");
            assert!(
                text.contains(&format!("m/{}", names[selected])),
                "{selected}\n{text}"
            );
            assert!(text.contains("0 of 30"), "{text}");
        }
        let text = lines(&picture(&feed.model, &view, COLOUR, (80, 24))).join("\n");
        let words: Vec<&str> = text.split([' ', '│', '\n']).collect();
        screen.extend((0..30).filter(|at| words.contains(&format!("m/{}", names[*at]).as_str())));
        assert!(text.contains(" of 30"), "{text}");
    }
    assert_eq!(screen.len(), 30);
    assert_eq!(text::width("m/book-29"), 9);
}
