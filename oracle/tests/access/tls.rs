//! Whose certificates are believed.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use super::served::{Check, Served, htpasswd, tls_of};

#[test]
fn a_certificate_that_is_not_trusted_is_told_with_what_helps() {
    let served = Served::behind_tls();
    let unknown = served.check(&[]).run();
    let why = format!(
        "the certificate of {} is not trusted: no authority that is known here has signed it; --ca FILE names the authority \
         that signed it, and --insecure takes any certificate",
        served.url
    );
    assert!(unknown.could_not().contains(&why), "{unknown:?}");
    let elsewhere = served.url.replace("127.0.0.1", "127.0.0.2");
    let ca = served.file("ca.pem");
    let other = Check::of(&elsewhere).with(&["--ca", ca.to_str().unwrap()]).run();
    // Only where the address is that of the server, too.
    assert!(["nothing answers", "it is for another name"].iter().any(|it| other.could_not().contains(it)), "{other:?}");
    let localhost = Check::of(&served.url.replace("127.0.0.1", "localhost"));
    let trusted = localhost.with(&["--ca", ca.to_str().unwrap()]).run();
    assert!(trusted.could_not().contains("wants credentials"), "{trusted:?}");
}

#[test]
fn who_verifies_nothing_is_told_so_before_anything_else() {
    let served = Served::behind_tls();
    let user = ["--insecure", "--username", "alice", "--password-stdin"];
    let warning = "--insecure: no certificate is verified, and credentials go to whoever answers";
    let ran = served.check(&user).stdin("secret").run();
    ran.conforms();
    assert_eq!(ran.stdout.lines().next(), Some(warning));
    let ran = served.check(&user).with(&["--format", "json"]).stdin("secret").run();
    ran.conforms();
    assert_eq!(ran.stderr.lines().next(), Some(warning));
    assert!(serde_json::from_str::<serde_json::Value>(&ran.stdout).is_ok(), "{ran:?}");
}

#[test]
fn a_server_that_does_not_speak_tls_is_told() {
    let served = Served::start(htpasswd);
    let https = served.url.replace("http:", "https:");
    let ran = Check::of(&https).run();
    let why = format!("cannot use {https}: what listens there does not speak TLS; try {}", served.url);
    assert!(ran.could_not().contains(&why), "{ran:?}");
}

#[test]
fn an_authority_that_serves_by_its_own_certificate_is_told_what_is_wrong() {
    let served = Served::start(|directory| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        tls_of(directory, &params.self_signed(&key).unwrap(), &key)
    });
    let ran = served.check(&["--ca", served.file("tls.crt").to_str().unwrap()]).run();
    let why = ran.could_not();
    assert!(why.contains("it is an authority's own (CA:TRUE)") && why.contains("CA:FALSE"), "{why}");
    assert!(!why.contains("OtherError"), "{why}");
}

#[test]
fn a_file_without_authorities_is_named() {
    let served = Served::start(|_| String::new());
    let file = served.file("none.pem");
    fs::write(&file, "").unwrap();
    let ran = served.check(&["--ca", file.to_str().unwrap()]).run();
    assert!(ran.could_not().contains("none.pem has no certificate in PEM"), "{ran:?}");
}
