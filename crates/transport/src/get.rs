//! A plain HTTP request: what a venue answers beside its stream.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use crate::config::Config;
use crate::dial::{limit, open};
use crate::error::{Error, Step};
use crate::stream::Stream;
use crate::upgrade::{MAX_HEAD, http, retry_after};
use crate::url::Target;

/// Fetches an `http://` or `https://` URL with one GET request on a connection of its own, and returns
/// the body. No redirect is followed.
///
/// The whole answer must come within [`Config::upgrade_timeout`], and its body is at most
/// [`Config::max_message_size`] bytes long. The configuration's own headers are sent too.
///
/// # Cancel safety
///
/// Dropping the call drops the connection.
///
/// # Errors
///
/// As [`connect`](crate::connect); [`Error::Refused`] for any status but 200, and
/// [`Error::TooLarge`] for a longer body.
pub async fn get(url: &str, config: &Config) -> Result<Vec<u8>, Error> {
    let target = Target::parse_http(url)?;
    let stream = open(&target, config).await?;
    let answer = fetch(stream, request(&target, config), config.max_message_size);
    limit(Step::Request, config.upgrade_timeout, answer).await
}

fn request(target: &Target, config: &Config) -> Request<String> {
    let mut request = Request::new(String::new());
    *request.uri_mut() = target.resource.clone();
    let headers = request.headers_mut();
    headers.insert(header::HOST, target.authority.clone());
    for (name, value) in config.headers() {
        headers.append(name, value.clone());
    }
    request
}

async fn fetch(stream: Stream, request: Request<String>, most: usize) -> Result<Vec<u8>, Error> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake::<_, String>(TokioIo::new(stream))
        .await
        .map_err(http)?;
    let mut driver = pin!(connection);
    let mut exchange = pin!(async {
        let response = sender.send_request(request).await.map_err(http)?;
        check(&response)?;
        read(response.into_body(), most).await
    });
    // The connection moves only while it is polled; it may end before the body has been taken.
    let mut over = false;
    poll_fn(|cx| {
        if let Poll::Ready(body) = exchange.as_mut().poll(cx) {
            return Poll::Ready(body);
        }
        if over {
            return Poll::Pending;
        }
        match driver.as_mut().poll(cx) {
            Poll::Ready(ended) => {
                over = true;
                // What has been answered by then stands, however the connection ended.
                if let Poll::Ready(body) = exchange.as_mut().poll(cx) {
                    return Poll::Ready(body);
                }
                ended.map_err(http)?;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn check(response: &Response<Incoming>) -> Result<(), Error> {
    if response.status() == StatusCode::OK {
        return Ok(());
    }
    Err(Error::Refused {
        status: response.status().as_u16(),
        retry_after: retry_after(response.headers()),
    })
}

async fn read(body: Incoming, most: usize) -> Result<Vec<u8>, Error> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        // Anything but data is a trailer, which says nothing here.
        let Ok(data) = frame.map_err(http)?.into_data() else {
            continue;
        };
        if data.len() > most - bytes.len() {
            return Err(Error::TooLarge { limit: most });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
