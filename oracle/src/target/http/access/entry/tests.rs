use proofhouse_model::{Dialect, Op, UploadRef};

use super::super::Trust;
use super::*;
use crate::target::http::server::{Reply, Server, reply};
use crate::target::http::tests::{JSON, get};
use crate::target::http::{HttpOptions, HttpTarget};
use crate::target::{Target as _, TargetError};

const REALM: &str = "https://auth.example/token";

fn alice() -> Credentials {
    Credentials::password("alice", Secret::new("secret")).unwrap()
}

fn entry(base: &str, credentials: Credentials) -> Entry {
    Entry::new(Url::parse(base).unwrap(), Access { credentials, trust: Trust::default() })
}

fn want(method: &Method, url: &str) -> Want {
    Want::of(method, &Url::parse(url).unwrap())
}

fn challenge(value: &str) -> HeaderMap {
    [(reqwest::header::WWW_AUTHENTICATE, value.parse().unwrap())].into_iter().collect()
}

fn answer(status: u16, body: &str) -> Received {
    let answer = crate::wire::Answer { status, body: body.into(), ..Default::default() };
    Received { answer, trouble: None }
}

fn bearer(entry: &mut Entry, want: &Want, value: &str) -> Grant {
    match entry.challenged(want, &challenge(value), None, Instant::now()) {
        Ok(Key::Get(grant)) => grant,
        other => panic!("{other:?}"),
    }
}

/// What is asked of a server, if the credentials may go there.
fn asked(base: &str, realm: &str, credentials: Credentials) -> Result<Request, TargetError> {
    let mut entry = entry(base, credentials);
    let grant = bearer(&mut entry, &want(&Method::GET, base), &format!("Bearer realm=\"{realm}\""));
    entry.request(&grant)
}

#[test]
fn requests_that_need_the_same_right_in_the_same_repository_need_the_same_token() {
    let blob = want(&Method::GET, "https://r/v2/a/b/blobs/sha256:0");
    assert_eq!(blob, want(&Method::HEAD, "https://r/v2/a/b/manifests/t?x=y"));
    assert_eq!(blob, want(&Method::GET, "https://r/v2/a/b/tags/list"));
    let upload = want(&Method::POST, "https://r/v2/a/b/blobs/uploads/");
    assert_eq!(upload, want(&Method::PATCH, "https://r/v2/a/b/blobs/uploads/x?_state=1&from=c"));
    assert_eq!(upload, want(&Method::DELETE, "https://r/v2/a/b/blobs/uploads/x"));
    let others = [
        want(&Method::DELETE, "https://r/v2/a/b/blobs/sha256:0"),
        want(&Method::GET, "https://r/v2/a/blobs/sha256:0"),
        want(&Method::POST, "https://r/v2/a/b/blobs/uploads/?mount=sha256:0&from=c"),
        want(&Method::GET, "https://r/v2/"),
    ];
    assert!(!others.contains(&blob) && !others.contains(&upload));
}

#[test]
fn a_token_is_asked_for_what_the_challenge_names_and_for_the_repository_of_a_mount() {
    let mut entry = entry("https://r/", alice());
    let value = format!("Bearer realm=\"{REALM}?a=b\",service=\"my house\",scope=\"repository:a:pull,push x:y:z\"");
    let mount = want(&Method::POST, "https://r/v2/a/blobs/uploads/?mount=sha256:0&from=b%2Fc");
    let grant = bearer(&mut entry, &mount, &value);
    let request = entry.request(&grant).unwrap();
    let query: Vec<_> = request.url.query_pairs().into_owned().collect();
    let expected = [
        ("a", "b"),
        ("service", "my house"),
        ("scope", "repository:a:pull,push"),
        ("scope", "x:y:z"),
        ("scope", "repository:b/c:pull"),
    ];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(request.headers[AUTHORIZATION], "Basic YWxpY2U6c2VjcmV0");
    assert!(!format!("{entry:?} {request:?}").contains("secret\""), "{request:?}");

    // The registry thought of it itself.
    let value = format!("Bearer realm=\"{REALM}\",scope=\"repository:a:push repository:b/c:pull,push\"");
    assert_eq!(bearer(&mut entry, &mount, &value).scopes.len(), 2);
}

