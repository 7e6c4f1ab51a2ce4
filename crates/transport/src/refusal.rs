//! Converts a response that refuses a request into an [`Error::Refused`].

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::response::Parts;
use tokio::time::timeout;

use crate::Error;
use crate::refused_response::RefusedResponse;
use crate::url::without_values;

/// The maximum number of bytes of a refusal's body that are kept.
const MAX_EXCERPT: usize = 256;

/// The time limit for the start of a refusal's body.
const EXCERPT_TIMEOUT: Duration = Duration::from_millis(250);

/// The error for a response. `body` is the start of its body.
pub(crate) fn refused(url: String, head: &Parts, body: &[u8]) -> Error {
    let (status, headers) = (head.status, &head.headers);
    let location = text(headers, &header::LOCATION).filter(|_| status.is_redirection());
    Error::Refused {
        status: status.as_u16(),
        retry_after: retry_after(headers),
        response: Box::new(RefusedResponse {
            url: url.into(),
            status: status.as_u16(),
            location: location.map(|it| printable(&without_values(&it)).into()),
            body: printable(&String::from_utf8_lossy(body)).into(),
        }),
    }
}

/// Reads the start of a body into `bytes`, as far as it arrives in time.
pub(crate) async fn read_excerpt(body: Incoming, bytes: &mut Vec<u8>) {
    let read = async {
        let mut body = pin!(body);
        while bytes.len() < MAX_EXCERPT
            && let Some(Ok(frame)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await
        {
            if let Ok(data) = frame.into_data() {
                let room = MAX_EXCERPT - bytes.len();
                bytes.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
    };
    // After a timeout, the bytes so far are kept.
    let _ = timeout(EXCERPT_TIMEOUT, read).await;
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    let start = &value.as_bytes()[..value.len().min(MAX_EXCERPT)];
    Some(String::from_utf8_lossy(start).into_owned())
}

/// Converts a text to one line without control characters.
fn printable(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if is_control(c) { ' ' } else { c })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.join(" ")
}

/// Control characters, and those that change the direction of the text around them (Unicode UAX #9).
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The wait of a `Retry-After` with seconds or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = |name| Some(headers.get(name)?.to_str().ok()?.trim());
    let text = value(header::RETRY_AFTER).filter(|text| !text.is_empty())?;
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    // Relative to the server's clock, because the system clock may be wrong.
    let date = value(header::DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    let now = date.unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    fn after(lines: &[(&'static str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn retry_after_in_seconds() {
        let secs = |text| after(&[("retry-after", text)]).map(|it| it.as_secs());
        assert_eq!(secs("7"), Some(7));
        assert_eq!(secs("0"), Some(0));
        assert_eq!(secs("99999999999999999999999"), Some(u64::MAX));
        for none in ["", "-1", "1.5", "soon", "7 s"] {
            assert_eq!(secs(none), None, "{none}");
        }
        assert_eq!(after(&[]), None);
    }

    /// The examples of RFC 9110, section 5.6.7.
    #[test]
    fn retry_date_counts_from_response() {
        let minute = Some(Duration::from_secs(60));
        for until in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            for date in [
                "Sun, 06 Nov 1994 08:48:37 GMT",
                "Sunday, 06-Nov-94 08:48:37 GMT",
                "Sun Nov  6 08:48:37 1994",
            ] {
                assert_eq!(after(&[("date", date), ("retry-after", until)]), minute);
            }
            // In the past of the system clock.
            assert_eq!(after(&[("retry-after", until)]), Some(Duration::ZERO));
            let later = "Mon, 07 Nov 1994 00:00:00 GMT";
            let past = after(&[("date", later), ("retry-after", until)]);
            assert_eq!(past, Some(Duration::ZERO));
        }
        let date = "Sun, 06 Nov 1994 08:48:37 GMT";
        let until = "Sat, 06 Nov 9999 08:48:37 GMT";
        let far = after(&[("date", date), ("retry-after", until)]);
        assert!(far > Some(Duration::from_secs(8_000 * 365 * 86_400)));
    }

    #[test]
    fn undated_response_counts_from_now() {
        let until = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1_000));
        let wait = after(&[("retry-after", &until)]).unwrap();
        assert!(wait <= Duration::from_secs(1_000) && wait > Duration::from_secs(900));
    }

    #[test]
    fn refusal_is_one_printable_line() {
        let (mut head, ()) = hyper::Response::new(()).into_parts();
        head.status = StatusCode::FOUND;
        let location = "https://login.example/?next=hush\u{9b}".as_bytes();
        let location = header::HeaderValue::from_bytes(location).unwrap();
        head.headers.insert(header::LOCATION, location);
        let body = b"<p>moved\r\n\x1b[2J\xff\xe2\x80\xae</p>\n";
        let error = refused("ws://a/x".to_owned(), &head, body);
        assert_eq!(
            error.to_string(),
            "ws://a/x was refused with status 302 Found, a redirect to \
             https://login.example/?next=...: <p>moved [2J\u{fffd} </p>"
        );
        head.status = StatusCode::from_u16(599).unwrap();
        let error = refused("ws://a/x".to_owned(), &head, b"");
        assert_eq!(error.to_string(), "ws://a/x was refused with status 599");
    }
}
