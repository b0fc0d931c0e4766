//! Finding the registry at a URL, and saying what is there if it is none.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use super::session::Session;
use super::transport::Trouble;
use crate::target::TargetError;
use crate::wire::headers;

/// The URL of a registry's root; it ends with `/`. Without a scheme it is `http`.
///
/// # Errors
/// [`TargetError::BadUrl`]: it is none of a registry. A password in it is not told.
pub fn registry_url(text: &str) -> Result<Url, TargetError> {
    let bad = |reason: &str| TargetError::BadUrl { url: text.to_owned(), reason: reason.to_owned() };
    if text.trim().is_empty() {
        return Err(TargetError::BadUrl {
            url: format!("{text:?}"),
            reason: "it is empty; a registry is written such as http://localhost:5000".to_owned(),
        });
    }
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    // Before anything else is said of it: what stands there may be a password.
    if let Some((_, host)) = whole.rsplit_once('@') {
        let scheme = if whole.starts_with("https:") { "https" } else { "http" };
        return Err(TargetError::BadUrl {
            url: format!("{scheme}://***@{host}"),
            reason: "credentials do not belong in a URL; use --username NAME --password-stdin".to_owned(),
        });
    }
    let mut url = Url::parse(&whole).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(&format!("{} is no scheme of a registry", url.scheme())));
    }
    if !matches!(url.path(), "/" | "/v2" | "/v2/") || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("a registry stands at the root of its host: leave the path out"));
    }
    url.set_path("/");
    Ok(url)
}

/// Says of a registry that is not found that its scheme was only assumed, if `text` had none.
pub(super) fn assuming(text: &str, error: TargetError) -> TargetError {
    match error {
        TargetError::Unreachable { url, reason } if !text.contains("://") => {
            let reason = format!("{reason}; http:// was assumed, since {text:?} does not say http:// or https://");
            TargetError::Unreachable { url, reason }
        }
        error => error,
    }
}

/// How a URL is shown in a message.
pub(super) fn shown(base: &Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

/// Asks for the root of the API.
pub(super) async fn ping(session: &mut Session, base: &Url) -> Result<(), TargetError> {
    let url = base.join("v2/").map_err(|error| TargetError::BadUrl { url: shown(base), reason: error.to_string() })?;
    let received = session.ping(url).await?;
    let answer = received.answer;
    let not = |status: String| TargetError::NotARegistry { url: shown(base), status };
    let unreachable = |reason: String| TargetError::Unreachable { url: shown(base), reason };
    let host = base.host_str().unwrap_or_default();
    match received.trouble {
        Some(Trouble::NoAddress) => return Err(unreachable(format!("no address is known of the host {host}"))),
        Some(Trouble::NotListening) => return Err(unreachable("connection refused: nobody listens there".to_owned())),
        // A server that wants TLS says that it is spoken to wrongly in TLS, in HTTP, or not at all.
        Some(Trouble::NotHttp | Trouble::Closed | Trouble::Cut) if hides_tls(base).await => return Err(tls(base)),
        Some(Trouble::NotTls) => {
            let reason = format!("what listens there does not speak TLS; try {}", other_scheme(base, "http"));
            return Err(TargetError::BadUrl { url: shown(base), reason });
        }
        Some(Trouble::NotHttp) => return Err(unreachable("what answers there does not speak HTTP".to_owned())),
        Some(Trouble::NoConnection | Trouble::Distrusted | Trouble::Closed | Trouble::Late) => {
            return Err(unreachable(answer.failure.unwrap_or_default()));
        }
        Some(Trouble::Cut) => {
            return Err(not(format!("{}, but {}", answer.status, answer.failure.unwrap_or_default())));
        }
        None => {}
    }
    let content_type = headers::text(&answer.headers, "content-type").unwrap_or_default();
    match answer.status {
        200 if content_type.starts_with("text/html") => Err(not(format!("200 with {content_type}"))),
        200 => Ok(()),
        400 if hides_tls(base).await => Err(tls(base)),
        status @ 300..=399 => {
            let location = headers::text(&answer.headers, "location").and_then(|it| base.join(it).ok());
            let location = location.map(|it| format!(" and sends its clients to {}", &it[..url::Position::AfterPath]));
            Err(not(format!("{status}{}", location.unwrap_or_default())))
        }
        status => Err(not(status.to_string())),
    }
}

fn tls(base: &Url) -> TargetError {
    let reason = format!("what listens there speaks TLS; try {}", other_scheme(base, "https"));
    TargetError::BadUrl { url: shown(base), reason }
}

fn other_scheme(base: &Url, scheme: &str) -> String {
    let mut other = base.clone();
    // One of http and https can always take the place of the other.
    other.set_scheme(scheme).map_or_else(|()| shown(base), |()| shown(&other))
}

/// A TLS 1.2 `ClientHello` of one cipher suite and no extension: enough for an answer, be it an alert.
const CLIENT_HELLO: [u8; 52] = {
    let mut hello = [0x5a; 52];
    let head = [22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3];
    let tail = [0, 0, 2, 0xc0, 0x2f, 1, 0, 0, 0];
    let mut at = 0;
    while at < head.len() {
        hello[at] = head[at];
        at += 1;
    }
    // In between stand 32 random bytes; these are as good as others.
    at = 0;
    while at < tail.len() {
        hello[head.len() + 32 + at] = tail[at];
        at += 1;
    }
    hello
};

/// Is it spoken to without TLS, and answers a handshake?
async fn hides_tls(base: &Url) -> bool {
    if base.scheme() != "http" {
        return false;
    }
    let (Some(host), Some(port)) = (base.host_str(), base.port_or_known_default()) else { return false };
    // `[::1]` is an address without its brackets.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let asked = async {
        let mut stream = TcpStream::connect((host, port)).await?;
        stream.write_all(&CLIENT_HELLO).await?;
        let mut head = [0; 3];
        stream.read_exact(&mut head).await.map(|_| head)
    };
    // Records of the handshake, and alerts.
    let answered = tokio::time::timeout(Duration::from_secs(2), asked).await;
    matches!(answered, Ok(Ok([21 | 22, 3, _])))
}