#[test]
fn an_identity_is_traded_and_nobody_asks_without_credentials() {
    let identity = asked("https://r/", REALM, Credentials::Identity(Secret::new("i&t"))).unwrap();
    assert_eq!((identity.method, identity.url.as_str()), (Method::POST, REALM));
    let form = "grant_type=refresh_token&client_id=proofhouse&scope=&service=&refresh_token=i%26t";
    assert_eq!(identity.body, Some(Content::from(form)));
    let nobody = asked("https://r/", REALM, Credentials::Nobody).unwrap();
    assert_eq!((nobody.method, nobody.url.as_str(), nobody.headers.len()), (Method::GET, REALM, 0));
}

#[test]
fn credentials_go_only_where_nobody_can_read_them_on_the_way() {
    let outcome = |base: &str, realm: &str, credentials: Credentials| match asked(base, realm, credentials) {
        Ok(_) => "goes",
        Err(TargetError::Exposed { .. }) => "exposed",
        Err(error) => panic!("{error}"),
    };
    for (base, realm, expected) in [
        ("https://r/", "https://elsewhere.example/t", "goes"),
        ("https://r/", "http://elsewhere.example/t", "exposed"),
        ("https://r/", "http://r/t", "exposed"),
        ("https://r/", "http://127.0.0.1:1/t", "goes"),
        ("http://localhost:5000/", "http://localhost:6000/t", "goes"),
        ("http://[::1]:5000/", "http://elsewhere.example/t", "exposed"),
        ("http://r/", "https://elsewhere.example/t", "exposed"),
    ] {
        assert_eq!(outcome(base, realm, alice()), expected, "{base} {realm}");
        assert_eq!(outcome(base, realm, Credentials::Nobody), "goes", "there is nothing to read");
    }
    let mut open =
        Entry::new(Url::parse("http://r/").unwrap(), Access { credentials: alice(), trust: Trust::anybody() });
    let ping = want(&Method::GET, "http://r/v2/");
    let mut may = |realm: &str| {
        let grant = bearer(&mut open, &ping, &format!("Bearer realm=\"{realm}\""));
        open.request(&grant).is_ok()
    };
    assert!(may("http://r:1/t") && !may("http://elsewhere.example/t"));
    let mut plain = entry("http://r/", alice());
    let refused = plain.challenged(&ping, &challenge("Basic realm=x"), None, Instant::now()).unwrap_err().to_string();
    let expected =
        "credentials would go unencrypted to http://r: use https, or --insecure if nobody listens on the way";
    assert_eq!(refused, expected);
}

#[test]
fn nobody_is_sent_on_from_https_to_http() {
    let asked = |base: &str, url: &str| entry(base, Credentials::Nobody).may_ask(&Url::parse(url).unwrap());
    for (base, url) in [("http://r/", "https://s/x"), ("https://r/", "https://s/x"), ("http://r/", "http://s/x")] {
        assert!(asked(base, url).is_ok());
    }
    let why = asked("https://r/", "http://r/v2/a?signature=x").unwrap_err().to_string();
    let expected = "https://r is reached over https, and sends its clients on to http://r/v2/a, which is not: no client should follow";
    assert_eq!(why, expected);
    assert!(matches!(asked("http://r/", "ftp://r/x"), Err(TargetError::Unsupported(_))));
}

