//! Where credentials come from, and where they do not go.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::thread;

use super::served::{AUTH, Check, Served, htpasswd};

#[test]
fn a_registry_behind_tls_and_a_password_is_checked() {
    let served = Served::behind_tls();
    for (name, line) in [("text", "secret\n"), ("json", "secret\r\n")] {
        let flags = ["--username", "alice", "--password-stdin", "--format", name];
        served.trusted().with(&flags).stdin(line).run().conforms();
    }
    let environment = || served.trusted().env("PROOFHOUSE_USERNAME", "alice").env("PROOFHOUSE_PASSWORD", "secret");
    environment().run().conforms();
    // The flags count before the environment.
    let refused = environment().with(&["--username", "alice", "--password-stdin"]).stdin("wrong").run();
    assert!(refused.could_not().contains("refuses these credentials"), "{refused:?}");
}

#[test]
fn the_file_of_docker_or_podman_is_read_where_they_keep_it() {
    let served = Served::behind_tls();
    let host = served.url.strip_prefix("https://").unwrap();
    let text = format!(r#"{{"auths": {{"{host}": {{"auth": "{AUTH}"}}}}}}"#);
    for path in ["docker/.docker/config.json", "podman/containers/auth.json", "named.json"] {
        fs::create_dir_all(served.file(path).parent().unwrap()).unwrap();
        fs::write(served.file(path), &text).unwrap();
    }
    let named = served.file("named.json");
    served.trusted().with(&["--authfile", named.to_str().unwrap()]).run().conforms();
    served.trusted().env("REGISTRY_AUTH_FILE", &named).run().conforms();
    served.trusted().env("HOME", served.file("docker")).run().conforms();
    served.trusted().env("XDG_RUNTIME_DIR", served.file("podman")).run().conforms();

    fs::write(&named, format!(r#"{{"auths": {{"{host}": {{}}}}, "credsStore": "desktop"}}"#)).unwrap();
    let kept = served.trusted().with(&["--authfile", named.to_str().unwrap()]).run();
    let advice = "named.json leaves them to the helper \"desktop\", which is not run; use --username NAME";
    assert!(kept.could_not().contains(advice), "{kept:?}");
}

#[test]
fn credentials_that_are_missing_or_wrong_end_the_run() {
    let served = Served::start(htpasswd);
    let missing = served.check(&[]).run();
    let wants = format!("{} wants credentials: GET /v2/ is answered with 401", served.url);
    assert!(missing.could_not().contains(&wants), "{missing:?}");
    let wrong = served.check(&["--username", "alice", "--password-stdin"]).stdin("wrong").run();
    let refuses = format!("{} refuses these credentials: GET /v2/ is answered with 401", served.url);
    assert!(wrong.could_not().contains(&refuses), "{wrong:?}");
    let token = served.check(&[]).env("PROOFHOUSE_TOKEN", "secret").run();
    assert!(token.could_not().contains("refuses these credentials"), "{token:?}");
}

#[test]
fn credentials_that_cannot_be_told_are_named() {
    let url = "http://127.0.0.1:1";
    let user = ["--username", "alice", "--password-stdin"];
    for (check, named) in [
        (Check::of(url).with(&["--username", "alice"]), "--password-stdin"),
        (Check::of(url).with(&["--password-stdin"]), "--username"),
        (Check::of(url).with(&user), "there is no password on stdin"),
        (Check::of(url).with(&["--username", "a:b", "--password-stdin"]).stdin("secret"), "the user name \"a:b\""),
        (
            Check::of(url).env("PROOFHOUSE_USERNAME", "alice"),
            "PROOFHOUSE_USERNAME is set, and PROOFHOUSE_PASSWORD is not",
        ),
        (
            Check::of(url).env("PROOFHOUSE_PASSWORD", "secret"),
            "PROOFHOUSE_PASSWORD is set, and PROOFHOUSE_USERNAME is not",
        ),
        (
            Check::of(url).env("PROOFHOUSE_PASSWORD", "secret").env("PROOFHOUSE_TOKEN", "secret"),
            "PROOFHOUSE_TOKEN is set beside",
        ),
        (Check::of(url).with(&["--authfile", "/no/such/file"]), "cannot read /no/such/file"),
        (Check::of(url).env("REGISTRY_AUTH_FILE", "/no/such/file"), "cannot read /no/such/file"),
        (Check::of("http://alice:secret@127.0.0.1:1"), "http://***@127.0.0.1:1: credentials do not belong in a URL"),
        (Check::of(url).env("PROOFHOUSE_USERNAME", "").env("PROOFHOUSE_PASSWORD", ""), "nothing answers"),
    ] {
        let ran = check.run();
        assert!(ran.could_not().contains(named), "{named}: {ran:?}");
    }
}

/// A server that wants a password and, once it has it, gives answers that break a rule of the wire.
fn wanting() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
            let answer = match (request.contains(AUTH), request.starts_with("GET /v2/ ")) {
                (false, _) => format!("HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm=\"r\"\r\n{end}"),
                (true, true) => format!("HTTP/1.1 200 OK\r\n{end}"),
                (true, false) => format!("HTTP/1.1 404 X\r\nLocation: /a\r\nLocation: /b\r\n{end}"),
            };
            let _ = stream.write_all(answer.as_bytes());
            // A connection that is closed with something unread is reset, and the answer may be lost with it.
            let _ = stream.shutdown(Shutdown::Write);
            let _ = io::copy(&mut stream, &mut io::sink());
        }
    });
    url
}

#[test]
fn the_command_that_reproduces_a_divergence_has_no_password_in_it() {
    let url = wanting();
    for format in ["text", "json"] {
        let flags = ["--username", "alice", "--password-stdin", "--format", format];
        let ran = Check::of(&url).with(&flags).stdin("secret").run();
        assert_eq!(ran.status, 1, "{ran:?}");
        let flat = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("--username alice --password-stdin"), "{ran:?}");
    }
}
