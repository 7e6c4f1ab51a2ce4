//! `ticklot plot` draws the content of a log, at the right positions.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;

use ticklot_book::{Level, Lots, Side, Ticks};
use ticklot_sim::market::{Trade, View};
use ticklot_sim::wire::jayx;
use ticklot_tests::data::LOGS;
use ticklot_tests::program::{Ran, TempFile, ticklot};

/// 2024-08-08T12:00:00Z.
const NOON: u64 = 1_723_118_400_000_000_000;
const SECOND: u64 = 1_000_000_000;

const BID: [u8; 3] = [86, 180, 233];
const ASK: [u8; 3] = [255, 140, 66];
/// The heatmap's colours: no quantity, the maximum, no live book, beyond the known levels.
const NOTHING: [u8; 3] = [0x44, 0x01, 0x54];
const FULL: [u8; 3] = [0xfd, 0xe7, 0x25];
const NOT_LIVE: [u8; 3] = [160, 163, 172];
const BEYOND: [u8; 3] = [234, 236, 240];

fn levels(all: &[(i64, i64)]) -> Vec<Level> {
    let level = |&(ticks, lots)| Level {
        count: 1,
        ..Level::new(Ticks(ticks), Lots(lots))
    };
    all.iter().map(level).collect()
}

/// A line of a log: a book of JayX, `after` seconds after noon.
fn line(
    after: u64,
    bids: &[(i64, i64)],
    asks: &[(i64, i64)],
    trades: &[(i64, i64, Side)],
) -> String {
    let trade = |&(ticks, lots, taker)| Trade {
        ticks: Ticks(ticks),
        lots: Lots(lots),
        taker,
        created_ms: (NOON + after * SECOND) / 1_000_000,
    };
    let view = View {
        bids: levels(bids),
        asks: levels(asks),
        trades: trades.iter().map(trade).collect(),
    };
    let frame = jayx::order_book(&view).replace('"', "\\\"");
    format!(
        "{{\"recv_ns\":{},\"frame\":\"{frame}\"}}\n",
        NOON + after * SECOND
    )
}

/// A log of 20 s. The bid moves from 1000 to 1010 after 10 s; the ask stays at 1020.
fn known() -> TempFile {
    let log = TempFile::new("known.jsonl");
    let asks = [(1020, 100), (1040, 900)];
    let sold = (1000, 5, Side::Ask);
    let text = line(0, &[(1000, 400), (980, 900)], &asks, &[])
        + &line(5, &[(1000, 395), (980, 900)], &asks, &[sold])
        + &line(10, &[(1010, 400), (980, 900)], &asks, &[])
        + &line(20, &[(1010, 400), (980, 900)], &asks, &[]);
    std::fs::write(log.path(), text).unwrap();
    log
}

/// Draws a log of JayX with one decimal in prices and none in quantities.
fn plot(log: &TempFile, out: &TempFile, more: &[&str]) -> Ran {
    let common = [
        "plot",
        log.path(),
        "--venue=jayx",
        "--price-decimals=1",
        "--quantity-decimals=0",
        "--size=1200x700",
        "--out",
        out.path(),
    ];
    ticklot(common.iter().chain(more))
}

fn plotted(log: &TempFile, name: &str, more: &[&str]) -> TempFile {
    let out = TempFile::new(name);
    let ran = plot(log, &out, more);
    ran.assert_ok();
    out
}

/// The pixels of a PNG file.
struct Pixels {
    width: usize,
    rgb: Vec<u8>,
}

impl Pixels {
    fn read(path: &str) -> Self {
        let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut rgb).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgb);
        Self {
            width: info.width as usize,
            rgb,
        }
    }

    fn height(&self) -> usize {
        self.rgb.len() / 3 / self.width
    }

    fn at(&self, x: f64, y: f64) -> [u8; 3] {
        let start = (y as usize * self.width + x as usize) * 3;
        self.rgb[start..start + 3].try_into().unwrap()
    }

    /// Whether a colour occurs within this many pixels above or below a point.
    fn has_near(&self, (x, y): (f64, f64), color: [u8; 3], within: i32) -> bool {
        let alike = |other: [u8; 3]| color.iter().zip(other).all(|(a, b)| a.abs_diff(b) < 40);
        (-within..=within).any(|dy| alike(self.at(x, y + f64::from(dy))))
    }
}