#[test]
fn a_token_is_shown_until_it_expires() {
    let now = Instant::now();
    let after = |seconds| now + Duration::from_secs(seconds);
    for (body, good) in [
        (r#"{"token":"t"}"#, 54),
        (r#"{"access_token":"t","expires_in":300}"#, 294),
        (r#"{"token":"t","access_token":"u","expires_in":10}"#, 8),
    ] {
        let mut entry = entry("https://r/", alice());
        let want = want(&Method::GET, "https://r/v2/");
        let grant = bearer(&mut entry, &want, &format!("Bearer realm=\"{REALM}\""));
        let header = entry.take(grant.clone(), answer(200, body), now).unwrap();
        assert!(header == "Bearer t" && header.is_sensitive());
        assert!(matches!(entry.known(&want, after(good)), Ok(Key::Show(shown)) if shown == header), "{body}");
        assert!(matches!(entry.known(&want, after(good + 2)), Ok(Key::Get(again)) if again == grant), "{body}");
        // Another request that needs the same is shown it, too. Refused before that, it is good for nothing any more.
        let other = self::want(&Method::GET, "https://r/v2/_catalog");
        let value = challenge(&format!("Bearer realm=\"{REALM}\""));
        assert!(matches!(entry.challenged(&other, &value, None, now), Ok(Key::Show(shown)) if shown == header));
        assert!(matches!(entry.challenged(&other, &value, Some(&header), now), Ok(Key::Get(_))));
        assert!(matches!(entry.known(&want, now), Ok(Key::Get(_))));
    }
}

#[test]
fn a_server_that_gives_no_token_is_named() {
    let told = |credentials: Credentials, status: u16, body: &str| {
        let mut entry = entry("https://r/", credentials);
        let grant = bearer(&mut entry, &want(&Method::GET, "https://r/v2/"), &format!("Bearer realm=\"{REALM}?q\""));
        entry.take(grant, answer(status, body), Instant::now()).unwrap_err().to_string()
    };
    let refuses = format!("{REALM} refuses these credentials: the request for a token is answered with 401");
    assert_eq!(told(alice(), 401, ""), refuses);
    assert!(told(Credentials::Identity(Secret::new("i")), 400, "").contains("refuses these credentials"));
    assert!(told(Credentials::Nobody, 403, "").starts_with(&format!("{REALM} wants credentials: ")));
    let server = format!("the registry sends its clients for tokens to {REALM}, which ");
    assert_eq!(told(alice(), 500, ""), format!("{server}answers 500"));
    for body in ["", "{}", r#"{"token":""}"#, r#"{"token":7}"#] {
        assert_eq!(told(alice(), 200, body), format!("{server}gives no token: there is none in its answer"));
    }
    assert_eq!(told(alice(), 200, "{\"token\":\"a\\nb\"}"), format!("{server}gives a token that no header can hold"));

    let mut entry = entry("https://r/", alice());
    for realm in ["", "/token", "ftp://a/", "https://user:pw@a/"] {
        let value = challenge(&format!("Bearer realm=\"{realm}\""));
        let error = entry.challenged(&want(&Method::GET, "https://r/v2/"), &value, None, Instant::now()).unwrap_err();
        assert!(error.to_string().ends_with("which is no URL of http or https"), "{error}");
    }
}

fn with(credentials: Credentials) -> HttpOptions {
    let access = Access { credentials, trust: Trust::default() };
    HttpOptions { namespace: Some("ns".into()), access, ..HttpOptions::new(Dialect::Oci) }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn ok() -> Reply {
    reply(200, &[JSON], "{}")
}

fn refusal(challenge: &str) -> Reply {
    reply(401, &[("WWW-Authenticate", challenge), JSON], r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#)
}

/// What was shown with each request.
fn shown(server: &Server) -> Vec<Option<String>> {
    let of = |headers: &[String]| headers.iter().find_map(|it| it.strip_prefix("authorization: ").map(str::to_owned));
    server.asked().iter().map(|asked| of(&asked.headers)).collect()
}

#[test]
fn a_password_is_shown_once_it_is_asked_for_and_refused_once() {
    let basic = Some("basic ywxpy2u6c2vjcmv0".to_owned());
    let missing = reply(404, &[JSON], r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#);
    let refused = refusal("Negotiate, Basic realm=\"r\"");
    let server = Server::start(vec![refused.clone(), ok(), missing, refused.clone(), ok()]);
    let why = block_on(async {
        let mut target = HttpTarget::connect(&server.url, with(alice())).await.unwrap();
        target.perform(&get(None)).await;
        assert!(target.interruption().is_none());
        target.perform(&get(None)).await;
        target.interruption().unwrap().to_string()
    });
    assert_eq!(shown(&server), [None, basic.clone(), basic.clone(), basic]);
    assert!(why.starts_with(&format!("{} refuses these credentials: GET /v2/", server.url)), "{why}");
    assert!(!why.contains("secret"), "{why}");
}

#[test]
fn a_redirect_takes_no_credentials_to_another_server() {
    let other = Server::start(vec![reply(404, &[JSON], r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#)]);
    let elsewhere = format!("{}/blob?signature=s", other.url);
    let to_self = reply(307, &[("Location", "/again")], "");
    let away = reply(307, &[("Location", &elsewhere)], "");
    let server = Server::start(vec![refusal("Basic realm=r"), ok(), to_self, away]);
    block_on(async {
        let mut target = HttpTarget::connect(&server.url, with(alice())).await.unwrap();
        target.perform(&get(None)).await;
        assert!(target.interruption().is_none());
    });
    let basic = Some("basic ywxpy2u6c2vjcmv0".to_owned());
    assert_eq!(shown(&server), [None, basic.clone(), basic.clone(), basic]);
    assert_eq!(shown(&other), [None]);
}

#[test]
fn an_upload_on_another_server_takes_no_credentials_there() {
    let other = Server::start(vec![refusal("Basic realm=r")]);
    let location = format!("{}/upload", other.url);
    let headers = [("Location", &*location), ("Docker-Upload-UUID", "u"), ("Range", "0-0")];
    let server = Server::start(vec![refusal("Basic realm=r"), ok(), reply(202, &headers, "")]);
    let why = block_on(async {
        let mut target = HttpTarget::connect(&server.url, with(alice())).await.unwrap();
        target.perform(&Op::StartUpload { repo: "a".into(), upload: UploadRef(1) }).await;
        let append = Op::Append { repo: "a".into(), upload: UploadRef(1), range: None, bytes: "x".into() };
        target.perform(&append).await;
        target.interruption().unwrap().to_string()
    });
    assert_eq!(shown(&other), [None]);
    let ours = format!(", and those for {} are not for it", server.url);
    assert!(
        why.starts_with(&format!("{} wants credentials: PATCH /upload", other.url)) && why.ends_with(&ours),
        "{why}"
    );
}

#[test]
fn a_token_is_got_once_for_all_that_it_is_good_for_and_again_when_it_is_refused() {
    let missing = || reply(404, &[JSON], r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#);
    let tokens = Server::start(["p", "a", "b"].map(|it| reply(200, &[], &format!(r#"{{"token":"{it}"}}"#))).into());
    let ask = |scope: &str| refusal(&format!("Bearer realm=\"{}/t\",service=\"s\"{scope}", tokens.url));
    let pull = || ask(",scope=\"repository:ns/x:pull\"");
    let script = vec![ask(""), ok(), pull(), missing(), missing(), pull(), missing()];
    let server = Server::start(script);
    block_on(async {
        let mut target = HttpTarget::connect(&server.url, with(Credentials::Nobody)).await.unwrap();
        for _ in 0..3 {
            target.perform(&get(None)).await;
            assert!(target.interruption().is_none());
        }
    });
    let bearer = |token: &str| Some(format!("bearer {token}"));
    let expected = [None, bearer("p"), None, bearer("a"), bearer("a"), bearer("a"), bearer("b")];
    assert_eq!(shown(&server), expected);
    let lines: Vec<String> = tokens.asked().into_iter().map(|asked| asked.line).collect();
    let scoped = "GET /t?service=s&scope=repository%3Ans%2Fx%3Apull HTTP/1.1";
    assert_eq!(lines, ["GET /t?service=s HTTP/1.1", scoped, scoped]);
}
