//! `ticklot plot`: what is in the picture is what is in the log, and it is where it belongs.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::fmt::Write as _;

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
/// The heatmap's colours: nothing, all, no live book, beyond the levels.
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

/// A line of a log: a book of JayX that came so many seconds after noon.
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

/// Twenty seconds: a bid that goes from 1000 to 1010 after ten of them, and an ask that stays at 1020.
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

/// Draws a log of JayX, prices with one decimal and quantities with none.
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
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{more:?}");
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
        let place = (y as usize * self.width + x as usize) * 3;
        self.rgb[place..place + 3].try_into().unwrap()
    }

    /// Whether a colour is within so many pixels above or below a place.
    fn has_near(&self, (x, y): (f64, f64), color: [u8; 3], within: i32) -> bool {
        let alike = |other: [u8; 3]| color.iter().zip(other).all(|(a, b)| a.abs_diff(b) < 40);
        (-within..=within).any(|dy| alike(self.at(x, y + f64::from(dy))))
    }
}

/// What an SVG says of itself: its axes, read from the texts that stand beside them.
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

    /// The place of a text.
    fn text(&self, text: &str) -> (f64, f64) {
        let found = self.texts.iter().find(|(_, _, it)| it == text);
        let (x, y, _) = found.unwrap_or_else(|| panic!("no {text:?} in {:?}", self.texts));
        (*x, *y)
    }

    /// Where a price is, from two that are written beside the axis. A label's baseline is below its line.
    fn y(&self, price: f64, (a, b): (&str, &str)) -> f64 {
        let ((_, ya), (_, yb)) = (self.text(a), self.text(b));
        let (a, b): (f64, f64) = (a.parse().unwrap(), b.parse().unwrap());
        ya + (price - a) / (b - a) * (yb - ya) - 4.5
    }

    /// As above, of seconds after noon.
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

/// Both forms of one picture.
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
    // Five pixels below each price, since a line of the grid may be there. 98.0 and 104.0 have all there is; 103.0
    // nothing; what is above 104.0 or below 98.0 nobody knows.
    assert_eq!(heat(7.0, 98.0), FULL);
    assert_eq!(heat(7.0, 104.0), FULL);
    assert_eq!(heat(7.0, 103.0), NOTHING);
    assert_eq!(heat(7.0, 105.5), BEYOND);
    assert_eq!(heat(7.0, 96.5), BEYOND);
    // Four ninths of the most is darker than all of it, and lighter than nothing.
    let some = pixels.at(axes.x(3.0, TIMES), axes.y(102.0, PRICES) + 8.0);
    assert!(
        some != FULL && some != NOTHING && some != BEYOND,
        "{some:?}"
    );
}