/// The axes of an SVG, read from their labels.
struct Axes {
    svg: String,
    texts: Vec<(f64, f64, String)>,
}

impl Axes {
    fn read(svg: String) -> Self {
        let mut texts = Vec::new();
        for part in svg.split("<text ").skip(1) {
            let attribute = |name: &str| {
                let (_, rest) = part.split_once(&format!("{name}=\"")).unwrap();
                rest.split('"').next().unwrap().parse::<f64>().unwrap()
            };
            let text = part.split('>').nth(1).unwrap().split('<').next().unwrap();
            texts.push((attribute("x"), attribute("y"), text.to_owned()));
        }
        Self { svg, texts }
    }

    /// The position of a text.
    fn text(&self, text: &str) -> (f64, f64) {
        let found = self.texts.iter().find(|(_, _, it)| it == text);
        let (x, y, _) = found.unwrap_or_else(|| panic!("no {text:?} in {:?}", self.texts));
        (*x, *y)
    }

    /// The y coordinate of a price, from two labels of the axis. A label's baseline is below its line.
    fn y(&self, price: f64, (a, b): (&str, &str)) -> f64 {
        let ((_, ya), (_, yb)) = (self.text(a), self.text(b));
        let (a, b): (f64, f64) = (a.parse().unwrap(), b.parse().unwrap());
        ya + (price - a) / (b - a) * (yb - ya) - 4.5
    }

    /// The x coordinate of a time, in seconds after noon.
    fn x(&self, seconds: f64, (a, b): (&str, &str)) -> f64 {
        let second = |text: &str| text.rsplit(':').next().unwrap().parse::<f64>().unwrap();
        let ((xa, _), (xb, _)) = (self.text(a), self.text(b));
        xa + (seconds - second(a)) / (second(b) - second(a)) * (xb - xa)
    }

    /// The points of the first line of a group.
    fn line(&self, group: &str) -> Vec<(f64, f64)> {
        let (_, rest) = self.svg.split_once(&format!("<g id=\"{group}\">")).unwrap();
        let group = rest.split("</g>").next().unwrap();
        let (_, points) = group.split_once("points=\"").unwrap_or_default();
        let points = points.split('"').next().unwrap().split_whitespace();
        let number = |text: &str| text.parse::<f64>().unwrap();
        points
            .map(|it| it.split_once(',').unwrap())
            .map(|(x, y)| (number(x), number(y)))
            .collect()
    }
}

/// A plot as SVG and as PNG.
fn both(log: &TempFile, more: &[&str]) -> (Axes, Pixels) {
    let (svg, png) = (plotted(log, "p.svg", more), plotted(log, "p.png", more));
    (Axes::read(svg.text()), Pixels::read(png.path()))
}

const PRICES: (&str, &str) = ("96.0", "106.0");
const TIMES: (&str, &str) = ("12:00:05", "12:00:15");

#[test]
fn heat_is_where_levels_are() {
    let (axes, pixels) = both(&known(), &["--price-range=95:107"]);
    assert_eq!((pixels.width, pixels.height()), (1200, 700));
    let heat = |seconds, price| pixels.at(axes.x(seconds, TIMES), axes.y(price, PRICES) + 5.0);
    // Five pixels below each price, since a line of the grid may be at the price itself. 98.0 and 104.0 have the maximum
    // and 103.0 has nothing. Levels above 104.0 and below 98.0 are unknown.
    assert_eq!(heat(7.0, 98.0), FULL);
    assert_eq!(heat(7.0, 104.0), FULL);
    assert_eq!(heat(7.0, 103.0), NOTHING);
    assert_eq!(heat(7.0, 105.5), BEYOND);
    assert_eq!(heat(7.0, 96.5), BEYOND);
    // Four ninths of the maximum has a colour between the two.
    let some = pixels.at(axes.x(3.0, TIMES), axes.y(102.0, PRICES) + 8.0);
    assert!(![FULL, NOTHING, BEYOND].contains(&some), "{some:?}");
}

