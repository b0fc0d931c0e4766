//! The sequence of a divergence as a diagram: clients on the left, the registry on the right, time from top to bottom.
//!
//! It is a table. A message reaches from its client's lane to the registry's, with an arrow that says which way it goes; the one that
//! is wrong says so, and beside it stands what was permitted.

use std::fmt::Write as _;

use super::super::xml::escaped;
use super::super::{Diverged, SHOWN, foreign, issue, words};

/// Something that goes from a client to the registry, or back.
struct Message<'a> {
    /// From 0.
    client: usize,
    /// Of the step or call, from 1.
    number: usize,
    kind: Kind<'a>,
}

enum Kind<'a> {
    /// Method and URL where it has them, and what that is in words.
    Request(String, &'a str),
    Answer(&'a str),
    Wrong(&'a str),
}

pub(super) fn render(divergence: &Diverged) -> String {
    let clients = divergence.history.iter().map(|told| told.call.client + 1).max().unwrap_or(1);
    let mut out =
        String::from("<table class=\"sequence\">\n<caption>The shortest sequence</caption>\n<tr><th>Step</th>");
    for client in 1..=clients {
        let name = if clients == 1 { "Client".to_owned() } else { format!("Client {client}") };
        let _ = write!(out, "<th>{name}</th>");
    }
    out += "<th>What is sent</th><th>Registry</th><th>Remarks</th></tr>\n";
    for message in messages(divergence) {
        row(&mut out, clients, &message, divergence);
    }
    out += "</table>\n";
    if !divergence.history.is_empty() {
        let _ = writeln!(out, "<p>Not permitted: {}</p>", escaped(&divergence.seen));
    }
    out
}

/// In the order in which they were sent.
fn messages(divergence: &Diverged) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    let last = divergence.steps.len();
    for (at, step) in divergence.steps.iter().enumerate() {
        let (client, number) = (0, at + 1);
        messages.push(Message { client, number, kind: Kind::Request(issue::request_line(&step.op), &step.request) });
        let wrong = number == last && divergence.history.is_empty();
        let kind = if wrong { Kind::Wrong(&divergence.seen) } else { Kind::Answer(&step.seen) };
        messages.push(Message { client, number, kind });
    }
    let mut events = Vec::new();
    for (at, told) in divergence.history.iter().enumerate() {
        let (client, number) = (told.call.client, last + at + 1);
        let request = Kind::Request(issue::request_line(&told.call.op), &told.request);
        events.push((told.call.called, Message { client, number, kind: request }));
        events.push((told.call.returned, Message { client, number, kind: Kind::Answer(&told.seen) }));
    }
    events.sort_by_key(|(at, _)| *at);
    messages.extend(events.into_iter().map(|(_, message)| message));
    messages
}

fn row(out: &mut String, clients: usize, message: &Message, divergence: &Diverged) {
    let shown = |text: &str| escaped(&foreign(&words::marked(&issue::unescaped(text)), SHOWN));
    let wrong = matches!(message.kind, Kind::Wrong(_));
    let _ = write!(out, "<tr{}><td>{}</td>", if wrong { " class=\"wrong\"" } else { "" }, message.number);
    for client in 0..clients {
        let dot = if client == message.client { "●" } else { "│" };
        let _ = write!(out, "<td class=\"lane\">{dot}</td>");
    }
    let (text, remarks) = match &message.kind {
        Kind::Request(line, request) => (format!("<code>{}</code> ──▶", shown(line)), shown(request)),
        Kind::Answer(seen) => (format!("◀── {}", shown(seen)), String::new()),
        Kind::Wrong(seen) => {
            let mut remarks = String::from("<strong>not permitted</strong>");
            for (at, permitted) in divergence.permitted.iter().enumerate() {
                let (expect, rule) = (shown(&permitted.expect), escaped(&permitted.rule));
                let or = if at == 0 { "permitted" } else { "or" };
                let _ = write!(remarks, "<br/>{or}: {expect} [<code>{rule}</code>]");
            }
            (format!("◀── {}", shown(seen)), remarks)
        }
    };
    let _ = writeln!(out, "<td class=\"message\">{text}</td><td class=\"lane\">●</td><td>{remarks}</td></tr>");
}