#[test]
fn lines_follow_best_prices() {
    let (axes, pixels) = both(&known(), &["--price-range=95:107"]);
    for (seconds, bid) in [(3.0, 100.0), (8.0, 100.0), (12.0, 101.0), (18.0, 101.0)] {
        let x = axes.x(seconds, TIMES);
        assert!(
            pixels.has_near((x, axes.y(bid, PRICES)), BID, 2),
            "bid at {seconds}"
        );
        assert!(
            !pixels.has_near((x, axes.y(201.0 - bid, PRICES)), BID, 2),
            "no bid at {seconds}"
        );
        assert!(
            pixels.has_near((x, axes.y(102.0, PRICES)), ASK, 2),
            "ask at {seconds}"
        );
    }
    let (bid, ask) = (axes.line("bid"), axes.line("ask"));
    let near = |(x, y): (f64, f64), seconds, price| {
        (x - axes.x(seconds, TIMES)).abs() < 1.5 && (y - axes.y(price, PRICES)).abs() < 1.5
    };
    // Level, up, level.
    for (seconds, price) in [(0.0, 100.0), (10.0, 100.0), (10.0, 101.0), (20.0, 101.0)] {
        assert!(
            bid.iter().any(|point| near(*point, seconds, price)),
            "{seconds} {price} in {bid:?}"
        );
    }
    assert!(
        near(ask[0], 0.0, 102.0) && near(*ask.last().unwrap(), 20.0, 102.0),
        "{ask:?}"
    );
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
    assert!(
        svg.contains("<title>BTCUSDT, JayX. 2024-08-08"),
        "a title for readers of screens"
    );
    assert!(
        svg.contains("@font-face") && svg.contains("data:font/ttf;base64,"),
        "the font is in it"
    );
    assert!(svg.contains("data:image/png;base64,"), "the heat is in it");
    assert!(!svg.contains("no live book") && !svg.contains("bought"));
    // A well-formed document: every element that begins ends.
    for element in ["svg", "g", "text", "title", "style"] {
        let begun = svg.matches(&format!("<{element} ")).count()
            + svg.matches(&format!("<{element}>")).count();
        assert_eq!(
            begun,
            svg.matches(&format!("</{element}>")).count(),
            "{element}"
        );
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
    assert!(
        axes.line("bid")
            .iter()
            .all(|(x, _)| *x < axes.x(2.2, TIMES)),
        "the first piece ends"
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
    assert_eq!(ran.status, 0, "{}", ran.err);
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
fn a_picture_takes_nobodys_place() {
    let log = known();
    let text = log.text();
    let link = TempFile::new("link.png");
    std::fs::hard_link(log.path(), link.path()).unwrap();
    let ran = plot(&log, &link, &[]);
    assert_eq!(ran.status, 2);
    ran.assert_err("--out would overwrite the log");
    assert_eq!(log.text(), text);
    let ran = plot(
        &log,
        &TempFile::new("x.png"),
        &["--from=+2s", "--until=+1s"],
    );
    assert_eq!(
        (ran.status, ran.err.as_str()),
        (2, "ticklot: --from is after --until\n")
    );
}

#[test]
fn only_requested_books_are_drawn() {
    let log = known();
    let svg = plotted(
        &log,
        "r.svg",
        &["--from=6s", "--until=2024-08-08T12:00:16Z", "--depth=1"],
    );
    let axes = Axes::read(svg.text());
    axes.text("2024-08-08 12:00:06 to 12:00:16 UTC | 2 order books");
    assert!(
        !axes.texts.iter().any(|(_, _, text)| text == "sold"),
        "the trade was before"
    );
    for (more, expected) in [
        (&["--from=30s"][..], "empty time range from "),
        (
            &["--from=30s", "--until=40s"],
            "empty time range: the log is from 2024-08-08T12:00:00.0",
        ),
        (
            &["--book=ETHUSDT"],
            "no live book ETHUSDT in this log; --book takes one of: BTCUSDT",
        ),
        (&["--price-range=95:94"], "the lower price comes first"),
        (
            &["--price-range=95:96.05"],
            "96.05: more than 1 decimal place",
        ),
        (&["--at=1s", "--from=1s"], "cannot be used with"),
    ] {
        let ran = plot(&log, &TempFile::new("x.png"), more);
        assert_eq!(ran.status, 2, "{more:?}: {}", ran.err);
        assert!(
            ran.err.contains(expected) && ran.err.lines().count() == 1,
            "{}",
            ran.err
        );
    }
}

#[test]
fn undrawable_log_is_reported() {
    let log = known();
    let out = TempFile::new("x.gif");
    let ran = plot(&log, &out, &[]);
    assert_eq!(ran.status, 2);
    ran.assert_err("name a file that ends in .png or .svg");
    let small = [
        "plot",
        log.path(),
        "--venue=jayx",
        "--out=x.png",
        "--size=10x10",
    ];
    let ran = ticklot(small);
    assert_eq!(ran.status, 2);
    ran.assert_err("a size is such as 1200x700");
    let ran = ticklot(["plot", log.path(), "--venue=bayse", "--out=/tmp/never.png"]);
    assert_eq!(ran.status, 1);
    ran.assert_err("no book was ever live in this log");
    let ran = ticklot([
        "plot",
        "/nowhere/log",
        "--venue=jayx",
        "--out=/tmp/never.png",
    ]);
    assert_eq!(ran.status, 1, "{}", ran.err);
    let single = TempFile::new("single.jsonl");
    std::fs::write(single.path(), line(0, &[(1000, 1)], &[], &[])).unwrap();
    let ran = plot(&single, &TempFile::new("x.png"), &[]);
    assert_eq!(ran.status, 1);
    ran.assert_err("--at 0s draws it");
    let ran = plot(&single, &TempFile::new("x.png"), &["--at=0s"]);
    ran.assert_ok();
    let timeless = TempFile::new("timeless.jsonl");
    let text = std::fs::read_to_string(log.path()).unwrap();
    let text: String = text.lines().fold(String::new(), |mut all, line| {
        let (_, rest) = line.split_once(',').unwrap();
        let _ = writeln!(all, "{{\"recv_ns\":0,{rest}");
        all
    });
    std::fs::write(timeless.path(), text).unwrap();
    let ran = plot(&timeless, &TempFile::new("x.png"), &[]);
    assert_eq!(ran.status, 1);
    ran.assert_err("this log has no times");
    let empty = TempFile::new("empty.jsonl");
    std::fs::write(empty.path(), "").unwrap();
    let ran = plot(&empty, &TempFile::new("x.png"), &[]);
    assert_eq!(ran.status, 1);
    ran.assert_err("the log has no records");
    let early = plot(
        &log,
        &TempFile::new("x.png"),
        &["--until=2020-01-01T00:00:00Z"],
    );
    assert_eq!(early.status, 2);
    early.assert_err("--until is before it");
}

/// What a recorder writes: the venue and the connection of each line, and when connections open and close. JayX's is gone
/// from the eighth second to the tenth, and from the twentieth on.
fn recorded() -> TempFile {
    let log = known();
    let passed = |after: u64, dir: &str| {
        let at = NOON + after * SECOND;
        format!(
            "{{\"recv_ns\":{at},\"conn\":3,\"venue\":\"jayx\",\"dir\":\"{dir}\",\"frame\":\"\"}}\n"
        )
    };
    let text = log.text();
    let mut came = text
        .lines()
        .map(|line| line.replacen('{', "{\"conn\":3,\"venue\":\"jayx\",", 1) + "\n");
    let mut next = || came.next().unwrap();
    let other =
        r#"{"recv_ns":9,"conn":1,"venue":"bayse","frame":"{\"type\":\"pong\"}"}"#.to_owned() + "\n";
    let all = [
        passed(0, "open"),
        next(),
        other.clone(),
        next(),
        passed(8, "close"),
        passed(10, "open"),
        next(),
        next(),
        passed(20, "close"),
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
        let ran = ticklot([
            "plot",
            log.path(),
            "--price-decimals=1",
            "--quantity-decimals=0",
            "--price-range=95:107",
            "--until=25s",
            "--out",
            out.path(),
        ]);
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
    for (options, status, why) in [
        (&["--connection=1"][..], 1, "no book was ever live"),
        (&["--connection=7"], 1, "no records of connection 7"),
        (&["--venue=bayse"], 1, "no book was ever live"),
    ] {
        let plot = ["plot", log.path(), "--out", out.path()];
        let ran = ticklot(plot.iter().chain(options));
        assert_eq!(
            (ran.status, ran.err.lines().count()),
            (status, 1),
            "{}",
            ran.err
        );
        ran.assert_err(why);
    }
    let unnamed = known();
    let ran = ticklot(["plot", unnamed.path(), "--out", out.path()]);
    assert_eq!(
        (ran.status, ran.err.as_str()),
        (
            2,
            "ticklot: the log does not name its venue: --venue is needed (jayx, bayse or kraken)\n"
        )
    );
}

#[test]
fn bad_lines_are_counted() {
    let log = known();
    let text = std::fs::read_to_string(log.path()).unwrap();
    std::fs::write(log.path(), format!("{text}not a record\n")).unwrap();
    let out = TempFile::new("b.png");
    let ran = plot(&log, &out, &[]);
    assert_eq!(ran.status, 0);
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
        assert!(
            line.iter().any(|it| near(*it, point)),
            "{side} {ticks} {lots}: {point:?} in {line:?}"
        );
    }
    // Blue below the bids' stairs, white above them and between the sides.
    let is_blue = |[red, _, blue]: [u8; 3]| blue > red && red < 220;
    assert!(is_blue(pixels.at(price(99.0), quantity(200.0))));
    assert_eq!(
        pixels.at(price(99.0) + 1.0, quantity(700.0)),
        [255, 255, 255]
    );
    assert_eq!(pixels.at(price(101.0), quantity(700.0)), [255, 255, 255]);
    let ran = plot(&known(), &TempFile::new("x.png"), &["--at=60s"]);
    assert_eq!(ran.status, 1);
    ran.assert_err("no book is live at 2024-08-08T12:01:00");
}

/// The rows of a truth file that are of one book: the frame, the best bid and the best ask, in ticks.
fn truth(rows: &str, book: &str) -> Vec<(usize, Option<f64>, Option<f64>)> {
    let rows = rows
        .lines()
        .skip(1)
        .map(|row| row.split(',').collect::<Vec<_>>());
    let own = rows.filter(|cells| cells[2] == book);
    own.map(|cells| {
        (
            cells[0].parse().unwrap(),
            cells[3].parse().ok(),
            cells[5].parse().ok(),
        )
    })
    .collect()
}

/// Whether a line passes a place: one of its pieces there reaches from above it to below it.
fn passes(line: &[(f64, f64)], (x, y): (f64, f64)) -> bool {
    line.windows(2).any(|piece| {
        let [(x1, y1), (x2, y2)] = [piece[0], piece[1]];
        x1 - 1.1 <= x && x <= x2 + 1.1 && y1.min(y2) - 1.6 <= y && y <= y1.max(y2) + 1.6
    })
}

/// Over a second: thousands of recorded books, drawn, and each looked for in the picture.
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
            let mut args = vec![
                "plot".to_owned(),
                path.to_str().unwrap().to_owned(),
                "--stale-after=1h".to_owned(),
            ];
            args.extend(log.options());
            args.extend([
                format!("--book={book}"),
                "--out".to_owned(),
                out.path().to_owned(),
            ]);
            let ran = ticklot(&args);
            ran.assert_ok();
            let counted = match count.to_string() {
                text if text.len() > 3 => format!(
                    "{},{} order books",
                    &text[..text.len() - 3],
                    &text[text.len() - 3..]
                ),
                text => format!("{text} order books"),
            };
            assert!(ran.out.contains(&counted), "{counted} in {}", ran.out);
            all_in(
                &out.text(),
                &truth(&rows, book),
                &frames,
                log.scale().price_decimals(),
            );
        }
    }
}

fn all_in(
    svg: &str,
    rows: &[(usize, Option<f64>, Option<f64>)],
    frames: &[(u64, Vec<u8>)],
    decimals: u8,
) {
    let axes = Axes::read(svg.to_owned());
    // The axes, from the labels at their ends.
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
            assert!(
                passes(line, (x, y)),
                "frame {frame}: {price} at {x:.1} {y:.1}"
            );
        }
    }
}