#[test]
fn lines_follow_best_prices() {
    let (axes, pixels) = both(&known(), &["--price-range=95:107"]);
    for (seconds, bid) in [(3.0, 100.0), (8.0, 100.0), (12.0, 101.0), (18.0, 101.0)] {
        let has = |price, color| {
            let point = (axes.x(seconds, TIMES), axes.y(price, PRICES));
            pixels.has_near(point, color, 2)
        };
        assert!(has(bid, BID), "bid at {seconds}");
        assert!(!has(201.0 - bid, BID), "no bid at {seconds}");
        assert!(has(102.0, ASK), "ask at {seconds}");
    }
    let (bid, ask) = (axes.line("bid"), axes.line("ask"));
    let near = |(x, y): (f64, f64), seconds, price| {
        (x - axes.x(seconds, TIMES)).abs() < 1.5 && (y - axes.y(price, PRICES)).abs() < 1.5
    };
    // Horizontal, up, horizontal.
    for (seconds, price) in [(0.0, 100.0), (10.0, 100.0), (10.0, 101.0), (20.0, 101.0)] {
        let is_drawn = bid.iter().any(|point| near(*point, seconds, price));
        assert!(is_drawn, "{seconds} {price} in {bid:?}");
    }
    assert!(near(ask[0], 0.0, 102.0), "{ask:?}");
    assert!(near(*ask.last().unwrap(), 20.0, 102.0), "{ask:?}");
}

#[test]
fn svg_describes_its_content() {
    let svg = plotted(&known(), "s.svg", &[]).text();
    let axes = Axes::read(svg.clone());
    for text in [
        "BTCUSDT, JayX",
        "2024-08-08 12:00:00 to 12:00:20 UTC | 4 order books, 1 trade",
        "price",
        "time on 2024-08-08, UTC",
        "12:00:10",
        "best ask",
        "best bid",
        "sold",
        "100.0",
        "0",
        "≥ 900",
    ] {
        axes.text(text);
    }
    for part in [
        // The title for screen readers, the embedded font, and the heatmap.
        "<title>BTCUSDT, JayX. 2024-08-08",
        "@font-face",
        "data:font/ttf;base64,",
        "data:image/png;base64,",
    ] {
        assert!(svg.contains(part), "{part}");
    }
    assert!(!svg.contains("no live book") && !svg.contains("bought"));
    // Every element is closed.
    for element in ["svg", "g", "text", "title", "style"] {
        let count = |tag: String| svg.matches(&tag).count();
        let opened = count(format!("<{element} ")) + count(format!("<{element}>"));
        assert_eq!(opened, count(format!("</{element}>")), "{element}");
    }
}

#[test]
fn stale_book_is_not_drawn() {
    let (axes, pixels) = both(&known(), &["--price-range=95:107", "--stale-after=2s"]);
    let heat = |seconds| pixels.at(axes.x(seconds, TIMES), axes.y(98.0, PRICES) + 5.0);
    assert_eq!(
        [1.0, 4.0, 6.0, 9.0].map(heat),
        [FULL, NOT_LIVE, FULL, NOT_LIVE]
    );
    axes.text("no live book");
    let end = axes.x(2.2, TIMES);
    let is_first = |(x, _): &(f64, f64)| *x < end;
    assert!(
        axes.line("bid").iter().all(is_first),
        "the first segment ends"
    );
}

#[test]
fn missing_records_end_the_line() {
    let log = known();
    let dropped = |after: u64| {
        let at = NOON + after * SECOND;
        format!("{{\"recv_ns\":{at},\"dir\":\"dropped\",\"frame\":\"500\"}}\n")
    };
    let text = log.text();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (at_7, at_15) = (dropped(7), dropped(15));
    let all = [lines[0], lines[1], &at_7, lines[2], &at_15, lines[3]];
    std::fs::write(log.path(), all.concat()).unwrap();
    let out = TempFile::new("dropped.png");
    let ran = plot(&log, &out, &["--price-range=95:107"]);
    ran.assert_status(0);
    ran.assert_err(": 1000 records are missing; ");
    let svg = TempFile::new("dropped.svg");
    plot(&log, &svg, &["--price-range=95:107"]);
    let (axes, pixels) = (Axes::read(svg.text()), Pixels::read(out.path()));
    let heat = |seconds| pixels.at(axes.x(seconds, TIMES), axes.y(98.0, PRICES) + 5.0);
    assert_eq!(
        [3.0, 6.5, 8.0, 9.5, 12.0, 14.5, 17.0].map(heat),
        [FULL, FULL, NOT_LIVE, NOT_LIVE, FULL, FULL, NOT_LIVE]
    );
}

