//! One line for each request, when its answer has been sent or has broken off.
//!
//! The line is an event of `tracing` with the target `proofhouse::access`; whoever starts the server decides how it is written.
//! The query is left out: it holds the tokens of uploads.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Body as _, Frame, SizeHint};

use super::intake::Intake;
use super::metrics::Metrics;
use crate::sync::Arc;

/// What the line says of a request before there is an answer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) route: &'static str,
    pub(super) repository: Option<String>,
    pub(super) action: Option<String>,
    pub(super) intake: Arc<Intake>,
    pub(super) metrics: Metrics,
    pub(super) began: Instant,
}

/// The body of an answer, watched on its way out.
pub(super) struct Watched {
    body: Body,
    /// Until the line is written.
    entry: Option<Entry>,
    status: StatusCode,
    /// How long the body is, if the answer says so.
    length: Option<u64>,
    sent: u64,
}

impl Watched {
    pub(super) fn new(body: Body, entry: Entry, status: StatusCode, length: Option<u64>) -> Self {
        Self { body, entry: Some(entry), status, length, sent: 0 }
    }

    fn write(&mut self, whole: bool) {
        let Some(entry) = self.entry.take() else { return };
        let (status, received, took) = (self.status.as_u16(), entry.intake.received(), entry.began.elapsed());
        entry.metrics.answered(&entry.method, entry.route, status, (received, self.sent), took);
        tracing::info!(
            target: "proofhouse::access",
            id = entry.id,
            method = entry.method.as_str(),
            path = entry.path,
            route = entry.route,
            repository = entry.repository,
            action = entry.action,
            status,
            received,
            sent = self.sent,
            whole,
            seconds = took.as_secs_f64(),
            "answered"
        );
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => this.sent += frame.data_ref().map_or(0, |piece| piece.len() as u64),
            Some(Err(_)) => this.write(false),
            None => this.write(true),
        }
        // Before the client has the last of it: whoever has the answer finds it counted.
        if this.body.is_end_stream() || this.length == Some(this.sent) {
            this.write(true);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // An empty body is never asked for a piece.
        self.write(self.body.is_end_stream());
    }
}
