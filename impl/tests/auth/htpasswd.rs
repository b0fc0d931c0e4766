//! Users and passwords from a file.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofhouse_registry::auth::{
    Access, Authorizer, Denied, Htpasswd, HtpasswdError, HtpasswdLineError, HtpasswdOptions,
};
use proofhouse_registry::driver::ManualClock;

use super::{ask, challenge};

fn line(user: &str, password: &str) -> String {
    format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Puts a file in the place of another one, as careful tools do: it is another file, whatever the clock says.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

fn open(path: &Path, now: u64) -> Result<Htpasswd, HtpasswdError> {
    let options = HtpasswdOptions { realm: "the \"house\"".into(), path: path.to_owned() };
    Htpasswd::open(options, Arc::new(ManualClock::at(now)))
}

async fn enters(house: &dyn Authorizer, user: &str, password: &str) -> bool {
    match ask(house, Some(&basic(user, password)), &[Access::delete("a")]).await {
        Ok(name) => name == user,
        Err(Denied::Unauthorized { .. }) => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// Long before a file is written its looks are not trusted; long after they are.
const CLOCKS: [u64; 2] = [1_000, 10_000_000_000];

#[tokio::test]
async fn a_user_enters_with_the_right_password_and_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    std::fs::write(&path, line("alice", "se:cret") + &line("bob", "geheim")).unwrap();
    for now in CLOCKS {
        let house = open(&path, now).unwrap();
        for _ in 0..2 {
            assert!(enters(&house, "alice", "se:cret").await);
            assert!(enters(&house, "bob", "geheim").await);
            for (user, password) in
                [("alice", "geheim"), ("alice", "se:cret "), ("alice", ""), ("", ""), ("carol", "geheim")]
            {
                assert!(!enters(&house, user, password).await, "{user} {password}");
            }
        }
    }
}

#[tokio::test]
async fn whoever_shows_no_good_credentials_is_told_the_realm() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    std::fs::write(&path, line("alice", "secret")).unwrap();
    let house = open(&path, 1_000).unwrap();
    let wrong = basic("alice", "wrong");
    for shown in [None, Some("Bearer abc"), Some("Basic"), Some("Basic %%%"), Some("Basic YQ=="), Some(&*wrong)] {
        let answer = ask(&house, shown, &[]).await;
        assert_eq!(challenge(answer), r#"Basic realm="the \"house\"""#, "{shown:?}");
    }
}

#[tokio::test]
async fn a_change_of_the_file_holds_from_the_next_request_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    for now in CLOCKS {
        replace(&path, &(line("alice", "secret") + &line("bob", "geheim")));
        let house = open(&path, now).unwrap();
        assert!(enters(&house, "alice", "secret").await);
        assert!(enters(&house, "bob", "geheim").await);
        replace(&path, &(line("alice", "new") + &line("carol", "x")));
        assert!(!enters(&house, "alice", "secret").await);
        assert!(!enters(&house, "bob", "geheim").await);
        assert!(enters(&house, "alice", "new").await);
        assert!(enters(&house, "carol", "x").await);
    }
}

#[tokio::test]
async fn while_the_file_cannot_be_used_nobody_enters() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    for now in CLOCKS {
        let good = line("alice", "secret");
        replace(&path, &good);
        let house = open(&path, now).unwrap();
        assert!(enters(&house, "alice", "secret").await);
        for broken in [Some(good.clone() + "bob:plain\n"), Some(String::new()), None] {
            match &broken {
                Some(text) => replace(&path, text),
                None => std::fs::remove_file(&path).unwrap(),
            }
            for user in ["alice", "bob"] {
                let answer = ask(&house, Some(&basic(user, "secret")), &[]).await;
                assert_eq!(answer, Err(Denied::Unavailable), "{broken:?}");
            }
            replace(&path, &good);
            assert!(enters(&house, "alice", "secret").await);
        }
    }
}

#[test]
fn a_file_that_lets_nobody_in_is_an_error_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    assert!(matches!(open(&path, 1_000), Err(HtpasswdError::File { .. })));
    assert!(!path.exists(), "no file is made up");
    std::fs::write(&path, "# nobody\n").unwrap();
    assert!(matches!(open(&path, 1_000), Err(HtpasswdError::Empty { .. })));
    std::fs::write(&path, line("alice", "secret") + "\nbob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    let error = open(&path, 1_000).unwrap_err();
    assert!(matches!(error, HtpasswdError::Line { line: 3, problem: HtpasswdLineError::NotBcrypt, .. }));
    let text = error.to_string();
    assert!(text.contains("line 3") && !text.contains("5en6"), "{text}");
}

#[tokio::test]
async fn many_at_once_are_each_answered_rightly() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    std::fs::write(&path, line("alice", "secret")).unwrap();
    let house = open(&path, 1_000).unwrap();
    let asked = (0..64).map(|n| {
        let house = &house;
        async move { (n % 2 == 0, enters(house, "alice", if n % 2 == 0 { "secret" } else { "wrong" }).await) }
    });
    for (expected, entered) in futures::future::join_all(asked).await {
        assert_eq!(entered, expected);
    }
}