#[cfg(test)]
mod tests {
    use proofhouse_model::Dialect;

    use super::super::server::{Reply, Server, reply};
    use super::super::{HttpOptions, HttpTarget};
    use super::*;

    fn connect_with(url: &str, options: HttpOptions) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(HttpTarget::connect(url, options)).unwrap_err().to_string()
    }

    fn connect(url: &str) -> String {
        connect_with(url, HttpOptions::new(Dialect::Oci))
    }

    /// What is said of a server that answers so, again and again.
    fn answers(answer: &Reply) -> String {
        let server = Server::start(vec![answer.clone(); 8]);
        connect(&server.url).replace(&server.url, "URL")
    }

    #[test]
    fn a_url_that_cannot_be_tested_is_an_error_that_says_why() {
        assert!(connect("ftp://registry.example").contains("ftp is no scheme of a registry"));
        assert!(connect("http://registry.example/sub/path").contains("leave the path out"));
        let right = "credentials do not belong in a URL; use --username NAME --password-stdin";
        for url in ["http://user:sec/ret@registry.example", "https://user:secret@[", "user:s://ecret@registry.example"]
        {
            let told = connect(url);
            assert!(told.contains(right) && !told.contains("sec") && !told.contains("ecret"), "{told}");
        }
        assert!(connect("http://[").contains("cannot use http://["));
        for empty in ["", " "] {
            assert!(connect(empty).contains("it is empty; a registry is written such as http://localhost:5000"));
        }
    }

    #[test]
    fn what_does_not_answer_is_told_apart() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let nobody = format!("nothing answers at http://{closed}: connection refused: nobody listens there");
        assert_eq!(connect(&format!("http://{closed}")), nobody);
        let unknown = "nothing answers at http://registry.invalid: no address is known of the host registry.invalid";
        assert_eq!(connect("http://registry.invalid"), unknown);
        let ssh = Reply::Cut(b"SSH-2.0-OpenSSH_9.6\r\n".into());
        assert_eq!(answers(&ssh), "nothing answers at URL: what answers there does not speak HTTP");
        assert!(answers(&Reply::Cut(Vec::new())).starts_with("nothing answers at URL: connection closed"));
    }

    #[test]
    fn what_is_no_registry_is_told_apart() {
        assert_eq!(answers(&reply(404, &[], "")), "URL is not a registry: GET /v2/ answered 404");
        assert!(answers(&reply(200, &[("Content-Type", "text/html")], "")).contains("200 with text/html"));
        let moved = reply(308, &[("Location", "https://registry.example/v2/?x=y")], "");
        let told = "URL is not a registry: GET /v2/ answered 308 and sends its clients to https://registry.example/v2/";
        assert_eq!(answers(&moved), told);
        let short = Reply::Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".into());
        assert!(answers(&short).contains("answered 200, but the body of a 200 breaks off after 1 of 9 bytes"));
    }

    #[test]
    fn a_registry_that_is_silent_from_the_first_is_said_to_be() {
        let server = Server::start(vec![Reply::Hang]);
        let options = HttpOptions { timeout: Duration::from_millis(50), ..HttpOptions::new(Dialect::Oci) };
        assert_eq!(connect_with(&server.url, options), format!("{} does not answer within 50ms", server.url));
    }

    #[test]
    fn a_server_that_speaks_tls_is_told_from_one_that_does_not_speak_http() {
        use std::io::{Read as _, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                // An alert, whatever is asked: what a server does that wants another handshake.
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]);
            }
        });
        let https = url.replace("http:", "https:");
        assert_eq!(connect(&url), format!("cannot use {url}: what listens there speaks TLS; try {https}"));
    }

    #[test]
    fn the_hello_is_as_long_as_it_says() {
        assert_eq!(usize::from(CLIENT_HELLO[4]), CLIENT_HELLO.len() - 5);
        assert_eq!(usize::from(CLIENT_HELLO[8]), CLIENT_HELLO.len() - 9);
        assert_eq!(CLIENT_HELLO[43..], [0, 0, 2, 0xc0, 0x2f, 1, 0, 0, 0]);
    }
}
