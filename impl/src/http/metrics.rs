//! What the server counts, as Prometheus reads it.
//!
//! Labels have few values whatever clients send: a path counts under its route's name, an unheard-of method as `other`.

use std::time::Duration;

use http::Method;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::sync::Arc;

/// The type of what [`Metrics::text`] gives.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: &'static str,
    status: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    method: &'static str,
    route: &'static str,
}

/// The counters of one server. A clone counts on the same ones.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Answered, Counter>,
    durations: Family<Asked, Histogram>,
    received: Counter,
    sent: Counter,
    uploads: Gauge,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("proofhouse");
        let requests = Family::default();
        // From a millisecond to half a minute, each twice the one before.
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        let (received, sent, uploads) = (Counter::default(), Counter::default(), Gauge::default());
        registry.register("http_requests", "Requests that were answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "From the head of a request to the end of its answer",
            durations.clone(),
        );
        registry.register("http_received_bytes", "Bytes of the bodies of requests", received.clone());
        registry.register("http_sent_bytes", "Bytes of the bodies of answers", sent.clone());
        registry.register("uploads_in_flight", "Requests that are sending content now", uploads.clone());
        Self { registry: Arc::new(registry), requests, durations, received, sent, uploads }
    }

    /// A request was answered.
    pub(super) fn answered(
        &self,
        method: &Method,
        route: &'static str,
        status: u16,
        (received, sent): (u64, u64),
        took: Duration,
    ) {
        let method = label(method);
        self.requests.get_or_create(&Answered { method, route, status: status.into() }).inc();
        self.durations.get_or_create(&Asked { method, route }).observe(took.as_secs_f64());
        self.received.inc_by(received);
        self.sent.inc_by(sent);
    }

    /// Content is being sent until the guard goes.
    pub(super) fn upload(&self) -> InFlight {
        self.uploads.inc();
        InFlight(self.uploads.clone())
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("a string can be written to");
        out
    }
}

fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

/// Counts one upload in flight.
#[derive(Debug)]
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::new();
        let upload = metrics.upload();
        metrics.answered(&Method::GET, "blob", 200, (3, 10), Duration::from_millis(3));
        metrics.answered(&Method::GET, "blob", 404, (0, 5), Duration::from_millis(3));
        metrics.answered(&Method::from_bytes(b"BREW").unwrap(), "none", 405, (0, 0), Duration::ZERO);
        let text = metrics.text();
        for line in [
            r#"proofhouse_http_requests_total{method="GET",route="blob",status="200"} 1"#,
            r#"proofhouse_http_requests_total{method="other",route="none",status="405"} 1"#,
            r#"proofhouse_http_request_duration_seconds_count{method="GET",route="blob"} 2"#,
            r#"proofhouse_http_request_duration_seconds_bucket{le="0.004",method="GET",route="blob"} 2"#,
            "proofhouse_http_received_bytes_total 3",
            "proofhouse_http_sent_bytes_total 15",
            "proofhouse_uploads_in_flight 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|had| had == line), "{line}\n{text}");
        }
        drop(upload);
        assert!(metrics.text().contains("proofhouse_uploads_in_flight 0\n"));
    }
}