#[cfg(unix)]
#[test]
fn picture_does_not_overwrite_log() {
    let log = known();
    let text = log.text();
    let link = TempFile::new("link.png");
    std::fs::hard_link(log.path(), link.path()).unwrap();
    let ran = plot(&log, &link, &[]);
    ran.assert_status(2);
    ran.assert_err("--out would overwrite the log");
    assert_eq!(log.text(), text);
    let out = TempFile::new("x.png");
    let ran = plot(&log, &out, &["--from=+2s", "--until=+1s"]);
    ran.assert_failed(2, "ticklot: --from is after --until\n");
}

#[test]
fn only_requested_books_are_drawn() {
    let log = known();
    let range = ["--from=6s", "--until=2024-08-08T12:00:16Z", "--depth=1"];
    let axes = Axes::read(plotted(&log, "r.svg", &range).text());
    axes.text("2024-08-08 12:00:06 to 12:00:16 UTC | 2 order books");
    // The trade was before the range.
    assert!(!axes.texts.iter().any(|(_, _, text)| text == "sold"));
    for (more, expected) in [
        (&["--from=30s"][..], "empty time range from "),
        (
            &["--from=30s", "--until=40s"],
            "empty time range: the log is from 2024-08-08T12:00:00.0",
        ),
        (
            &["--book=ETHUSDT"],
            "no live book ETHUSDT in this log; use --book with one of: BTCUSDT",
        ),
        (&["--price-range=95:94"], "the lower price comes first"),
        (
            &["--price-range=95:96.05"],
            "96.05: more than 1 decimal place",
        ),
        (&["--at=1s", "--from=1s"], "cannot be used with"),
    ] {
        plot(&log, &TempFile::new("x.png"), more).assert_failed(2, expected);
    }
}

#[test]
fn undrawable_log_is_reported() {
    fn fails(ran: &Ran, status: u8, error: &str) {
        ran.assert_status(status);
        ran.assert_err(error);
    }
    let log = known();
    let ran = plot(&log, &TempFile::new("x.gif"), &[]);
    fails(&ran, 2, "name a file that ends in .png or .svg");
    let args = ["plot", log.path(), "--venue=jayx", "--out=x.png"];
    let ran = ticklot(args.iter().chain(&["--size=10x10"]));
    fails(&ran, 2, "expected a size such as 1200x700");
    let ran = ticklot(["plot", log.path(), "--venue=bayse", "--out=/tmp/never.png"]);
    fails(&ran, 1, "no book was ever live in this log");
    let args = ["plot", "/nowhere/log", "--venue=jayx"];
    fails(
        &ticklot(args.iter().chain(&["--out=/tmp/never.png"])),
        1,
        "",
    );
    let out = TempFile::new("x.png");
    let single = TempFile::new("single.jsonl");
    std::fs::write(single.path(), line(0, &[(1000, 1)], &[], &[])).unwrap();
    fails(&plot(&single, &out, &[]), 1, "--at 0s draws it");
    plot(&single, &out, &["--at=0s"]).assert_ok();
    let timeless = TempFile::new("timeless.jsonl");
    let text = log.text();
    let without_time = |line: &str| {
        let (_, rest) = line.split_once(',').unwrap();
        format!("{{\"recv_ns\":0,{rest}\n")
    };
    let text: String = text.lines().map(without_time).collect();
    std::fs::write(timeless.path(), text).unwrap();
    fails(&plot(&timeless, &out, &[]), 1, "this log has no times");
    let empty = TempFile::new("empty.jsonl");
    std::fs::write(empty.path(), "").unwrap();
    fails(&plot(&empty, &out, &[]), 1, "the log has no records");
    let early = plot(&log, &out, &["--until=2020-01-01T00:00:00Z"]);
    fails(&early, 2, "--until is before it");
}

