//! The log of `proofhouse serve`: lines on stderr, for people or for programs.
//!
//! What is logged and how a line looks is [`Log`]'s to say, and an argument's. Each line ends, or as JSON begins, with the fields
//! that the configuration gives to all of them.

use std::fmt::{self, Write as _};
use std::io;

use clap::ValueEnum;
use proofhouse_registry::config::{Log, LogFormat, LogLevel};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogAs {
    Text,
    Json,
}

/// Logs from here on. `format` goes before what the configuration says of it.
pub(super) fn start(config: Option<&Log>, format: Option<LogAs>) {
    let said = |format| if format == LogFormat::Json { LogAs::Json } else { LogAs::Text };
    let level = match config.map_or(LogLevel::Info, |log| log.level) {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let access = if config.is_none_or(|log| log.access) { level } else { LevelFilter::OFF };
    let filter = Targets::new().with_default(level).with_target("proofhouse::access", access);
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(false);
    let fields = config.map_or(Vec::new(), |log| log.fields.clone());
    match format.or(config.map(|log| said(log.format))).unwrap_or(LogAs::Text) {
        LogAs::Text => {
            log.map_event_format(|inner| Signed { inner, sign: text, fields }).finish().with(filter).init();
        }
        LogAs::Json => {
            let log = log.json().flatten_event(true);
            log.map_event_format(|inner| Signed { inner, sign: json, fields }).finish().with(filter).init();
        }
    }
}

/// Lines with fields that all of them have.
struct Signed<F> {
    inner: F,
    sign: fn(&str, &[(String, String)]) -> String,
    fields: Vec<(String, String)>,
}

impl<S, N, F> FormatEvent<S, N> for Signed<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(&(self.sign)(&line, &self.fields))
    }
}

/// After what the line says.
fn text(line: &str, fields: &[(String, String)]) -> String {
    let mut signed = line.trim_end().to_owned();
    for (name, value) in fields {
        // A String takes all that is written to it.
        let _ = write!(signed, " {name}={value:?}");
    }
    signed + "\n"
}

/// Before what the line says. A name that the line has itself is the line's: no key may stand twice.
fn json(line: &str, fields: &[(String, String)]) -> String {
    let Some(rest) = line.strip_prefix('{') else { return line.to_owned() };
    let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
    let own = |name: &String| line.contains(&format!("{}:", quoted(name)));
    let more = fields.iter().filter(|(name, _)| !own(name));
    let more: String = more.map(|(name, value)| format!("{}:{},", quoted(name), quoted(value))).collect();
    format!("{{{more}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_the_fields_and_its_own_stay() {
        let fields = [("service", "a \"b\""), ("level", "none")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(text("INFO it runs\n", &fields), "INFO it runs service=\"a \\\"b\\\"\" level=\"none\"\n");
        let line = "{\"level\":\"INFO\",\"message\":\"it runs\"}\n";
        assert_eq!(json(line, &fields), format!("{{\"service\":\"a \\\"b\\\"\",{}", &line[1..]));
        assert_eq!((text(line, &[]), json(line, &[])), (line.to_owned(), line.to_owned()));
    }
}