/// A log as a recorder writes it: lines name their venue and connection, and connections open and close. JayX's connection
/// is closed from 8 s to 10 s, and from 20 s on.
fn recorded() -> TempFile {
    let log = known();
    let event = |after: u64, dir: &str| {
        let at = NOON + after * SECOND;
        format!(r#"{{"recv_ns":{at},"conn":3,"venue":"jayx","dir":"{dir}","frame":""}}"#) + "\n"
    };
    let text = log.text();
    let mut books = text
        .lines()
        .map(|line| line.replacen('{', "{\"conn\":3,\"venue\":\"jayx\",", 1) + "\n");
    let mut next = || books.next().unwrap();
    let other =
        r#"{"recv_ns":9,"conn":1,"venue":"bayse","frame":"{\"type\":\"pong\"}"}"#.to_owned() + "\n";
    let all = [
        event(0, "open"),
        next(),
        other.clone(),
        next(),
        event(8, "close"),
        event(10, "open"),
        next(),
        next(),
        event(20, "close"),
        other.replace(":9,", &format!(":{},", NOON + 20 * SECOND)),
    ];
    std::fs::write(log.path(), all.concat()).unwrap();
    log
}

#[test]
fn plot_shows_venue_and_disconnections() {
    let log = recorded();
    let draw = |name: &str| {
        let out = TempFile::new(name);
        let args = ["plot", log.path(), "--out", out.path(), "--until=25s"];
        let decimals = ["--price-decimals=1", "--quantity-decimals=0"];
        let args = args.iter().chain(&decimals);
        let ran = ticklot(args.chain(&["--price-range=95:107"]));
        ran.assert_ok();
        ran.assert_out(": BTCUSDT, JayX. 2024-08-08 ");
        out
    };
    let axes = Axes::read(draw("r.svg").text());
    let pixels = Pixels::read(draw("r.png").path());
    let heat = |seconds| pixels.at(axes.x(seconds, TIMES), axes.y(98.0, PRICES) + 5.0);
    assert_eq!(
        [3.0, 7.0, 9.0, 12.0, 19.0, 22.0].map(heat),
        [FULL, FULL, NOT_LIVE, FULL, FULL, NOT_LIVE]
    );

    let out = TempFile::new("none.svg");
    for (options, status, error) in [
        (&["--connection=1"][..], 1, "no book was ever live"),
        (&["--connection=7"], 1, "no records of connection 7"),
        (&["--venue=bayse"], 1, "no book was ever live"),
    ] {
        let plot = ["plot", log.path(), "--out", out.path()];
        ticklot(plot.iter().chain(options)).assert_failed(status, error);
    }
    let ran = ticklot(["plot", known().path(), "--out", out.path()]);
    ran.assert_failed(
        2,
        "ticklot: the log does not name its venue: --venue is needed (jayx, bayse or kraken)\n",
    );
}

#[test]
fn bad_lines_are_counted() {
    let log = known();
    std::fs::write(log.path(), log.text() + "not a record\n").unwrap();
    let out = TempFile::new("b.png");
    let ran = plot(&log, &out, &[]);
    ran.assert_status(0);
    ran.assert_err("1 line cannot be read");
    assert_eq!(Pixels::read(out.path()).width, 1200);
}

#[test]
fn a_depth_chart_adds_up() {
    let (axes, pixels) = both(&known(), &["--at=2024-08-08T12:00:07Z"]);
    axes.text("BTCUSDT, JayX: depth at 2024-08-08 12:00:07.000 UTC");
    axes.text("best bid 100.0 x 395 | best ask 102.0 x 100 | spread 2.0");
    axes.text("bids: 1295 in 2 levels");
    axes.text("asks: 1000 in 2 levels");
    let quantity = |lots: f64| axes.y(lots, ("0", "1000"));
    let price = |price: f64| {
        let ((a, _), (b, _)) = (axes.text("98.0"), axes.text("104.0"));
        a + (price - 98.0) / 6.0 * (b - a)
    };
    let near = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 1.5 && (a.1 - b.1).abs() < 1.5;
    for (side, ticks, lots) in [
        ("bids", 100.0, 395.0),
        ("bids", 98.0, 395.0),
        ("bids", 98.0, 1295.0),
        ("asks", 102.0, 100.0),
        ("asks", 104.0, 1000.0),
    ] {
        let line = axes.line(side);
        let point = (price(ticks), quantity(lots));
        let is_drawn = line.iter().any(|it| near(*it, point));
        assert!(is_drawn, "{side} {ticks} {lots}: {point:?} in {line:?}");
    }
    // Blue below the bids' steps, white above them and between the sides.
    let is_blue = |[red, _, blue]: [u8; 3]| blue > red && red < 220;
    assert!(is_blue(pixels.at(price(99.0), quantity(200.0))));
    for x in [price(99.0) + 1.0, price(101.0)] {
        assert_eq!(pixels.at(x, quantity(700.0)), [255, 255, 255]);
    }
    let ran = plot(&known(), &TempFile::new("x.png"), &["--at=60s"]);
    ran.assert_status(1);
    ran.assert_err("no book is live at 2024-08-08T12:01:00");
}

/// A truth file's rows of one book: the frame, the best bid and the best ask, in ticks.
fn truth(rows: &str, book: &str) -> Vec<(usize, Option<f64>, Option<f64>)> {
    let rows = rows
        .lines()
        .skip(1)
        .map(|row| row.split(',').collect::<Vec<_>>());
    let own = rows.filter(|cells| cells[2] == book);
    let row = |cells: Vec<&str>| {
        let [bid, ask] = [3, 5].map(|column: usize| cells[column].parse().ok());
        (cells[0].parse().unwrap(), bid, ask)
    };
    own.map(row).collect()
}

/// Whether a line passes through a point: one of its segments there reaches from above it to below it.
fn passes(line: &[(f64, f64)], (x, y): (f64, f64)) -> bool {
    line.windows(2).any(|segment| {
        let [(x1, y1), (x2, y2)] = [segment[0], segment[1]];
        x1 - 1.1 <= x && x <= x2 + 1.1 && y1.min(y2) - 1.6 <= y && y <= y1.max(y2) + 1.6
    })
}

/// Takes over a second: draws thousands of recorded books, and finds the best prices of each in the picture.
#[test]
fn recorded_best_prices_are_drawn() {
    for log in LOGS {
        let test = format!("recorded_best_prices_are_drawn of {}", log.name);
        let (Some(path), Some(frames)) = (log.path(&test), log.frames(&test)) else {
            continue;
        };
        let rows = log.truth();
        let mut counts: HashMap<&str, u32> = HashMap::new();
        for row in rows.lines().skip(1) {
            *counts.entry(row.split(',').nth(2).unwrap()).or_default() += 1;
        }
        let mut books: Vec<(&str, u32)> = counts.into_iter().collect();
        books.sort_unstable();
        for (book, count) in books {
            let out = TempFile::new("r.svg");
            let (book_option, path) = (format!("--book={book}"), path.to_str().unwrap());
            let args = [
                "plot",
                path,
                "--stale-after=1h",
                &book_option,
                "--out",
                out.path(),
            ];
            let args = args.map(str::to_owned).into_iter();
            let ran = ticklot(args.chain(log.options()));
            ran.assert_ok();
            let counted = match (count / 1_000, count % 1_000) {
                (0, count) => format!("{count} order books"),
                (thousands, rest) => format!("{thousands},{rest:03} order books"),
            };
            ran.assert_out(&counted);
            let decimals = log.scale().price_decimals();
            check_best_prices(&out.text(), &truth(&rows, book), &frames, decimals);
        }
    }
}

fn check_best_prices(
    svg: &str,
    rows: &[(usize, Option<f64>, Option<f64>)],
    frames: &[(u64, Vec<u8>)],
    decimals: u8,
) {
    let axes = Axes::read(svg.to_owned());
    // The price axis, from the labels at its ends.
    let prices: Vec<(f64, f64)> = axes
        .texts
        .iter()
        .filter(|(x, y, text)| *x < 110.0 && *y > 80.0 && text.parse::<f64>().is_ok())
        .map(|(_, y, text)| (text.parse().unwrap(), y - 4.5))
        .collect();
    let (low, high) = (prices[0], *prices.last().unwrap());
    let (bid, ask) = (axes.line("bid"), axes.line("ask"));
    let frame = axes.line("frame");
    let (left, right) = (frame[0].0, frame[1].0);
    let start = frames.iter().map(|(at, _)| *at).find(|at| *at > 0).unwrap();
    let end = frames.iter().map(|(at, _)| *at).max().unwrap();
    for (frame, best_bid, best_ask) in rows {
        let at = frames[*frame].0;
        let column = (at - start) as f64 / (end - start) as f64;
        let x = left + column * (right - left);
        for (line, best, down) in [(&bid, best_bid, 0.7), (&ask, best_ask, -0.7)] {
            let Some(ticks) = best else { continue };
            let price = ticks / 10_f64.powi(decimals.into());
            let y = low.1 + (price - low.0) / (high.0 - low.0) * (high.1 - low.1) + down;
            let is_drawn = passes(line, (x, y));
            assert!(is_drawn, "frame {frame}: {price} at {x:.1} {y:.1}");
        }
    }
}
